"""Making an app has no effects outside the process. Effects wait until the app handles a request."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import pytest

from rjsite import create_app
from rjsite.settings import Settings
from support.processes import in_a_child

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
EFFECTS = ("socket.__new__", "sqlite3.", "subprocess.", "os.mkdir", "os.rename", "os.remove", "os.chmod")
STORES = [
    {},  # SQLite and files
    {"database_url": "postgresql+psycopg://nobody@127.0.0.1:9/none"},
    {"ratelimit_storage_uri": "redis://127.0.0.1:9"},
]


def effects_of_making(all_settings: list[Settings]) -> list[str]:
    """Return what making apps does outside the process. Call it in a child, because audit hooks stay.

    The names of the events are in the "Audit events table" of Python's manual.
    """
    seen = []

    def note(event: str, arguments: tuple[object, ...]) -> None:
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING
        if writes or event.startswith(EFFECTS):
            seen.append(f"{event} {arguments}")

    def start(self: threading.Thread) -> None:
        seen.append(f"thread {self.name}")

    threading.Thread.start = start  # type: ignore[method-assign]
    sys.addaudithook(note)
    for settings in all_settings:
        create_app(settings)
    return list(seen)


def test_making_an_app_writes_nothing_connects_to_nothing_and_starts_nothing(
    content: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Use content that no other test has loaded into memory."""
    monkeypatch.setenv("RJSITE_CONTENT_DIR", str(content))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    all_settings = [
        Settings.load(mode="development", data_dir=tmp_path / "var", **stores) for stores in STORES
    ]

    def work() -> bool:
        seen = effects_of_making(all_settings)
        print(*seen, sep="\n", flush=True)
        return not seen

    assert in_a_child(work)
    assert not (tmp_path / "var").exists()
