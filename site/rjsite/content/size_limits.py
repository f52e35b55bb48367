"""Size limits, well above the size of any real page, so that no file can slow down or break the site.

Markdown takes quadratic time for some texts, and Python stops recursion that is too deep. Any file within
these limits is rendered in about a second at most.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from pathlib import Path

from rjsite.content.problem import Problem, Unreadable

MARKDOWN_BYTES = 60_000  # ten times the length of the longest page
OTHER_BYTES = 100_000
FIELDS = 10_000  # characters between the lines of dashes
LINES = 2_000
LINE = 3_000  # characters
WORD = 1_000  # characters; the longest addresses have about 500
HEADING = 300  # characters
HEADINGS = 200
TOGETHER = 400  # consecutive lines without an empty line
COLUMNS = 50
OPEN_BRACKETS = 20
SIGNS = 2_000  # the signs * _ ` and \ together

CLOSED = "this file cannot be opened; put it back, or delete it"

_LINK = re.compile(r"\[[^\[\]]*\](?:\([^()]*\)|(?!\())")
_EMPTY_LINES = re.compile(r"\n\s*\n")
_LONG_LINE = re.compile(rf"^.{{{LINE + 1}}}", re.MULTILINE)
_TOO_DEEP = "there are too many levels of lists or quotations here; use one or two levels"
# The order matters: the first pattern finds lines that are too long, for which the others would be slow.
_IN_BODY = {
    _LONG_LINE: f"this line has more than {LINE} characters; begin a new paragraph within it",
    re.compile(r"^---[ \t]*\n(?:\w+:.*\n){2,}---[ \t]*$", re.MULTILINE): (
        "a second page begins here; keep one page in a file, and delete the rest"
    ),
    re.compile(r"^(?:[ \t]*(?:>|[-*+:][ \t]|\d+[.)][ \t])){9}", re.MULTILINE): _TOO_DEEP,
    re.compile(r"^(?: {4}| {0,3}\t){11}", re.MULTILINE): _TOO_DEEP,
    re.compile(rf"^(?:[^|\n]*\|){{{COLUMNS + 1}}}", re.MULTILINE): (
        f"this table has more than {COLUMNS} columns; make smaller tables of it"
    ),
    re.compile(rf"^#.{{{HEADING}}}", re.MULTILINE): (
        f"this heading has more than {HEADING} characters; make it shorter"
    ),
    re.compile(rf"(?<!\S)\S{{{WORD + 1}}}"): f"more than {WORD} characters without a space; write words",
}


def read_bytes(path: Path, display_path: Path) -> bytes:
    """Return the content of a file.

    Args:
        path: the file.
        display_path: the file's name in messages, which begins with the name of the content folder.

    Raises:
        Unreadable: if the file is missing, too large, outside the content folder or not a regular file, or
            if it cannot be opened.
    """
    *inside, folder = path.parents[: max(len(display_path.parts) - 1, 1)]
    most = MARKDOWN_BYTES if path.suffix == ".md" else OTHER_BYTES
    try:
        status = path.stat()
        # Resolving is slow, so only paths with links are resolved.
        linked = any(part.is_symlink() for part in (path, *inside))
        if linked and not path.resolve().is_relative_to(folder.resolve()):
            message = "this is a link to a file elsewhere; put the file itself here"
        elif not stat.S_ISREG(status.st_mode):
            message = "this is not a file; delete it, or put a file here"
        elif not (message := too_large(status.st_size, most)):
            return path.read_bytes()
    except FileNotFoundError:
        message = CLOSED if path.is_symlink() else "this file is missing; put it back"
    except (OSError, RuntimeError):  # a symbolic link to itself raises RuntimeError
        message = CLOSED
    raise Unreadable(Problem(display_path, 1, message))


def too_large(size: int, most: int = MARKDOWN_BYTES) -> str:
    """Return what to do about a file that is too large, or "" if the size in bytes is allowed."""
    if size <= most:
        return ""
    return f"this file has {size // 1000} KB, and {most // 1000} is the most; make it shorter"


def exceeded_limits(fields: str, body: str) -> Iterator[tuple[int, str]]:
    """Yield a line index and a message for each limit that a Markdown file exceeds.

    Args:
        fields: the text between the lines of dashes.
        body: the text below the fields.
    """
    if len(fields) > FIELDS:
        yield 0, f"the fields have more than {FIELDS} characters; make them shorter"
    above = fields.count("\n") + 3
    for pattern, message in _IN_BODY.items():
        if match := pattern.search(body):
            yield above + body.count("\n", 0, match.start()), message
    yield from ((above, message) for message in _too_many(body))


def exceeded_limits_in_toml(text: str) -> Iterator[tuple[int, str]]:
    """Yield a line index and a message for each limit that a TOML file exceeds."""
    if text.count("\n") > LINES:
        yield LINES, f"this file has more than {LINES} lines; make it shorter"
    if match := _LONG_LINE.search(text):
        number = text.count("\n", 0, match.start())
        yield number, f"this line has more than {LINE} characters; make it shorter"


def _too_many(body: str) -> Iterator[str]:
    if body.count("\n") > LINES:
        yield f"this page has more than {LINES} lines; make several pages of it"
    if body.count("\n#") > HEADINGS:
        yield f"this page has more than {HEADINGS} headings; make several pages of it"
    if body.count("[") > OPEN_BRACKETS and _LINK.sub("", body).count("[") > OPEN_BRACKETS:
        yield f"more than {OPEN_BRACKETS} brackets [ are not closed; write links as [words](/address)"
    if sum(body.count(sign) for sign in "*_`\\") > SIGNS:
        yield f"this page has more than {SIGNS} signs * _ ` and \\; take out those that it does not need"
    if any(lines.count("\n") >= TOGETHER for lines in _EMPTY_LINES.split(body)):
        yield f"more than {TOGETHER} lines without an empty one; put an empty line between paragraphs"
