"""Keeps the last good version of each content file, for when a mistake keeps the current one hidden.

Stories are not kept, because an older version may contain something that somebody asked to have removed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

# The site and its forms need these files and folders, so their copies are used even if they are gone.
NEEDED = ("service.toml", "house-rules.toml", "outcomes", "errors")

# Finds the field in a file with other mistakes too, and however it is written: in curly quotes, after a
# no-break space, or with its answer on the next line.
_DRAFT = re.compile(
    rb"""(?:^|\r)[ \t]*["']?draft["']?[ \t]*:(?:[^\w#\r\n]|[\r\n]+[ \t])*(?:true|yes|on)\b""",
    re.IGNORECASE | re.MULTILINE,
)


def is_withdrawn(file: Path) -> bool:
    """Return whether a file was deleted or is marked as a draft."""
    try:
        return bool(_DRAFT.search(file.read_bytes())) if file.is_file() else not file.exists()
    except OSError:
        return False


class LastGood:
    """The last good copies of the files in a content folder.

    Args:
        source: the content folder.
        copies: a folder for the copies and nothing else. It is created with the first copy.
    """

    def __init__(self, source: Path, copies: Path) -> None:
        self.source = source
        self.copies = copies

    def of(self, name: str) -> Path | None:
        """Return the path of the copy of a file or folder, or None if there is no copy to use.

        The copy of a withdrawn file (see `is_withdrawn`) is used only if `NEEDED` names it or its folder.
        """
        copy = self.copies / name
        if not copy.exists() or (is_withdrawn(self.source / name) and not name.startswith(NEEDED)):
            return None
        return copy

    def keep(self, files: Mapping[str, bytes]) -> None:
        """Write copies of usable files except drafts, and delete the copies that `of` no longer returns.

        Args:
            files: the content of each file, by name.

        Raises:
            OSError: if a copy cannot be written or deleted.
        """
        for name, written in files.items():
            copy = self.copies / name
            if not _DRAFT.search(written) and not (copy.is_file() and copy.read_bytes() == written):
                copy.parent.mkdir(parents=True, exist_ok=True)
                part = copy.with_name(f".{uuid4().hex}.part")
                part.write_bytes(written)
                part.replace(copy)
        for copy in self.copies.rglob("*.*"):
            name = copy.relative_to(self.copies).as_posix()
            if not name.startswith(NEEDED) and is_withdrawn(self.source / name):
                copy.unlink(missing_ok=True)
