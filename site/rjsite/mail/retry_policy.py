"""Decides when an email is tried again after a failed delivery."""

from __future__ import annotations

import random

from rjsite.mail.smtp_errors import MailFailure

# In seconds. Each wait varies by up to a tenth, so that not all emails become due together.
FIRST_WAIT = 60.0  # doubled with each attempt
LONGEST_WAIT = 3600.0  # even after a permanent refusal
UNANSWERED_WAIT = 240.0  # the server may have the email


def wait_before_retry(attempts: int, failure: MailFailure) -> float:
    """Return the seconds that an email waits after a failed attempt.

    Args:
        attempts: how often the email has been tried, including this attempt.
        failure: why the attempt failed.
    """
    wait = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(attempts - 1, 10))
    if failure.unanswered:
        wait = UNANSWERED_WAIT
    elif failure.permanent:
        wait = LONGEST_WAIT
    return wait * random.uniform(0.9, 1.1)  # noqa: S311 - no secret
