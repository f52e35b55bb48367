"""Short lists that outlive releases, rollbacks and restarts: files with one entry per line, in `data_dir`."""

from __future__ import annotations

import os
from collections.abc import Callable
from errno import EILSEQ
from pathlib import Path
from uuid import uuid4

from rjsite.content.lock import locked

HIDDEN_STORIES = "hidden-stories"
PUBLISHED_FOLDERS = "published-folders"

Stamp = tuple[int, int, int]


class ListFile:
    """A list in a file. Several processes may read it while one changes it.

    Args:
        folder: the data folder.
        name: the file in this folder, such as `hidden-stories`.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.path = folder / name

    def stamp(self) -> Stamp | None:
        """Return a value that changes whenever the list changes, or None if there is no list.

        If the file cannot be looked up, the value consists of zeros.
        """
        try:
            status = self.path.stat()
        except FileNotFoundError:
            return None
        except OSError:
            return 0, 0, 0
        return status.st_ino, status.st_mtime_ns, status.st_size

    def read(self) -> set[str]:
        """Return the entries.

        Raises:
            OSError: if the list exists but cannot be read, or is not UTF-8.
        """
        try:
            text = self.path.read_text(encoding="utf-8-sig")  # some editors begin a file with a BOM
            return {line.strip() for line in text.split("\n")} - {""}
        except FileNotFoundError:
            return set()
        except UnicodeError:
            message = f"{self.path} is damaged; put a copy back, or move it away and make the list again"
            raise OSError(EILSEQ, message) from None

    def add(self, entry: str) -> None:
        """Add an entry to the list."""
        self._change(lambda entries: entries | {entry})

    def remove(self, entry: str) -> None:
        """Remove an entry from the list."""
        self._change(lambda entries: entries - {entry})

    def _change(self, change: Callable[[set[str]], set[str]]) -> None:
        with locked(self.path.parent) as folder:
            before = self.read()
            after = change(before)
            if after == before:  # nothing is written, because the disk may be full
                return
            part = self.path.with_name(f".{uuid4().hex}.part")
            with part.open("w", encoding="utf-8") as file:
                file.writelines(f"{entry}\n" for entry in sorted(after))
                file.flush()
                os.fsync(file.fileno())
            part.chmod(0o644)  # the site must be able to read a list that another user changed
            part.replace(self.path)
            os.fsync(folder)
