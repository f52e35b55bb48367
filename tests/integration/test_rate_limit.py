"""Counts of what each network sends are exact and shared between processes, and store no address."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import time_machine
from flask import Flask
from flask_limiter import RateLimitExceeded
from limits import parse
from limits.strategies import SlidingWindowCounterRateLimiter
from pydantic import SecretStr
from sqlalchemy.exc import OperationalError

from rjsite.settings import Settings
from rjsite.web.rate_limit import limited, make_limiter, network_key, seconds_to_wait
from rjsite.web.rate_limit_storage import SQLStorage
from support.processes import in_a_child

WINDOW = 600
START = 1_790_000_000 // WINDOW * WINDOW  # the first second of a window


@pytest.fixture
def uri(tmp_path):
    return f"sqlalchemy+sqlite:///{tmp_path / 'limits.sqlite3'}"


@pytest.fixture
def store(uri):
    storage = SQLStorage(uri)
    yield storage
    storage.engine.dispose()


def take(store, times=1, key="k", limit=30):
    return [store.acquire_sliding_window_entry(key, limit, WINDOW) for _ in range(times)]


@time_machine.travel(START + 100, tick=False)
def test_thirty_pass_and_the_next_does_not(store):
    assert take(store, 31) == [True] * 30 + [False]


@time_machine.travel(START + 100, tick=False)
def test_each_network_is_counted_by_itself(store):
    take(store, 30, "one")

    assert take(store, 1, "two") == [True]


def test_what_tells_nothing_any_more_is_gone_with_the_next_form(store):
    with time_machine.travel(START, tick=False):
        take(store, 1, "long ago")
    with time_machine.travel(START + 2 * WINDOW + 1, tick=False):
        take(store, 1, "now")

    with store.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT key FROM rate_limit").scalars().all() == ["now"]


@time_machine.travel(START + 100, tick=False)
def test_four_threads_on_two_stores_pass_exactly_thirty(uri):
    stores = [SQLStorage(uri), SQLStorage(uri)]
    assert all(storage.engine for storage in stores)
    start = Barrier(4)

    def race(number: int) -> int:
        start.wait()
        return sum(take(stores[number % 2], 20))

    with ThreadPoolExecutor(4) as pool:
        passed = sum(pool.map(race, range(4)))
    for storage in stores:
        storage.engine.dispose()

    assert passed == 30


def test_stores_that_are_first_used_at_once_all_count(uri):
    start = Barrier(8)

    def race(_: int) -> bool:
        storage = SQLStorage(uri)
        start.wait()
        (passed,) = take(storage, 1)
        storage.engine.dispose()
        return passed

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(race, range(8))) == [True] * 8


def test_the_last_window_counts_by_the_part_of_it_that_still_matters(store):
    with time_machine.travel(START + 300, tick=False):
        take(store, 20)

    with time_machine.travel(START + WINDOW + 150, tick=False):  # 20 * 3/4 = 15 still count
        passed = take(store, 20)

    assert passed == [True] * 15 + [False] * 5


@pytest.mark.parametrize("later", [2 * WINDOW, 3 * WINDOW, 100 * WINDOW])
def test_what_is_long_past_counts_no_more(store, later):
    with time_machine.travel(START, tick=False):
        take(store, 30)

    with time_machine.travel(START + later, tick=False):
        assert take(store, 31) == [True] * 30 + [False]


@pytest.mark.parametrize(
    ("later", "seen"),
    [
        (0, (0, 0.0, 7, 1100.0)),
        (50, (0, 0.0, 7, 1050.0)),
        (WINDOW, (7, 500.0, 0, 1100.0)),
        (2 * WINDOW, (0, 0.0, 0, 1100.0)),
    ],
)
def test_the_counts_can_be_read_without_counting(store, later, seen):
    with time_machine.travel(START + 100, tick=False):
        take(store, 7)

    with time_machine.travel(START + 100 + later, tick=False):
        first, second = store.get_sliding_window("k", WINDOW), store.get_sliding_window("k", WINDOW)

    assert first == second == pytest.approx(seen)


def test_a_network_never_seen_has_no_counts(store):
    before, _, present, _ = store.get_sliding_window("nobody", WINDOW)

    assert (before, present) == (0, 0)


@time_machine.travel(START + 100, tick=False)
def test_the_strategy_of_limits_agrees_with_the_store(store):
    limiter, item = SlidingWindowCounterRateLimiter(store), parse("30 per 10 minutes")

    hits = [limiter.hit(item, "forms") for _ in range(31)]

    assert hits == [True] * 30 + [False]
    assert limiter.test(item, "forms") is False
    assert limiter.get_window_stats(item, "forms").remaining == 0


def test_more_than_the_limit_at_once_never_passes(store):
    assert store.acquire_sliding_window_entry("k", 30, WINDOW, amount=31) is False


@time_machine.travel(START + 100, tick=False)
def test_a_store_that_somebody_deleted_is_made_again(store, tmp_path):
    take(store)
    for file in tmp_path.glob("limits.sqlite3*"):
        file.unlink()

    with pytest.raises(OperationalError):  # meanwhile the site counts in memory
        take(store)

    assert take(store, 31) == [True] * 30 + [False]


def test_counts_outlast_a_new_start(uri):
    with time_machine.travel(START + 100, tick=False):
        first = SQLStorage(uri)
        take(first, 30)
        first.engine.dispose()
        second = SQLStorage(uri)

        assert take(second, 1) == [False]
        second.engine.dispose()


NOON = "2026-03-01 12:00:00Z"


def key(network, secret="s"):
    return network_key(network, secret)


@time_machine.travel(NOON, tick=False)
def test_a_key_tells_nothing_of_the_address():
    assert "192" not in key("192.0.2.1")[:3]
    assert len(key("192.0.2.1")) == 32
    assert key("192.0.2.1") != key("192.0.2.1", "another secret")


def test_a_key_changes_every_day():
    with time_machine.travel("2026-03-01 00:00:01Z", tick=False):
        early = key("192.0.2.1")
    with time_machine.travel("2026-03-01 23:59:59Z", tick=False):
        late = key("192.0.2.1")
    with time_machine.travel("2026-03-02 00:00:01Z", tick=False):
        next_day = key("192.0.2.1")

    assert early == late != next_day


@time_machine.travel(START + 100, tick=False)
def test_a_child_counts_on_a_connection_of_its_own(store):
    take(store, 1)
    inherited = store.engine

    def work() -> bool:
        return take(store, 30) == [True] * 29 + [False] and store.engine is not inherited

    assert in_a_child(work)
    assert take(store, 1) == [False]
    assert store.engine is inherited


# -- the limit of forms ------------------------------------------------------------------------------------


@pytest.fixture
def two_forms(tmp_path):
    """Return the settings of a site that accepts two forms in ten minutes from each address."""
    return Settings.load(mode="development", data_dir=tmp_path, ratelimit_forms="2 per 10 minutes")


@pytest.fixture
def site():
    """Return a function that makes a site with one form.

    It returns a function that sends the form from an address and returns 0 or how many seconds to wait.
    """

    def make(settings: Settings) -> Callable[[str], int]:
        app = Flask(__name__)
        limiter = make_limiter(app, settings)
        app.post("/")(limited(limiter, settings, lambda: ""))
        app.register_error_handler(RateLimitExceeded, lambda _: str(seconds_to_wait(limiter)))
        client = app.test_client()
        return lambda address: int(client.post("/", environ_base={"REMOTE_ADDR": address}).text or 0)

    return make


@time_machine.travel(START + 100, tick=False)
def test_who_sent_too_many_is_told_how_many_seconds_to_wait(two_forms, site):
    send = site(two_forms)

    assert [send("192.0.2.1") for _ in range(2)] == [0, 0]
    assert 1 <= send("192.0.2.1") <= WINDOW
    assert send("192.0.2.2") == 0


@time_machine.travel(START + 100, tick=False)
def test_each_of_several_limits_holds(tmp_path, site):
    limits = "2 per 10 minutes; 3 per day"
    send = site(Settings.load(mode="development", data_dir=tmp_path, ratelimit_forms=limits))

    assert [send("192.0.2.1") > 0 for _ in range(3)] == [False, False, True]
    with time_machine.travel(START + 100 + 2 * WINDOW, tick=False):
        assert send("192.0.2.1") == 0
        assert send("192.0.2.1") > WINDOW


@pytest.mark.parametrize("address", ["", "unknown", "_hidden"])
def test_people_whose_address_cannot_be_read_do_not_stop_each_other_but_a_flood_is_stopped(
    two_forms, site, monkeypatch, address, caplog
):
    monkeypatch.setattr("rjsite.web.rate_limit.WIDER", 10)
    send = site(two_forms)

    waits = [send(address) for _ in range(21)]

    assert waits[:20] == [0] * 20
    assert waits[20] > 0
    assert send("192.0.2.1") == 0
    assert "RJSITE_TRUSTED_PROXIES" in caplog.text


def test_a_flood_is_held_up_while_the_store_does_not_answer(two_forms, site):
    (two_forms.data_dir / "limits.sqlite3").mkdir(parents=True)
    send = site(two_forms)

    assert [send("192.0.2.1") > 0 for _ in range(3)] == [False, False, True]


def test_a_flood_is_held_up_at_every_look_whether_a_dead_store_is_back(two_forms, site, monkeypatch):
    monkeypatch.setattr("rjsite.web.rate_limit.RETRY_STORE", 0.0)
    (two_forms.data_dir / "limits.sqlite3").mkdir(parents=True)
    with time_machine.travel(START + 100, tick=False) as clock:
        send = site(two_forms)
        for number in range(8):
            assert (send("192.0.2.1") > 0) == (number >= 2)
            clock.shift(10)


def test_the_store_is_used_again_once_it_answers(two_forms, site, monkeypatch):
    monkeypatch.setattr("rjsite.web.rate_limit.RETRY_STORE", 0.0)
    place = two_forms.data_dir / "limits.sqlite3"
    place.mkdir(parents=True)
    send = site(two_forms)
    send("192.0.2.1")

    place.rmdir()
    send("192.0.2.1")

    assert place.is_file()


def test_two_sites_in_one_process_count_apart(two_forms, tmp_path, site):
    other = Settings.load(mode="development", data_dir=tmp_path / "other", ratelimit_forms="1 per 10 minutes")
    first, second = site(two_forms), site(other)

    assert [first("192.0.2.1"), second("192.0.2.1"), first("192.0.2.1")] == [0, 0, 0]
    assert second("192.0.2.1") > 0


@pytest.mark.parametrize("store", ["", "redis://127.0.0.1:9"])
def test_a_limit_that_counted_nothing_has_opened_nothing(two_forms, site, store):
    threads = set(threading.enumerate())

    site(two_forms.model_copy(update={"ratelimit_storage_uri": SecretStr(store)}))

    assert not (two_forms.data_dir / "limits.sqlite3").exists()
    assert set(threading.enumerate()) == threads
