"""In `rjsite mail check`, each step says what happened and what to do; success makes waiting mail due."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from rjsite.mail.advice import _sentences, advice
from rjsite.settings import ROOT
from support import commands
from support.authority import Authority, server_context
from support.faulty_mail_server import LOGIN, FaultyMailServer
from support.mail import MailServer
from support.processes import free_port
from support.site_process import Site
from support.token_server import TokenServer
from support.visitor import FORM_A, Visitor

Check = Callable[..., tuple[int, str]]


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Check:
    """Return a function that runs the command with settings, and returns its exit code and output."""

    def run(settings: Mapping[str, str], *arguments: str) -> tuple[int, str]:
        base = {
            "RJSITE_MODE": "development",
            "RJSITE_DATA_DIR": str(tmp_path),
            "RJSITE_SECRET_KEY": "kT4vQ8zL1xW6mN3bR9yC2hF7jD5gS0pA",
            "RJSITE_OUTBOX_KEYS": Fernet.generate_key().decode(),
            "RJSITE_TEAM_EMAIL": "team@mending.example",
            "RJSITE_MAIL_TIMEOUT": "0.5",
        }
        with monkeypatch.context() as environment:
            for name, value in {**base, **settings}.items():
                environment.setenv(name, value)
            result = commands.run("mail", "check", *arguments)
        return result.exit_code, result.stdout

    return run


def test_a_good_server_passes_every_step_and_gets_no_mail(check: Check, mail_server: MailServer) -> None:
    code, said = check(mail_server.settings())

    assert code == 0
    assert [line.split(":")[0] for line in said.splitlines()] == [
        "ok    name", "ok    connection", "ok    sign-in", "ok    addresses",
    ]  # fmt: skip
    assert mail_server.received == []


def test_a_test_mail_is_sent_to_the_team_where_that_is_asked_for(
    check: Check, mail_server: MailServer
) -> None:
    code, said = check(mail_server.settings(), "--send")

    assert (code, len(mail_server.received)) == (0, 1)
    assert mail_server.received[0].recipients == ("team@mending.example",)
    assert "team@mending.example" in said


def server(port: int, **changed: str) -> dict[str, str]:
    names = {"server": "localhost", "port": str(port), "default_sender": "website@mending.example", **changed}
    return {f"RJSITE_MAIL_{name.upper()}": value for name, value in names.items()}


def test_a_name_that_does_not_exist_is_told(check: Check) -> None:
    code, said = check(server(25, server="no-such-name.invalid"))

    assert (code, said) == (1, "FAIL  name: There is no server of the name no-such-name.invalid.\n")


def test_a_port_where_nothing_listens_is_told(check: Check) -> None:
    code, said = check(server(free_port()))

    assert code == 1
    assert "FAIL  connection: Unreachable. No mail server responds" in said


def test_starttls_at_the_port_of_implicit_tls_is_told(
    check: Check, start_mail_server: Callable[..., MailServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    running = start_mail_server(encryption="implicit")
    monkeypatch.setattr("rjsite.mail.check.PORT_OF_TLS", running.port)  # 465, which only root may use
    settings = running.settings() | {"RJSITE_MAIL_USE_TLS": "true", "RJSITE_MAIL_USE_SSL": "false"}

    assert "set RJSITE_MAIL_USE_TLS=false and RJSITE_MAIL_USE_SSL=true" in check(settings)[1]


def test_implicit_tls_at_the_port_of_starttls_is_told(check: Check, mail_server: MailServer) -> None:
    settings = mail_server.settings() | {"RJSITE_MAIL_USE_TLS": "false", "RJSITE_MAIL_USE_SSL": "true"}

    assert "set RJSITE_MAIL_USE_TLS=true and RJSITE_MAIL_USE_SSL=false" in check(settings)[1]


@pytest.mark.parametrize(
    ("certificate", "said"),
    [
        ("wrong-name", "is for another name than RJSITE_MAIL_SERVER"),
        ("self-signed", "is not signed by an authority that this machine trusts"),
    ],
)
def test_a_certificate_that_cannot_be_trusted_is_told_with_the_reason(
    check: Check, start_mail_server: Callable[..., MailServer], certificate: str, said: str
) -> None:
    assert said in check(start_mail_server(certificate=certificate).settings())[1]


def test_a_certificate_that_has_ended_is_told(check: Check, authority: Authority) -> None:
    port = free_port()
    settings = server(port, ca_file=str(authority.ca_file))
    with FaultyMailServer(port, server_context(authority.sign("localhost", days=0))):
        assert "The certificate of the mail server has expired." in check(settings)[1]


CODES = {
    "auth": {
        "535 5.7.3 Authentication unsuccessful": "register its service principal",
        "535 5.7.139 Authentication unsuccessful": "Authenticated SMTP",
        "430 4.2.0 STOREDRV; mailbox logon failure": "The server calls this temporary, but",
        "550 5.7.30 Basic authentication is not supported": "The server no longer accepts passwords",
    },
    "mail": {
        "530 5.7.57 Client not authenticated": "The server asks for a sign-in",
        "550 5.7.60 not as this sender": "The account may not send as",
    },
    "rcpt": {
        "550 5.7.68 direct send not allowed": "set up a connector",
        "552 5.2.2 mailbox full": "The mailbox is full",
    },
}


@pytest.mark.parametrize(
    ("point", "reply", "said"),
    [(point, reply, said) for point, replies in CODES.items() for reply, said in replies.items()],
)
def test_what_providers_answer_is_told_with_what_to_do(
    check: Check, authority: Authority, point: str, reply: str, said: str
) -> None:
    port = free_port()
    settings = server(port, ca_file=str(authority.ca_file), username=LOGIN[0], password=LOGIN[1])
    with FaultyMailServer(port, server_context(authority.sign()), {point: reply}):
        code, printed = check(settings)

    assert code == 1
    assert said in printed
    assert LOGIN[1] not in printed


def test_an_address_that_is_refused_is_written_as_it_is(check: Check, authority: Authority) -> None:
    port = free_port()
    settings = server(port, ca_file=str(authority.ca_file), username=LOGIN[0], password=LOGIN[1])
    with FaultyMailServer(port, server_context(authority.sign()), {"rcpt": "550 5.1.1 nobody of this name"}):
        said = check(settings)[1]

    assert said.endswith("FAIL  addresses: The server refused team@mending.example (550 5.1.1).\n")


def test_a_person_may_try_again_at_once_and_a_success_releases_what_waits(
    start_site: Callable[..., Site], start_mail_server: Callable[..., MailServer]
) -> None:
    mail = start_mail_server(login=LOGIN)
    quiet = {"RJSITE_RATELIMIT_FORMS": "off", "RJSITE_DAILY_COUNT": "false"}
    site = start_site(**mail.settings(), **quiet)
    mail.login = (LOGIN[0], "changed-meanwhile")
    visitor = Visitor(site.base_url)
    for number in range(5):
        assert visitor.send({**FORM_A, "name": f"Ally {number}"}).status == 303
    assert site.run("mail", "check").returncode == 1
    refused = mail.refused_sign_ins
    assert refused in (1, 2)  # by the worker and by the person

    mail.login = LOGIN
    by_hand = site.run("mail", "check")

    assert by_hand.returncode == 0, by_hand.stdout
    mail.wait_for(5)
    assert mail.refused_sign_ins == refused


@pytest.fixture
def tokens(authority: Authority) -> Iterator[TokenServer]:
    with TokenServer(authority) as running:
        yield running


def test_a_secret_that_has_ended_is_told(check: Check, mail_server: MailServer, tokens: TokenServer) -> None:
    tokens.answer = (401, b'{"error":"invalid_client","error_description":"AADSTS7000222: expired"}')
    mail_server.accepts_token = tokens.accepts

    code, said = check(mail_server.settings() | tokens.settings())

    assert code == 1
    assert "The client secret has expired" in said


def test_the_list_of_what_waits_says_what_to_do(start_site: Callable[..., Site]) -> None:
    site = start_site(**server(free_port()), RJSITE_DAILY_COUNT="false")
    Visitor(site.base_url).send(FORM_A)
    site.run("deliver", "--once")

    assert f"unreachable: {advice('unreachable')}\n" in site.run("outbox", "list").stdout


def test_the_guide_explains_every_failure_that_the_program_knows() -> None:
    guide = (ROOT / "docs" / "mail.md").read_text()
    known = {name.strip("()") for name in _sentences()}

    assert [name for name in sorted(known) if name not in guide] == []
