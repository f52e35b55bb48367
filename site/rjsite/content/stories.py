"""The list of stories with its filters: kind of harm, way of taking part, who began it and how it ended.

Filters are plain links with counts, and readers can combine filters. The order of stories never depends on
what somebody has read, so that nothing leads from a milder story to a harder one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress, islice
from typing import get_args
from urllib.parse import urlencode

from rjsite.content.model import Story
from rjsite.content.schema import Beginner, Ending, Harm, Way

PAGE_SIZE = 12
NOT_KNOWN = "not known"  # not offered as a filter
MOST_DIGITS = 9


@dataclass(frozen=True, slots=True)
class Facet:
    """A property by which stories can be filtered."""

    name: str  # in the query string
    title: str
    heading: str  # a template for a value, for the heading of a filtered list
    values: tuple[str, ...]
    values_of: Callable[[Story], tuple[str, ...]]
    phrases: Mapping[str, str] = field(default_factory=dict, hash=False)  # words for values in `heading`


_WAYS = {"meeting": "a meeting", "letter": "a letter", "talk with our team": "a talk with our team"}
_PEOPLE = {"police": "the police", **{who: f"the {who}" for who in ("person harmed", "person responsible")}}
_ENDINGS = {
    "met": "with a meeting",
    "messages passed on": "with messages passed on",
    "letter written": "with a letter",
    "the other person did not take part": "when the other person did not take part",
}
FACETS = (
    Facet("harm", "Kind of harm", "about {}", get_args(Harm), lambda story: story.harm),
    Facet("way", "Way of communicating", "with {}", get_args(Way), lambda story: story.way, _WAYS),
    Facet("began", "Who began it", "begun by {}", get_args(Beginner), lambda s: (s.began_by,), _PEOPLE),
    Facet("ended", "How it ended", "that ended {}", get_args(Ending), lambda s: (s.ended,), _ENDINGS),
)


@dataclass(frozen=True, slots=True)
class Option:
    """A value to filter by, the number of stories that would be left, and the link to set or remove it."""

    label: str
    count: int
    href: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of the list of stories."""

    title: str
    address: str
    stories: tuple[Story, ...]
    total: int
    facets: tuple[tuple[str, tuple[Option, ...]], ...]
    page: int
    pages: int
    before: str  # the address of the previous page, or empty
    after: str
    chosen: bool  # whether a filter is set


def newest_first(stories: Iterable[Story]) -> tuple[Story, ...]:
    """Return stories in the order of the list: newest first, then by title."""
    return tuple(sorted(stories, key=lambda story: (-story.published.toordinal(), story.title)))


class StoryIndex:
    """Finds and counts stories by their values. Bit masks keep this fast even with 10,000 stories.

    Args:
        stories: all stories, in the order of the list.
    """

    def __init__(self, stories: Sequence[Story]) -> None:
        self.stories = stories
        self.masks = {facet: dict.fromkeys(facet.values, 0) for facet in FACETS}
        for number, story in enumerate(stories):
            for facet, values in self.masks.items():
                for value in facet.values_of(story):
                    values[value] |= 1 << number

    def listing(self, title: str, address: str, asked: Mapping[str, str]) -> Listing | None:
        """Return one page of the stories that match a query, or None if there is no such page.

        Args:
            title: the title of the whole list.
            address: the address of the whole list.
            asked: the query. Unknown names in it are ignored.
        """
        chosen = {facet.name: asked[facet.name] for facet in FACETS if asked.get(facet.name)}
        matching = self._matching_mask(chosen)
        total = matching.bit_count()
        pages = max(1, -(-total // PAGE_SIZE))
        page = _page(asked.get("page", ""))
        if (chosen and not matching) or not 1 <= page <= pages:
            return None
        matching_stories = compress(self.stories, map(int, reversed(f"{matching:b}")))
        return Listing(
            title=_title(title, chosen, page),
            address=_address(address, chosen, page),
            stories=tuple(islice(matching_stories, (page - 1) * PAGE_SIZE, page * PAGE_SIZE)),
            total=total,
            facets=tuple((facet.title, self._options(facet, chosen, address)) for facet in FACETS),
            page=page,
            pages=pages,
            before=_address(address, chosen, page - 1) if page > 1 else "",
            after=_address(address, chosen, page + 1) if page < pages else "",
            chosen=bool(chosen),
        )

    def _matching_mask(self, chosen: Mapping[str, str]) -> int:
        """Return a bit mask of the stories that match every chosen value."""
        matching = (1 << len(self.stories)) - 1
        for facet, values in self.masks.items():
            if facet.name in chosen:
                matching &= values.get(chosen[facet.name], 0)
        return matching

    def _options(self, facet: Facet, chosen: Mapping[str, str], address: str) -> tuple[Option, ...]:
        others = {name: value for name, value in chosen.items() if name != facet.name}
        left = self._matching_mask(others)
        now = chosen.get(facet.name)
        return tuple(
            Option(
                label=value[0].upper() + value[1:],
                count=count,
                href=_address(address, others if value == now else {**others, facet.name: value}, 1),
                chosen=value == now,
            )
            for value, mask in self.masks[facet].items()
            if value != NOT_KNOWN and (count := (left & mask).bit_count())
        )


def _page(asked: str) -> int:
    """Return the page number: 1 if the text is not a number, or 0 (no page) if the number is too long."""
    if not asked.isdecimal():
        return 1
    return int(asked) if len(asked) <= MOST_DIGITS else 0


def _title(title: str, chosen: Mapping[str, str], page: int) -> str:
    values = [(facet, chosen[facet.name]) for facet in FACETS if facet.name in chosen]
    filters = [facet.heading.format(facet.phrases.get(value, value)) for facet, value in values]
    return title + (f" {', '.join(filters)}" if filters else "") + (f" (page {page})" if page > 1 else "")


def _address(address: str, chosen: Mapping[str, str], page: int) -> str:
    """Return the canonical URL (without the host) of a filtered list, with the filters in a fixed order."""
    query = [(facet.name, chosen[facet.name]) for facet in FACETS if facet.name in chosen]
    query += [("page", str(page))] if page > 1 else []
    return address + (f"?{urlencode(query)}" if query else "")
