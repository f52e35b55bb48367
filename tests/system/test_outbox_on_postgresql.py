"""Runs the outbox tests in tests/integration, which use SQLite, on PostgreSQL.

Tests that look into SQLite's file are left out.
"""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import text

from rjsite.encryption.at_rest import RowCipher
from rjsite.outbox import operator
from rjsite.outbox.database import DATABASE_ERRORS, open_database
from rjsite.outbox.migrate import migrate
from rjsite.outbox.schema import metadata
from rjsite.outbox.store import Outbox
from support.clock import Clock
from support.visitor import Visitor

SQLITE_ONLY = {"test_a_commit_is_synced_before_it_counts"}
KEY = Fernet.generate_key().decode()


def read_tests(name: str) -> ModuleType:
    file = Path(__file__).parents[1] / "integration" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"{name}_on_postgresql", file)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look there
    spec.loader.exec_module(module)
    return module


ON_SQLITE = [read_tests(name) for name in ("test_outbox", "test_recovery", "test_sign_in_gate")]
globals().update(
    {
        name: function
        for module in ON_SQLITE
        for name, function in vars(module).items()
        if name.startswith("test_")
        and name not in SQLITE_ONLY
        and "place" not in inspect.signature(function).parameters
    }
)
gates, breakable = ON_SQLITE[2].gates, ON_SQLITE[2].breakable


@pytest.fixture(scope="module")
def url(postgres) -> str:
    """Return the URL of an outbox database for all tests in this module."""
    url = str(postgres.new_database())
    engine = open_database(url)
    migrate(engine)
    engine.dispose()
    return url


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def opened(url: str, clock: Clock) -> Iterator[Callable[..., Outbox]]:
    """Return a function that opens outboxes on one empty database, each with its own engine."""
    engines = []

    def make(*keys: str, max_waiting: int = 1000) -> Outbox:
        engines.append(open_database(url))
        return Outbox(engines[-1], RowCipher(keys or [KEY]), max_waiting, clock)

    with make().engine.begin() as connection:
        for table in metadata.sorted_tables:
            connection.execute(table.delete())
    yield make
    for engine in engines:
        engine.dispose()


@pytest.fixture
def box(opened: Callable[..., Outbox]) -> Outbox:
    return opened()


def test_a_database_that_may_only_be_read_is_not_ready(box: Outbox, url: str) -> None:
    box.check()
    with box.engine.begin() as connection:
        connection.execute(text("ALTER ROLE CURRENT_USER SET default_transaction_read_only = on"))
    box.engine.dispose()
    try:
        with pytest.raises(DATABASE_ERRORS):
            box.check()
    finally:
        with box.engine.connect() as connection:
            connection.execute(text("SET TRANSACTION READ WRITE"))
            connection.execute(text("ALTER ROLE CURRENT_USER RESET default_transaction_read_only"))
            connection.commit()


def test_the_tests_are_there() -> None:
    """A mistake in the selection above must not silently leave tests out."""
    assert len([name for name in globals() if name.startswith("test_")]) > 65


def test_a_commit_is_synced_whatever_the_database_is_set_to(box: Outbox) -> None:
    """The server for the tests is configured not to sync commits."""
    with box.engine.connect() as connection:
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"


def test_nobody_waits_long_for_a_lock(box: Outbox, opened: Callable[..., Outbox]) -> None:
    ON_SQLITE[0].keep(box, 1)
    with box.engine.begin() as connection:
        connection.exec_driver_sql("LOCK TABLE outbox_counters")

        with pytest.raises(ON_SQLITE[1].DATABASE_ERRORS, match="lock timeout"):
            ON_SQLITE[0].keep(opened(), 2)


def test_a_hundred_posts_of_one_page_at_two_sites_at_once_are_one_reference_and_one_mail(
    start_site, postgres_url: str
) -> None:
    shared = {
        "RJSITE_DATABASE_URL": postgres_url,
        "RJSITE_SECRET_KEY": "the-key-of-both-sites-0123456789",
        "RJSITE_DELIVER_IN_SERVER": "false",
        "RJSITE_RATELIMIT_FORMS": "off",
    }
    visitors = [Visitor(start_site(**shared).base_url) for _ in range(2)]
    token = visitors[0].token()

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda number: visitors[number % 2].send(token=token), range(100)))

    assert {answer.status for answer in answers} == {303}
    assert len({visitors[0].reference(answer) for answer in answers[::20]}) == 1
    engine = open_database(postgres_url)
    assert len(operator.rows(Outbox(engine, RowCipher([KEY]), 1000))) == 1
    engine.dispose()
