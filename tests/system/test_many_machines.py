"""On many machines, whatever is killed, the team gets each form whose sender was thanked.

`FORMS=500 pytest tests/system/test_many_machines.py` sends the full number.
"""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from itertools import cycle
from pathlib import Path

import psycopg
import pytest

from support.authority import Authority
from support.mail import MailServer
from support.many_machines import Machines
from support.processes import wait_until
from support.visitor import FORM_A

FORMS = int(os.environ.get("FORMS", "60"))
PEOPLE = 6
EACH_TAKES = 0.6  # seconds from one person's form to the next, so that some are sent during every fault
LIMIT, AT_ONCE = 12, 8


@pytest.fixture
def many(
    tmp_path: Path, authority: Authority, mail_server: MailServer, postgres_url: str, request
) -> Iterator[Machines]:
    """Run two instances and nginx with one database. The limits are counted in it or in Redis."""
    redis = getattr(request, "param", "") == "redis"
    limits = {"RJSITE_RATELIMIT_STORAGE_URI": request.getfixturevalue("redis_url")} if redis else {}
    # a day, so that no window ends during the test
    limits["RJSITE_RATELIMIT_FORMS"] = f"{LIMIT} per day"
    env = {"RJSITE_DATABASE_URL": postgres_url, **mail_server.settings(), **limits}
    with Machines(tmp_path, authority, **env).running() as running:
        yield running


@pytest.mark.parametrize("many", ["postgresql", "redis"], indirect=True)
def test_the_limit_holds_across_instances_and_their_deaths(many: Machines) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:  # on a fresh database
        statuses = list(pool.map(lambda _: many.visitor("127.0.0.7").send().status, range(LIMIT + 15)))
    one_by_one = [many.visitor("127.0.0.6").send().status for _ in range(LIMIT + 3)]
    for instance in many.instances:
        instance.kill()
        instance.start()

    assert one_by_one == [303] * LIMIT + [429] * 3
    # a form counts once it is stored, so forms that are sent at the same moment may exceed the limit together
    assert LIMIT <= Counter(statuses)[303] < LIMIT + AT_ONCE
    assert [many.visitor("127.0.0.7").send().status for _ in range(4)] == [429] * 4
    assert many.visitor("127.0.0.8").send().status == 303
    assert all(instance.log.count("POST /refer/a") > 5 for instance in many.instances)


class Storm:
    """Kills one part after another and starts it again, until all forms are sent."""

    def __init__(self, many: Machines, mail_server: MailServer) -> None:
        self.many, self.mail_server = many, mail_server
        self.over = threading.Event()
        self.count: Counter[str] = Counter()

    def __call__(self) -> None:
        one, two = self.many.instances
        ways: dict[str, Callable[[], object]] = {
            "instance killed": lambda: (one.kill(), one.start()),
            "worker killed": lambda: self.again(signal.SIGKILL),
            "mail server away": self.without_mail,
            "instance ended": lambda: (two.terminate(), two.start()),
            "worker ended": lambda: self.again(signal.SIGTERM),
            "both instances killed": lambda: (one.kill(), two.kill(), two.start(), one.start()),
        }
        for name in cycle(ways):
            ways[name]()
            self.count[name] += 1
            if self.over.wait(0.5) and len(self.count) == len(ways):  # in the pause, some forms meet no fault
                return

    def again(self, how: signal.Signals) -> None:
        self.many.end_worker(how)
        self.many.start_worker()

    def without_mail(self) -> None:
        self.mail_server.stop()
        time.sleep(1)
        self.mail_server.start()


def send(many: Machines, number: int) -> tuple[str, int]:
    """Send one person's form until it succeeds, and return its reference and the number of failures."""
    person = many.visitor(f"127.1.{number // 250}.{number % 250 + 1}")
    words = {**FORM_A, "name": f"Ally {number}", "about": f"Words of form {number}."}
    token = _patient(person.token)[0]

    def thanked() -> str:
        return person.reference(person.send(words, token=token))

    reference, failures = _patient(thanked)
    time.sleep(EACH_TAKES)
    return reference, failures


def _patient(do: Callable[[], str]) -> tuple[str, int]:
    """Call a function until it succeeds, and return its result and how often it failed."""
    end, failures = time.monotonic() + 90, 0
    while True:
        try:
            return do(), failures
        except (OSError, HTTPException, AssertionError):
            failures += 1
            if time.monotonic() > end:
                raise
            time.sleep(0.3)


def test_forms_are_all_delivered_while_instances_worker_and_mail_server_are_killed(
    many: Machines, mail_server: MailServer, postgres_url: str
) -> None:
    many.start_worker()
    storm = Storm(many, mail_server)
    with ThreadPoolExecutor(PEOPLE + 1) as pool:
        stormy = pool.submit(storm)
        try:
            sent = list(pool.map(lambda number: send(many, number), range(FORMS)))
        finally:
            storm.over.set()
        stormy.result()
    _let_hours_pass(many, postgres_url)

    got: dict[int, list[str]] = defaultdict(list)
    numbers = set()
    for one in mail_server.received:
        number, running = (
            re.search(r"Words of form (\d+)\.", one.text),
            re.search(r"^Number: (\d+)", one.text, re.M),
        )
        assert number
        assert running
        got[int(number[1])].append(str(one.message["Message-ID"]))
        numbers.add(int(running[1]))
    refused, doubled = sum(failures for _, failures in sent), len(mail_server.received) - len(got)
    print(f"{FORMS} forms, {refused} tries in vain, {doubled} emails came twice, {dict(storm.count)}")
    assert sorted(got) == list(range(FORMS))
    for form, (reference, _) in enumerate(sent):
        assert {message_id.split(".")[0] for message_id in got[form]} == {f"<{reference}"}
        assert len(set(got[form])) == 1
    assert len({ids[0] for ids in got.values()}) == FORMS
    assert numbers == set(range(1, FORMS + 1))
    logs = many.logs()
    assert "Traceback" not in logs
    assert not re.search(r"127\.1\.\d|Ally|Words of", logs)


def _let_hours_pass(many: Machines, url: str) -> None:
    """Make all waiting mail due until none is waiting."""
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:

        def none_waits() -> bool:
            done = connection.execute("UPDATE outbox SET due_at = 0 WHERE accepted_at IS NULL")
            time.sleep(0.5)
            return done.rowcount == 0

        wait_until(none_waits, "nothing to wait", 120)
    assert many.instances[0].run("outbox", "status").stdout.startswith("0 waiting")
