"""Ways to sign in other than a password: access tokens and client certificates, against real servers."""

from __future__ import annotations

import logging
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from flask import Flask

from rjsite import create_app
from rjsite.mail.smtp_errors import NO_CERTIFICATE, NO_SIGN_IN, UNREACHABLE
from rjsite.mail.worker import Worker
from rjsite.outbox import operator
from rjsite.outbox.store import Outbox
from rjsite.services import services_of
from rjsite.settings import Settings
from support.authority import Authority, server_context
from support.forms import GOOD, A, send
from support.mail import MailServer
from support.processes import LOOPBACK
from support.service import SERVICE
from support.site_process import Site
from support.token_server import SECRET, TokenServer, client_key
from support.visitor import FORM_A, Visitor

HOUR = 3600.0
OUTBOX_KEY = Fernet.generate_key().decode()


@pytest.fixture
def tokens(authority: Authority) -> Iterator[TokenServer]:
    with TokenServer(authority) as running:
        yield running


@pytest.fixture
def server(start_mail_server: Callable[..., MailServer], tokens: TokenServer) -> MailServer:
    """Run a mail server that accepts mail from clients with a valid token."""
    return start_mail_server(accepts_token=tokens.accepts)


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def database(request: pytest.FixtureRequest) -> dict[str, str]:
    """Return the setting for a database of each kind."""
    if request.param == "SQLite":
        return {}
    return {"RJSITE_DATABASE_URL": str(request.getfixturevalue("postgres_url"))}


