"""Fixtures: an outbox in a folder of its own, and a small content folder.

These tests run several parts of the site together, with a database, git, threads or a server inside the test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import Engine

from rjsite.encryption.at_rest import RowCipher
from rjsite.outbox import database
from rjsite.outbox.database import open_database
from rjsite.outbox.migrate import migrate
from rjsite.outbox.store import Outbox
from support.clock import Clock
from support.small_content import content, make_content

__all__ = ["content", "make_content"]


@pytest.fixture
def clock() -> Clock:
    """Return the clock of the outbox."""
    return Clock()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Return the path of the outbox."""
    return tmp_path / "data" / "outbox.sqlite3"


@pytest.fixture
def half_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make outboxes opened from now on wait half a second for a lock instead of three."""
    monkeypatch.setattr(database, "WAIT_FOR_LOCK", 0.5)


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return an empty, migrated database of the outbox."""
    file = tmp_path_factory.mktemp("migrated") / "outbox.sqlite3"
    engine = open_database(f"sqlite:///{file}")
    migrate(engine)
    engine.dispose()
    return file.read_bytes()


@pytest.fixture
def opened(place: Path, clock: Clock, migrated: bytes) -> Iterator[Callable[..., Outbox]]:
    """Return a function that opens the outbox with given keys or a shared one, each time with a new engine.

    The file begins as a copy of `migrated`, because a migration takes longer than most tests.
    """
    engines: list[Engine] = []
    key = Fernet.generate_key().decode()

    def make(*keys: str, max_waiting: int = 1000, envelopes_from: str = "") -> Outbox:
        if not engines and not place.exists():
            place.parent.mkdir(mode=0o700, exist_ok=True)
            place.write_bytes(migrated)
        engine = open_database(f"sqlite:///{place}")
        engines.append(engine)
        migrate(engine)
        return Outbox(engine, RowCipher(keys or [key], envelopes_from), max_waiting, clock)

    yield make
    for engine in engines:
        engine.dispose()


@pytest.fixture
def box(opened: Callable[..., Outbox]) -> Outbox:
    """Return an outbox."""
    return opened()
