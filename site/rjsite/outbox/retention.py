"""Wipes the body of each email, and later deletes its row, once the mail server has accepted the email.

The setting RJSITE_HOLD_HOURS says how long a body is kept. If it is 0, `claims.py` wipes the body at once.
"""

from __future__ import annotations

from sqlalchemy import and_, delete, update

from rjsite.outbox.schema import outbox
from rjsite.outbox.store import Outbox

KEEP_ROWS = 30 * 86400.0  # seconds from acceptance until a wiped row is deleted
CLOCK_ERROR = 3600.0  # seconds; a time further in the future comes from a wrong clock


def purge(box: Outbox, hold_hours: float) -> int:
    """Wipe the bodies of emails accepted more than `hold_hours` ago, and delete wiped rows after thirty days.

    A time of acceptance more than an hour in the future comes from a wrong clock. The current time replaces
    it, so that no body is kept too long.

    Returns:
        The number of bodies that were wiped.
    """
    now = box.clock()
    ahead = outbox.c.accepted_at > now + CLOCK_ERROR
    expired = and_(outbox.c.accepted_at < now - hold_hours * 3600, outbox.c.wiped_at.is_(None))
    old = and_(outbox.c.wiped_at.is_not(None), outbox.c.accepted_at < now - KEEP_ROWS)
    with box.engine.begin() as connection:
        connection.execute(update(outbox).where(ahead).values(accepted_at=now))
        wiped = connection.execute(update(outbox).where(expired).values(sealed=None, wiped_at=now)).rowcount
        connection.execute(delete(outbox).where(old))
    if wiped or box.log_needs_truncating:
        box.truncate_log()
    return wiped
