"""The HTML standard's own view of a page."""

from __future__ import annotations

import html5lib


def markup_errors(html: str) -> list[str]:
    """List each fault as `line: name`; an empty list is a page without one."""
    parser = html5lib.HTMLParser()
    parser.parse(html)
    return [f"{place[0]}: {name} {values or ''}".rstrip() for place, name, values in parser.errors]
