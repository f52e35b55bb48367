"""Writes mail to files in a folder instead of sending it, for development."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask_mail import Connection

from rjsite.mail.message import OutgoingMail


class FolderConnection(Connection):
    """A connection that writes each message to a file atomically."""

    def __init__(self, state: Any, folder: Path) -> None:
        super().__init__(state)
        self.folder = folder
        self.offered: Callable[[], None] = lambda: None

    def __enter__(self) -> FolderConnection:
        return self

    def __exit__(self, *_: Any) -> None:
        """Do nothing, because nothing is open."""

    def send(self, message: Any, envelope_from: Any = None) -> None:
        """Write the message to a file."""
        self.offered()
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.NamedTemporaryFile(dir=self.folder, prefix=".", delete=False) as file:
            file.write(message.as_bytes())
            file.flush()
            os.fsync(file.fileno())
        Path(file.name).replace(self._free_name(message.outgoing))

    def _free_name(self, outgoing: OutgoingMail) -> Path:
        """Return the path for a message. If other messages have the same name, a number is added to the name.

        An identical message is written to the same file again.
        """
        number = 1
        while True:
            path = self.folder / (f"{outgoing.name}.eml" if number == 1 else f"{outgoing.name}-{number}.eml")
            if not path.exists() or path.read_bytes() == outgoing.body:
                return path
            number += 1
