"""Signs that a program sent a form. It is delivered like any other, and the mail says why it is marked."""

from __future__ import annotations

import re
from collections.abc import Iterable

from rjsite.forms.referral import FAST

TOO_FAST = ("less than 1 second", "1 second", "2 seconds")  # after the page was opened; people take longer
MANY_LINKS = 3
_LINK = re.compile(r"(?:https?://|www\.)\S", re.IGNORECASE)


def signs_of_spam(trap: str, age: float, typed: Iterable[str]) -> dict[str, str]:
    """Each sign by name, with the sentence that tells the team of it.

    Args:
        trap: what the hidden field holds. age: seconds since the page was opened; below zero where
            another machine's clock opened it. typed: the answers.
    """
    found = {}
    if trap:
        found["trap"] = "A hidden field that people do not see was filled in."
    links = sum(len(_LINK.findall(words)) for words in typed)
    if links >= MANY_LINKS:
        found["links"] = f"It holds {links} web links."
    if 0 <= age < len(TOO_FAST):
        found[FAST] = f"It was sent {TOO_FAST[int(age)]} after the page was opened."
    return found
