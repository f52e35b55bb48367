"""Making an app only wires it: whatever has an effect waits until the app handles a request."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

# Prints what making an app does outside its process: audit events (Python's manual, "Audit events table").
WATCH = """
import os, sys, threading
from pathlib import Path
from rjsite import create_app
from rjsite.settings import Settings

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
EFFECTS = ("socket.__new__", "sqlite3.", "subprocess.", "os.mkdir", "os.rename", "os.remove", "os.chmod")
watching = False

def note(event, arguments):
    writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING
    if watching and (writes or event.startswith(EFFECTS)):
        print(event, *arguments)

def start(thread, begin=threading.Thread.start):
    print("thread", thread.name)
    begin(thread)

sys.addaudithook(note)
threading.Thread.start = start
for stores in eval(sys.argv[2]):
    settings = Settings.load(mode="development", data_dir=Path(sys.argv[1]), **stores)
    watching = True
    create_app(settings)
    watching = False
"""
STORES: list[dict[str, str]] = [
    {},  # SQLite and files
    {"database_url": "postgresql+psycopg://nobody@127.0.0.1:9/none"},
    {"ratelimit_storage_uri": "redis://127.0.0.1:9"},
]


def test_making_an_app_writes_nothing_connects_to_nothing_and_starts_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-B", "-c", WATCH, str(tmp_path / "var"), repr(STORES)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stderr, done.stdout) == (0, "", "")
