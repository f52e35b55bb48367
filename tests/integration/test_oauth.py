"""Access tokens are fetched from a real token server over TLS and kept until they are about to expire."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from typing import Any

import pytest

from rjsite.mail.oauth import TokenSource
from rjsite.mail.smtp_errors import (
    TOKEN_BUSY,
    TOKEN_MISSING,
    TOKEN_NOT_TRUSTED,
    TOKEN_REFUSED,
    TOKEN_UNREACHABLE,
    MailFailure,
)
from rjsite.settings import Settings
from support.authority import Authority
from support.token_server import SECRET, TokenServer, client_key


@pytest.fixture
def server(authority: Authority) -> Iterator[TokenServer]:
    with TokenServer(authority) as running:
        yield running


class Seconds:
    """A clock that the test moves."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def source(server: TokenServer, **changed: Any) -> TokenSource:
    names = {name.removeprefix("RJSITE_").lower(): value for name, value in server.settings().items()}
    return TokenSource(Settings(mode="development", **{**names, **changed}), Seconds())


def failure(tokens: TokenSource, within: float = 10) -> str:
    with pytest.raises(MailFailure) as raised:
        tokens.current(within)
    assert raised.value.__cause__ is None
    return raised.value.failure


def test_a_token_is_fetched_once_and_used_until_five_minutes_before_it_expires(server: TokenServer) -> None:
    tokens = source(server)
    first = tokens.current(10)
    assert first.value in server.valid

    Seconds.now = 1000.0 + 3299
    assert tokens.current(10) is first
    Seconds.now = 1000.0 + 3300
    second = tokens.current(10)
    Seconds.now = 1000.0

    assert second.value != first.value
    assert server.asked == 2


@pytest.mark.parametrize(("life", "used_for"), [(60, 30), ("3600", 3300), ("soon", 150), (-5, 0)])
def test_a_token_of_any_life_is_replaced_before_it_ends(
    server: TokenServer, life: int | str, used_for: float
) -> None:
    server.life = life

    assert source(server).current(10).renew_at == Seconds.now + used_for


def test_a_token_that_was_refused_is_not_used_again(server: TokenServer) -> None:
    tokens = source(server)
    refused = tokens.current(10)

    tokens.forget()

    assert tokens.current(10).value != refused.value


def test_a_certificate_proves_who_asks_and_no_secret_is_sent(server: TokenServer, tmp_path: Path) -> None:
    file, server.certificate = client_key(tmp_path)

    token = source(server, mail_oauth_client_secret="", mail_oauth_client_key=file).current(10)

    assert token.value in server.valid
    assert "client_secret" not in server.forms[0]


ODD_SECRET = "a+b/c=d~e.f&g %h\"i'j"


@pytest.mark.parametrize("spoil", [Path.unlink, lambda file: file.write_text(file.read_text()[:900])])
def test_a_key_file_that_is_gone_or_not_whole_has_a_failure_of_its_own(
    server: TokenServer, tmp_path: Path, spoil: Callable[[Path], object]
) -> None:
    file, _ = client_key(tmp_path)
    tokens = source(server, mail_oauth_client_secret="", mail_oauth_client_key=file)
    spoil(file)

    assert failure(tokens) == "token key file not readable"


def test_a_secret_arrives_as_it_was_set(server: TokenServer) -> None:
    failure(source(server, mail_oauth_client_secret=ODD_SECRET))

    assert server.forms[0]["client_secret"] == ODD_SECRET


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((401, b'{"error":"invalid_client"}'), f"{TOKEN_REFUSED} (invalid_client)"),
        ((400, b'{"error":"unauthorized_client"}'), f"{TOKEN_REFUSED} (unauthorized_client)"),
        (
            (
                401,
                json.dumps(
                    {"error": "invalid_client", "error_description": f"AADSTS7000222: {SECRET}"}
                ).encode(),
            ),
            f"{TOKEN_REFUSED} (AADSTS7000222)",
        ),
        ((404, b"<html>no such page</html>"), f"{TOKEN_REFUSED} (404)"),
        ((302, b""), f"{TOKEN_REFUSED} (302)"),
        ((400, b'{"error":"' + SECRET.encode() + b'"}'), f"{TOKEN_REFUSED} (400)"),
        ((429, b"{}"), TOKEN_BUSY),
        ((503, b"later"), TOKEN_BUSY),
        ((200, b"{}"), TOKEN_MISSING),
        ((200, b"[" * 100_000), TOKEN_MISSING),
        ((200, b'{"access_token": "two parts", "expires_in": 3600}'), TOKEN_MISSING),
        ((200, b'{"access_token": "line\\u0001auth", "expires_in": 3600}'), TOKEN_MISSING),
        ((200, b'{"access_token": 7}'), TOKEN_MISSING),
        ((200, b'"\xff"'), TOKEN_MISSING),
    ],
)
def test_an_answer_without_a_token_is_named_in_fixed_words_that_fit_the_database(
    server: TokenServer, answer: tuple[int, bytes], said: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.answer = answer

    assert failure(source(server)) == said
    assert len(said) <= 40
    assert SECRET not in said + caplog.text


def test_a_token_server_that_cannot_be_reached_or_trusted_is_told_apart(
    server: TokenServer, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path)
    assert failure(source(server, mail_ca_file=stranger.ca_file)) == TOKEN_NOT_TRUSTED
    assert failure(source(server, mail_oauth_token_url="https://localhost:1/token")) == TOKEN_UNREACHABLE
    assert server.asked == 0


@pytest.mark.parametrize("body", [b"-5\r\n\r\n", b"five\r\n\r\n", b"5\r\n"])
def test_an_answer_in_chunks_that_cannot_be_read_is_none(server: TokenServer, body: bytes) -> None:
    server.chunked = True
    server.answer = 200, body

    assert failure(source(server)) == TOKEN_UNREACHABLE


@pytest.mark.parametrize(("url", "port"), [("https://[::1]/token", 443), ("http://[::1]/token", 80)])
def test_a_token_server_may_have_an_address_without_a_port(
    server: TokenServer, monkeypatch, url: str, port: int
) -> None:
    asked = []

    def connect(connection: HTTPConnection) -> None:
        asked.append((connection.host, connection.port))
        raise ConnectionRefusedError

    monkeypatch.setattr(HTTPConnection, "connect", connect)
    monkeypatch.setattr(HTTPSConnection, "connect", connect)

    assert failure(source(server, mail_oauth_token_url=url)) == TOKEN_UNREACHABLE
    assert asked == [("::1", port)]


def test_a_token_server_that_drips_is_given_up_in_time(server: TokenServer) -> None:
    server.drip = True
    began = time.monotonic()

    assert failure(source(server), within=0.5) == TOKEN_MISSING
    assert time.monotonic() - began < 3


def test_neither_a_token_nor_its_source_shows_what_it_holds(server: TokenServer) -> None:
    tokens = source(server)
    token = tokens.current(10)

    assert token.value not in repr(token) + repr(tokens) + str(vars(tokens))
    assert SECRET not in repr(tokens) + str(vars(tokens))
