"""The mail account is never at risk: there are few refused sign-ins and one pace, whatever restarts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from rjsite.settings import Settings
from support.mail import MailServer
from support.processes import wait_until
from support.site_process import Site
from support.visitor import FORM_A, Visitor

RIGHT = ("website", "right-and-long")
QUIET = {"RJSITE_RATELIMIT_FORMS": "off", "RJSITE_DAILY_COUNT": "false"}


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def database(request: pytest.FixtureRequest) -> dict[str, str]:
    """Return the setting for a database of each kind."""
    if request.param == "SQLite":
        return {}
    return {"RJSITE_DATABASE_URL": str(request.getfixturevalue("postgres_url"))}


def keep(site: Site, count: int) -> None:
    visitor = Visitor(site.base_url)
    for number in range(count):
        assert visitor.send({**FORM_A, "name": f"Ally {number}"}).status == 303


@contextmanager
def workers(site: Site, count: int) -> Iterator[None]:
    running = [site.begin("deliver") for _ in range(count)]
    try:
        yield
    finally:
        for worker in running:
            worker.stop()


def test_a_wrong_password_is_refused_once_though_many_mails_wait_and_all_is_started_again(
    start_site: Callable[..., Site], start_mail_server: Callable[..., MailServer], database: dict[str, str]
) -> None:
    server = start_mail_server(login=RIGHT)
    wrong = {**server.settings(), "RJSITE_MAIL_PASSWORD": "changed-meanwhile"}
    site = start_site(**wrong, **QUIET, **database)

    keep(site, 12)
    wait_until(lambda: server.refused_sign_ins > 0, "a first try")
    with workers(site, 2):
        site.restart()
        by_hand = site.run("deliver", "--once")
        site.kill()
        site.start()
        time.sleep(1)

    assert server.refused_sign_ins == 1
    assert (by_hand.returncode, by_hand.stdout) == (1, "12 still waiting (sign-in refused (535 5.7.8)).\n")
    listed = site.run("outbox", "list").stdout.splitlines()
    *mails, advice = listed
    assert [line for line in mails if "sign-in refused (535 5.7.8), next try" not in line] == []
    assert advice.startswith("sign-in refused (535 5.7.8): Check RJSITE_MAIL_USERNAME")

    site.env["RJSITE_MAIL_PASSWORD"] = RIGHT[1]
    site.restart()

    server.wait_for(12, seconds=60)
    assert server.refused_sign_ins == 1


def test_many_waiting_mails_leave_at_the_pace_that_was_set_however_many_workers_send_and_start(
    start_site: Callable[..., Site], mail_server: MailServer, database: dict[str, str]
) -> None:
    """The pace is twenty a second here. The default is 25 a minute; Exchange Online accepts 30."""
    a_second, seconds = 20, 2
    site = start_site(
        **mail_server.settings(), **QUIET, **database,
        RJSITE_DELIVER_IN_SERVER="false", RJSITE_DELIVER_PER_MINUTE=str(60 * a_second),
    )  # fmt: skip
    keep(site, 60)

    with workers(site, 2):
        time.sleep(1)
    site.run("deliver", "--once")

    times = sorted(one.at for one in mail_server.wait_for(60))
    most = max(sum(start <= at < start + seconds for at in times) for start in times)
    assert most <= a_second * seconds * 30 / 25
    assert Settings.model_fields["deliver_per_minute"].default == 25
