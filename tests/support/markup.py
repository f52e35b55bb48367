"""Checks pages against the HTML standard."""

from __future__ import annotations

import html5lib


def markup_errors(html: str) -> list[str]:
    """Return each fault in a page as `line: name`."""
    parser = html5lib.HTMLParser()
    parser.parse(html)
    return [f"{place[0]}: {name} {values or ''}".rstrip() for place, name, values in parser.errors]
