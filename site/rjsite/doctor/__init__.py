"""`rjsite doctor`: what is in order on this machine, and what somebody has to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rjsite.settings import Settings


class NotSeen(str):
    """A line about something that could not be looked at. Nobody has to do anything about it."""

    __slots__ = ()


@dataclass(frozen=True)
class Site:
    """What the checks look at.

    Attributes:
        settings: with defaults in place of what cannot be used.
        faults: a line for each setting that is missing or cannot be used.
        given: all that was set, by name, also HOST and PORT.
    """

    settings: Settings
    faults: Sequence[str] = ()
    given: Mapping[str, str] = field(default_factory=dict)