class Charity:
    """The site in this process. The test can move the clock of its outbox and its gate forward."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        names = {name.removeprefix("RJSITE_").lower(): value for name, value in environment.items()}
        self.settings = Settings(
            **{
                "mode": "development",
                "data_dir": folder,
                "content_dir": SERVICE,
                "secret_key": "kT4vQ8zL1xW6mN3bR9yC2hF7jD5gS0pA",
                "outbox_keys": OUTBOX_KEY,
                "deliver_per_minute": 60_000,
                "ratelimit_forms": "off",
                "daily_count": False,
                "deliver_in_server": False,
                **names,
            }
        )
        self.later = 0.0
        self.app: Flask = create_app(self.settings)
        services = services_of(self.app)
        self.outbox: Outbox = services.outbox
        self.worker: Worker = services.worker
        self.gate = services.mail.gate
        real = self.outbox.clock
        self.outbox.clock = self.gate.clock = lambda: real() + self.later

    def keep(self, count: int = 1) -> None:
        client = self.app.test_client()
        for number in range(count):
            assert send(client, A, {**GOOD[A], "name": f"Ally {number}"}).status_code == 303

    def work(self) -> None:
        self.worker.drain()

    def failures(self) -> set[str]:
        return set(operator.queue_status(self.outbox).failures)


@pytest.fixture
def charity(tmp_path: Path) -> Callable[[Mapping[str, str]], Charity]:
    return lambda environment: Charity(tmp_path, environment)


def test_mail_leaves_with_a_token_and_one_token_serves_many_mails(
    charity: Callable[..., Charity], server: MailServer, tokens: TokenServer
) -> None:
    site = charity(server.settings() | tokens.settings())
    site.keep(5)

    site.work()

    assert len(server.received) == 5
    assert (tokens.asked, server.refused_sign_ins) == (1, 0)


def test_a_certificate_may_prove_who_asks_for_the_token(
    charity: Callable[..., Charity], server: MailServer, tokens: TokenServer, tmp_path: Path
) -> None:
    file, tokens.certificate = client_key(tmp_path)
    settings = server.settings() | tokens.settings()
    settings["RJSITE_MAIL_OAUTH_CLIENT_KEY"] = str(file)
    del settings["RJSITE_MAIL_OAUTH_CLIENT_SECRET"]
    site = charity(settings)
    site.keep()

    site.work()

    assert len(server.received) == 1


def test_a_token_that_ends_while_mail_waits_is_replaced_and_nothing_is_refused_twice(
    charity: Callable[..., Charity], server: MailServer, tokens: TokenServer
) -> None:
    site = charity(server.settings() | tokens.settings())
    site.keep()
    site.work()
    tokens.valid.clear()  # the token ended earlier than the token server had said
    site.keep(3)

    site.work()

    assert len(server.received) == 4
    assert (tokens.asked, server.refused_sign_ins) == (2, 1)


def test_where_the_new_token_is_refused_too_the_gate_closes(
    charity: Callable[..., Charity], server: MailServer, tokens: TokenServer
) -> None:
    site = charity(server.settings() | tokens.settings())
    site.keep()
    site.work()
    server.accepts_token = lambda *_: False
    site.keep(3)

    for _ in range(5):
        site.work()

    assert server.refused_sign_ins == 2  # the old token, and the one that replaced it
    assert site.failures() == {"sign-in refused (535 5.7.3)"}

    site.later = 121
    site.work()
    assert server.refused_sign_ins == 3  # one new token, which has never worked
    assert site.gate.state().closed_until > site.gate.clock() + 200


def test_a_secret_that_is_refused_is_one_request_until_the_wait_is_over(
    charity: Callable[..., Charity], server: MailServer, tokens: TokenServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    settings = server.settings() | tokens.settings() | {"RJSITE_MAIL_OAUTH_CLIENT_SECRET": "yesterday's"}
    site = charity(settings)
    site.keep(10)
    for _ in range(3):
        charity(settings).work()  # each as after a restart

    assert (tokens.asked, server.sign_ins) == (1, 0)
    assert site.failures() == {"token refused (AADSTS7000215)"}

    site.later = 121
    site.work()
    assert tokens.asked == 2

    mended = charity(server.settings() | tokens.settings())
    mended.work()
    assert len(server.received) == 10
    assert [word for word in (SECRET, "yesterday's", *tokens.valid) if word in caplog.text] == []


def test_a_missing_permission_is_named_though_the_server_calls_it_temporary(
    charity: Callable[..., Charity], server: MailServer, tokens: TokenServer
) -> None:
    """Exchange replies with 430 4.2.0 for as long as the permission is missing."""
    server.accepts_token, server.refusal = (lambda *_: False), "430 4.2.0 STOREDRV; mailbox logon failure"
    site = charity(server.settings() | tokens.settings())
    site.keep()
    while site.later < HOUR:
        site.work()
        site.later += 60

    assert server.sign_ins <= 7
    assert site.failures() == {"sign-in refused for now (430 4.2.0)"}
    assert site.app.test_client().get("/readyz").text.startswith("mail")


def test_a_server_that_offers_no_tokens_is_never_sent_one(
    charity: Callable[..., Charity], start_mail_server: Callable[..., MailServer], tokens: TokenServer
) -> None:
    server = start_mail_server(login=("website", "right"))
    site = charity(server.settings() | tokens.settings() | {"RJSITE_MAIL_PASSWORD": ""})
    site.keep()

    site.work()

    assert site.failures() == {NO_SIGN_IN}
    assert tokens.asked == 0


@pytest.mark.parametrize("encryption", ["starttls", "implicit"])
def test_mail_leaves_with_the_client_certificate_and_not_a_byte_of_it_without(
    charity: Callable[..., Charity],
    start_mail_server: Callable[..., MailServer],
    authority: Authority,
    tmp_path: Path,
    encryption: str,
) -> None:
    ours = client_key(tmp_path)[0]
    server = start_mail_server(client_ca=ours, encryption=encryption)
    site = charity(server.settings())
    site.keep()
    site.work()
    assert (server.received, site.failures()) == ([], {UNREACHABLE})  # this server closes without a reply

    site = charity(server.settings() | {"RJSITE_MAIL_CLIENT_CERT": str(ours)})
    site.later = 121
    site.work()

    assert len(server.received) == 1


def test_a_server_that_asks_for_a_client_certificate_is_told_from_one_that_is_away(
    charity: Callable[..., Charity], authority: Authority, tmp_path: Path
) -> None:
    context = server_context(authority.sign())
    context.load_verify_locations(client_key(tmp_path)[0])
    context.verify_mode = ssl.CERT_REQUIRED
    with socket.create_server((LOOPBACK, 0)) as listening:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    with connection, suppress(OSError):
                        context.wrap_socket(connection, server_side=True)

        threading.Thread(target=serve, daemon=True).start()
        away = MailServer(authority, encryption="implicit", port=listening.getsockname()[1])
        site = charity(away.settings())
        site.keep()
        site.work()

    assert site.failures() == {NO_CERTIFICATE}


def test_two_workers_and_a_restart_ask_a_refusing_token_server_once(
    start_site: Callable[..., Site], server: MailServer, tokens: TokenServer, database: dict[str, str]
) -> None:
    wrong = server.settings() | tokens.settings() | {"RJSITE_MAIL_OAUTH_CLIENT_SECRET": "yesterday's"}
    site = start_site(**wrong, **database, RJSITE_RATELIMIT_FORMS="off", RJSITE_DAILY_COUNT="false")
    visitor = Visitor(site.base_url)
    for number in range(10):
        assert visitor.send({**FORM_A, "name": f"Ally {number}"}).status == 303
    second = site.begin("deliver")
    site.restart()
    by_hand = site.run("deliver", "--once")
    second.stop()

    assert tokens.asked == 1
    assert by_hand.stdout == "10 still waiting (token refused (AADSTS7000215)).\n"

    site.env["RJSITE_MAIL_OAUTH_CLIENT_SECRET"] = SECRET
    site.restart()
    server.wait_for(10)
