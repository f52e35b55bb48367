"""Finds signs that a program sent a form. The form is still delivered, and the email names the signs."""

from __future__ import annotations

import re
from collections.abc import Iterable

from rjsite.forms.referral import FAST

TOO_FAST = ("less than 1 second", "1 second", "2 seconds")  # by whole seconds since the page was opened
MANY_LINKS = 3
_LINK = re.compile(r"(?:https?://|www\.)\S", re.IGNORECASE)


def signs_of_spam(trap: str, age: float, typed: Iterable[str]) -> dict[str, str]:
    """Return the signs of spam by name, each with a sentence for the team.

    Args:
        trap: what was typed in the hidden field.
        age: seconds since the page was opened; below zero if the clock of another machine is fast.
        typed: the answers that were typed, not chosen.
    """
    signs = {}
    if trap:
        signs["trap"] = "A hidden field that people do not see was filled in."
    links = sum(len(_LINK.findall(text)) for text in typed)
    if links >= MANY_LINKS:
        signs["links"] = f"It holds {links} web links."
    if 0 <= age < len(TOO_FAST):
        signs[FAST] = f"It was sent {TOO_FAST[int(age)]} after the page was opened."
    return signs
