"""The database is created or migrated automatically, whatever its schema was, and loses no row."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from types import ModuleType

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from cryptography.fernet import Fernet
from sqlalchemy import Connection, Engine, Insert, MetaData, Table, event, inspect, text

from rjsite.encryption.at_rest import RowCipher
from rjsite.mail.message import OutgoingMail
from rjsite.mail.sign_in_gate import Gate
from rjsite.mail.worker import Worker
from rjsite.outbox import operator, schema
from rjsite.outbox.claims import OutboxRow
from rjsite.outbox.database import DATABASE_ERRORS, open_database
from rjsite.outbox.migrate import LOCK, migrate, newest
from rjsite.outbox.schema import metadata
from rjsite.outbox.store import Outbox, SentForm
from rjsite.settings import ROOT
from rjsite.web.rate_limit_storage import SQLStorage
from support.clock import Clock

TEAM = "team@nowhere.example"
SOON = 5000.0  # later than the rows in `older`
BEFORE = "head-1"  # the migration before the newest
# On a busy machine, each migration may take longer than a form may wait for the lock of SQLite.
START = """
import sys
from rjsite.outbox import database
from rjsite.outbox.migrate import migrate
database.WAIT_FOR_LOCK = 25
print("ready", flush=True)
sys.stdin.readline()
migrate(database.open_database(sys.argv[1]))
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of an empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'outbox.sqlite3'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def engine(url: str):
    opened = open_database(url)
    yield opened
    opened.dispose()


@pytest.fixture
def cipher() -> RowCipher:
    return RowCipher([Fernet.generate_key().decode()])


def version_before(url: str, cipher: RowCipher) -> Outbox:
    """Return the outbox of the previous version, which knows only the tables and columns in the database now.

    It is a second copy of our own modules. It does not migrate, because the previous version has no newer
    migration.
    """
    engine = open_database(url)
    old = MetaData()
    with pytest.MonkeyPatch.context() as here:
        for name, known in (("outbox", schema.outbox), ("counters", schema.counters)):
            names = {column["name"] for column in inspect(engine).get_columns(known.name)}
            columns = (column._copy() for column in known.c if column.name in names)
            here.setattr(schema, name, Table(known.name, old, *columns))
        claims, store = (_second_copy(here, f"rjsite.outbox.{name}") for name in ("claims", "store"))

    class Before(store.Outbox):  # type: ignore[misc, name-defined]
        def _update_if_leased(self, row: OutboxRow, **values: object) -> bool:
            known = {name: value for name, value in values.items() if name in old.tables["outbox"].c}
            return bool(super()._update_if_leased(row, **known))

    vars(claims)["outbox_row"] = lambda row: claims.OutboxRow(
        **{name: row._mapping.get(name) for name in claims.OutboxRow.__slots__}
    )

    @event.listens_for(engine, "before_execute", retval=True)
    def _no_more_than_it_knows(_c, statement, many, one, _o):
        if isinstance(statement, Insert):
            many = [{name: row[name] for name in row if name in statement.table.c} for row in many]
        return statement, many, one

    box: Outbox = Before(engine, cipher, 1000, Clock(SOON))
    box._prepared = True
    return box


def _second_copy(here: pytest.MonkeyPatch, name: str) -> ModuleType:
    """Return a second copy of a module, which other modules import as long as `here` lasts."""
    spec = importlib.util.find_spec(name)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    here.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    return module


class Server:
    """Accepts the mail of all workers."""

    def __init__(self, engine: Engine) -> None:
        self.gate = Gate(lambda: engine, lambda: "digest")
        self.taken: list[bytes] = []

    def deliver(self, outgoing: OutgoingMail, offered: Callable[[], None]) -> None:
        offered()
        self.taken.append(outgoing.body)

    def check(self) -> None:
        """Do nothing, because the server is always available."""


def run_migrations(connection: Connection, to: str) -> None:
    """Run the migrations up to one of them, one after another."""
    config = Config()
    config.set_main_option("script_location", str(ROOT / "site/rjsite/outbox/migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, to)


@pytest.fixture
def older(engine: Engine, cipher: RowCipher) -> Engine:
    """Return a database of the previous version, with one email that waits and one that was accepted."""
    row = (
        "INSERT INTO outbox (reference, submission, digest, version, recipient, sealed, made_at, due_at,"
        " attempts, lease, accepted_at, trouble)"
        " VALUES (:reference, :submission, 'd', 1, :to, :sealed, 1000, 1000, 0, '', :accepted_at, '')"
    )
    with engine.begin() as connection:
        run_migrations(connection, BEFORE)
        for number, accepted_at in ((1, None), (2, 2000.0)):
            submission = f"{number:064}"
            sealed = cipher.encrypt(f"{submission}/1/{TEAM}", b"Words %d" % number)
            values = {"reference": f"REF-000{number}", "submission": submission, "to": TEAM}
            connection.execute(text(row), {**values, "sealed": sealed, "accepted_at": accepted_at})
    return engine


def faults(engine: Engine) -> list[object]:
    """Return how the database differs from the schema that the program expects."""
    with engine.connect() as connection:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))


def starts(url: str, count: int) -> list[subprocess.Popen[str]]:
    """Start processes that load the site and then all migrate at the same moment."""
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
    return box.insert(
        SentForm(f"REF-{number:04}", f"{number:064}", "d"),
        lambda _version, running: {TEAM: b"No. %d" % running},
    )


def test_an_empty_database_gets_the_shape_that_the_program_expects(engine: Engine) -> None:
    assert faults(engine)

    migrate(engine)

    assert faults(engine) == []


