"""The checks of `rjsite doctor`, which report what somebody has to do on this machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rjsite.settings import Settings


class NotChecked(str):
    """A line about something that could not be checked. The line does not ask anybody to do anything."""

    __slots__ = ()


@dataclass(frozen=True)
class Site:
    """The site as the checks see it.

    Attributes:
        settings: the settings, with defaults for those that cannot be used.
        faults: a line for each fault in the settings.
        given: everything that was set, by name, including HOST and PORT.
    """

    settings: Settings
    faults: Sequence[str] = ()
    given: Mapping[str, str] = field(default_factory=dict)
