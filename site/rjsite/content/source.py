"""Reads the text of a content file, without invisible characters from editors or pasting."""

from __future__ import annotations

import re
from pathlib import Path

from rjsite.content.problem import Problem, Unreadable
from rjsite.content.size_limits import read_bytes

CONFLICT = re.compile(r"^(?:<{7,}|={7,}|>{7,}|\|{7,})(?:[ \t]|$)", re.MULTILINE)
_REFUSED = {
    CONFLICT: "Git has left two versions here; keep one, and delete the lines of <<<, === and >>> signs",
    re.compile(r"[\x00-\x08\x0e-\x1f\x7f]"): (
        "there is an invisible control character here; delete the line and type it again"
    ),
}

_LINE_END = re.compile(r"\r\n?")
# Some programs treat these characters as line endings, but editors do not count them in line numbers.
_OTHER_LINE_ENDS = "\v\f\x1c\x1d\x1e\x85\u2028\u2029"
_SPACES = "\xa0\u1680\u2000-\u200a\u202f\u205f\u3000"
# Soft hyphens, zero-width spaces, byte order marks and directional marks. Zero-width joiners stay,
# because some scripts and emoji need them.
_INVISIBLE = "\xad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff"
_PASTED = re.compile(f"([{_OTHER_LINE_ENDS}{_SPACES}])|[{_INVISIBLE}]")


def read_source(path: Path, display_path: Path) -> str:
    """Return the text of a file with normalised spaces and line endings, without invisible characters.

    Args:
        path: the file.
        display_path: the file's name in messages.

    Raises:
        Unreadable: if the file cannot be read (see `read_bytes`), is not UTF-8, or contains a Git merge
            conflict or a control character.
    """
    return clean(read_bytes(path, display_path), display_path)


def clean(written: bytes, display_path: Path) -> str:
    """Return the content of a file as text, cleaned as in `read_source`.

    Args:
        written: the bytes of the file.
        display_path: the file's name in messages.

    Raises:
        Unreadable: if the file is not UTF-8, or contains a Git merge conflict or a control character.
    """
    text = _LINE_END.sub("\n", _decoded(written, display_path))
    text = _PASTED.sub(lambda match: " " if match[1] else "", text)
    for pattern, message in _REFUSED.items():
        if match := pattern.search(text):
            raise Unreadable(Problem(display_path, text.count("\n", 0, match.start()) + 1, message))
    return text


def _decoded(written: bytes, display_path: Path) -> str:
    try:
        text = written.decode("utf-8-sig")
        wrong = text.find("\0")  # UTF-16 without a byte order mark looks like UTF-8 full of nulls
        before = text[: max(wrong, 0)].encode()
    except UnicodeDecodeError as error:
        wrong, before = error.start, written[: error.start]
    if wrong < 0:
        return text
    message = "save the file as UTF-8 (your editor's “Save with encoding”)"
    raise Unreadable(Problem(display_path, before.count(b"\n") + 1, message))
