"""Checks mail and the outbox without connecting to the mail server: refused sign-ins can lock an account."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from rjsite.doctor import Site
from rjsite.encryption.smime import TeamCertificates
from rjsite.mail.advice import advice
from rjsite.mail.credentials import credentials_digest, expiry_warnings
from rjsite.mail.sign_in_gate import Gate
from rjsite.outbox import operator
from rjsite.outbox.database import DATABASE_ERRORS
from rjsite.outbox.recovery import corrupt_files, sqlite_file
from rjsite.outbox.store import Outbox
from rjsite.services import make_outbox

LATE = 15 * 60  # seconds


def check_sealing(site: Site) -> Iterator[str]:
    """Yield a line if the team's mail provider could read what people send."""
    if site.settings.production and not site.settings.team_certificates:
        yield (
            "mail is not encrypted for the team: whoever can read its mailboxes can read every form. Set "
            "RJSITE_TEAM_CERTIFICATES (docs/reading-sealed-mail.md)"
        )


def check_certificates(site: Site) -> Iterator[str]:
    """Yield a line for each mail certificate or client secret that expires soon or at an unknown time."""
    yield from TeamCertificates(site.settings.team_certificates).warnings()
    yield from expiry_warnings(site.settings)
    if site.settings.mail_oauth_client_secret and not site.settings.mail_oauth_secret_ends:
        yield "Set RJSITE_MAIL_OAUTH_SECRET_ENDS: without it, nobody is warned before the secret expires"


def check_outbox(site: Site) -> Iterator[str]:
    """Yield a line for each problem with the outbox, or with the last sign-in to the mail server.

    The problems are waiting mail, a database that is missing or cannot be used, and corrupt files beside it.
    """
    url = site.settings.outbox_url
    file = sqlite_file(url)
    if file is None or file.is_file():  # otherwise, the first use would create it
        try:
            box = make_outbox(site.settings)
            yield from _waiting(box)
            yield from _sign_in(site, box)
        except DATABASE_ERRORS as error:
            yield f"the database of the outbox cannot be used ({type(error).__name__}): see the log"
    elif site.settings.production:
        yield "there is no outbox yet: start the site"
    for corrupt in corrupt_files(url):  # after the first use, which moves a corrupt file aside
        yield f"a damaged outbox was moved aside: {corrupt.name} (docs/running-it.md)"


def _waiting(box: Outbox) -> Iterator[str]:
    queue = operator.queue_status(box)
    if queue.failures or queue.oldest > LATE:
        why = ", ".join(sorted(queue.failures)) or "the site has not tried to send them"
        yield f"emails waiting: {queue.mails}, the oldest for {queue.oldest / 60:.0f} minutes: {why}"
    for failure in sorted(queue.failures):
        if text := advice(failure):
            yield f"{failure}: {text}"


def _sign_in(site: Site, box: Outbox) -> Iterator[str]:
    """Yield a line if the last sign-in failed, with the reason and the time of the next sign-in if known."""
    state = Gate(lambda: box.engine, lambda: credentials_digest(site.settings)).state()
    if state.failure:
        until = f"{datetime.fromtimestamp(state.closed_until, UTC):%H:%M} UTC"
        yield f"the last sign-in to the mail server failed ({state.failure}); the site tries again at {until}"
    elif state.refusals:
        yield f"sign-ins to the mail server fail ({state.refusals} so far): rjsite mail check"
