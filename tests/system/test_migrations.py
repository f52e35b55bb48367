"""The database comes to its present shape by itself, from nothing or from an older one, and loses no row."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from cryptography.fernet import Fernet
from sqlalchemy import Engine, text

from rjsite.limits import SQLStorage
from rjsite.outbox import migrate as migrating
from rjsite.outbox.migrate import migrate
from rjsite.outbox.seal import Seal
from rjsite.outbox.store import Envelope, Outbox
from rjsite.outbox.table import metadata, open_database

TEAM = "team@nowhere.example"
FIRST = "0001"
START = """
import sys
from rjsite.outbox.migrate import migrate
from rjsite.outbox.table import open_database
print("ready", flush=True)
sys.stdin.readline()
migrate(open_database(sys.argv[1]))
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database, of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'outbox.sqlite3'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def engine(url: str):
    opened = open_database(url)
    yield opened
    opened.dispose()


@pytest.fixture
def seal() -> Seal:
    return Seal([Fernet.generate_key().decode()])


@pytest.fixture
def older(engine: Engine, seal: Seal) -> Engine:
    """A database as the first version of the site left it: a mail that waits, one that went."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrating.__file__).parent / "migrations"))
    row = (
        "INSERT INTO outbox (reference, submission, digest, version, recipient, sealed, made_at, due_at,"
        " attempts, lease, accepted_at, trouble)"
        " VALUES (:reference, :submission, 'd', 1, :to, :sealed, 1000, 1000, 0, '', :accepted_at, '')"
    )
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, FIRST)
        for number, accepted_at in ((1, None), (2, 2000.0)):
            submission = f"{number:064}"
            sealed = seal.close(f"{submission}/1/{TEAM}", b"Words %d" % number)
            values = {"reference": f"REF-000{number}", "submission": submission, "to": TEAM}
            connection.execute(text(row), {**values, "sealed": sealed, "accepted_at": accepted_at})
    return engine


def faults(engine: Engine) -> list[object]:
    """Where the database differs from what the program expects."""
    with engine.connect() as connection:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))


def starts(url: str, count: int) -> list[subprocess.Popen[str]]:
    """Processes that are all loaded, and then migrate at the same moment."""
    command = [sys.executable, "-P", "-c", START, url]
    begun = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(count)
    ]
    pipes = [(start.stdin, start.stdout) for start in begun]
    for _, said in pipes:
        assert said
        with said:
            assert said.readline() == "ready\n"
    for told, _ in pipes:
        assert told
        told.close()
    return begun


def keep(box: Outbox, number: int) -> int:
    return box.keep(
        f"REF-{number:04}",
        f"{number:064}",
        "d",
        lambda _version, running: [Envelope(TEAM, b"No. %d" % running)],
    )


def test_an_empty_database_gets_the_shape_that_the_program_expects(engine: Engine) -> None:
    assert faults(engine)

    migrate(engine)

    assert faults(engine) == []


def test_an_older_database_keeps_its_rows_and_what_waits_is_sent(older: Engine, seal: Seal) -> None:
    assert faults(older)

    migrate(older)

    box = Outbox(older, seal, 10)
    assert faults(older) == []
    assert [(row.reference, row.accepted_at, row.number) for row in box.rows()] == [
        ("REF-0001", None, None),
        ("REF-0002", 2000.0, None),
    ]
    row = box.claim()
    assert row is not None
    assert box.open(row) == b"Words 1"
    assert keep(box, 3) == 1
    assert [row.number for row in box.rows()] == [None, None, 1]


def test_servers_that_start_at_once_on_an_older_database_take_turns(older: Engine, url: str) -> None:
    assert [start.wait(30) for start in starts(url, 3)] == [0, 0, 0]
    assert faults(older) == []


def test_the_counters_of_the_limits_are_made_once_where_many_count_first_at_once(url: str) -> None:
    stores = [SQLStorage(f"sqlalchemy+{url}") for _ in range(8)]
    ready = Barrier(len(stores))

    def count(store: SQLStorage) -> bool:
        ready.wait()
        return store.acquire_sliding_window_entry("key", 5, 600)

    with ThreadPoolExecutor(len(stores)) as pool:
        taken = list(pool.map(count, stores))
    for store in stores:
        store.engine.dispose()

    assert sorted(taken) == [False] * 3 + [True] * 5


def test_a_start_waits_while_another_migrates(engine: Engine, url: str) -> None:
    """The lock is what makes them take turns: while it is held, a start stands still."""
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": migrating.LOCK})
        (start,) = starts(url, 1)
        with pytest.raises(subprocess.TimeoutExpired):
            start.wait(1)

    assert start.wait(30) == 0
    assert faults(engine) == []


def test_a_database_that_a_later_version_has_changed_is_left_as_it_is(older: Engine, seal: Seal) -> None:
    migrate(older)
    with older.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        connection.execute(text("ALTER TABLE outbox ADD COLUMN later VARCHAR(10)"))

    migrate(older)

    box = Outbox(older, seal, 10)
    assert len(faults(older)) == 1
    assert keep(box, 3) == 1
    assert box.claim() is not None