def test_every_migration_from_nothing_leads_to_the_shape_a_new_database_has(engine: Engine) -> None:
    with engine.begin() as connection:
        run_migrations(connection, "head")

    assert faults(engine) == []
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == newest()


def test_a_database_whose_outbox_was_taken_out_gets_a_new_one(engine: Engine) -> None:
    for version in (f"{number:04}" for number in range(1, int(newest()) + 1)):
        migrate(engine)
        with engine.begin() as connection:
            metadata.drop_all(connection)
            connection.execute(text("UPDATE alembic_version SET version_num = :to"), {"to": version})
        migrate(engine)
        migrate(engine)

        assert faults(engine) == []


def test_tables_that_do_not_fit_their_version_are_a_fault_of_the_database(engine: Engine) -> None:
    migrate(engine)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO alembic_version VALUES ('0001')"))
        off = "UPDATE alembic_version SET version_num = '0000' WHERE version_num = :newest"
        connection.execute(text(off), {"newest": newest()})

    with pytest.raises(DATABASE_ERRORS):
        migrate(engine)


def test_an_older_database_keeps_its_rows_and_what_waits_is_sent(older: Engine, cipher: RowCipher) -> None:
    assert faults(older)

    migrate(older)

    box = Outbox(older, cipher, 10)
    assert faults(older) == []
    assert [(row.reference, row.accepted_at, row.number) for row in operator.rows(box)] == [
        ("REF-0001", None, None),
        ("REF-0002", 2000.0, None),
    ]
    row = box.claim()
    assert row is not None
    assert box.open(row) == b"Words 1"
    assert keep(box, 3) == 1
    assert [row.number for row in operator.rows(box)] == [None, None, 1]


def shape(engine: Engine) -> dict[tuple[str, str], tuple[str, bool]]:
    """Return the type of each column, and whether a row may be inserted without it."""
    return {
        (table, column["name"]): (
            repr(column["type"]),
            bool(column["nullable"] or column["default"] or column.get("autoincrement") is True),
        )
        for table in inspect(engine).get_table_names()
        for column in inspect(engine).get_columns(table)
    }


def test_the_newest_migration_leaves_all_that_the_version_before_reads_and_writes(older: Engine) -> None:
    before = shape(older)

    migrate(older)

    after = shape(older)
    assert before.items() <= after.items()
    tables = {table for table, _ in before}
    added = {place: optional for place, (_, optional) in after.items() if place not in before}
    assert all(optional for (table, _), optional in added.items() if table in tables)


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
    """The lock makes processes take turns: while another process has it, a starting process waits."""
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        (start,) = starts(url, 1)
        with pytest.raises(subprocess.TimeoutExpired):
            start.wait(1)

    assert start.wait(30) == 0
    assert faults(engine) == []


def test_a_database_that_a_later_version_has_changed_is_left_as_it_is(
    older: Engine, cipher: RowCipher
) -> None:
    migrate(older)
    with older.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        connection.execute(text("ALTER TABLE outbox ADD COLUMN later VARCHAR(10)"))

    migrate(older)

    box = Outbox(older, cipher, 10)
    assert len(faults(older)) == 1
    assert keep(box, 3) == 1
    assert box.claim() is not None


def test_this_version_keeps_delivers_and_wipes_beside_a_column_of_a_later_one(
    older: Engine, cipher: RowCipher
) -> None:
    migrate(older)
    with older.begin() as connection:
        connection.execute(text("ALTER TABLE outbox ADD COLUMN later VARCHAR(10)"))
    box, server = Outbox(older, cipher, 10, Clock(SOON)), Server(older)

    keep(box, 3)
    Worker(box, server, per_minute=60_000, hold_hours=0).drain()  # type: ignore[arg-type]

    assert sorted(server.taken) == [b"No. 1", b"Words 1"]
    assert [row.reference for row in operator.rows(box) if row.wiped_at] == [
        "REF-0001",
        "REF-0002",
        "REF-0003",
    ]


def test_the_version_before_works_on_beside_this_one_and_no_form_is_lost_or_doubled(
    older: Engine, url: str, cipher: RowCipher
) -> None:
    """While only one of two servers is updated, both store forms and send mail on a migrated database."""
    old, new = version_before(url, cipher), Outbox(older, cipher, 1000, Clock(SOON))
    keep(old, 10)
    assert faults(older)  # nothing has been migrated yet
    server = Server(older)
    in_hand = old.claim()  # while the new version migrates, the old one is sending an email
    assert in_hand is not None
    server.taken.append(old.open(in_hand))
    migrate(older)

    def form(number: int) -> None:
        words = {TEAM: b"Form %d" % number}
        assert (old, new)[number % 2].insert(
            SentForm(f"REF-{number:04}", f"{number:064}", "d"), lambda *_: words
        ) == 1

    def work(box: Outbox) -> None:
        Worker(box, server, per_minute=60_000, hold_hours=0).drain()  # type: ignore[arg-type]

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(form, range(20, 40)))
        more = [pool.submit(form, number) for number in [*range(20, 30), *range(40, 50)]]  # some sent again
        list(pool.map(work, (old, new)))
    assert [one.result() for one in more] == [None] * 20
    old.mark_accepted(in_hand, 0)
    work(new)

    forms = [b"Form %d" % number for number in [*range(20, 50)]]
    assert sorted(server.taken) == sorted([b"Words 1", b"No. 1", *forms])
    assert operator.queue_status(new).mails == operator.queue_status(old).mails == 0
    assert all(row.wiped_at for row in operator.rows(new))
    numbers = sorted(row.number for row in operator.rows(new) if row.number is not None)
    assert numbers == list(range(1, len(numbers) + 1))
    old.engine.dispose()
