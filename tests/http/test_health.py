"""/healthz and /readyz respond to everyone with one word, for any host, and on this machine with details."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from rjsite import create_app
from rjsite.settings import Settings
from support.forms import A, send
from support.service import SERVICE
from support.site_process import production_settings

PROBES = ("/healthz", "/readyz")
HOSTS = (
    "10.0.0.7",
    "10.0.0.7:8000",
    "evil.example",
    "[::1]",
    "",
    "localhost@evil.example",
    "a b",
    "x" * 300,
    "é",
)
ELSEWHERE = {
    "X-Forwarded-For": "192.0.2.7",
    "X-Forwarded-Host": "www.example.org",
    "X-Forwarded-Proto": "https",
    "Forwarded": "for=192.0.2.7",
    "Via": "1.1 proxy",
    "X-Real-IP": "192.0.2.7",
    "X-Client-IP": "192.0.2.7",
    "CF-Connecting-IP": "192.0.2.7",
    "True-Client-IP": "192.0.2.7",
}

Asked = Callable[..., str]


@pytest.fixture(scope="module")
def development(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """Return the site in development, with an empty outbox."""
    return create_app(Settings.load(mode="development", data_dir=tmp_path_factory.mktemp("development")))


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """Return the site in production, behind one proxy."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in production_settings(SERVICE).items():
            patch.setenv(name, value)
        return create_app(Settings.load(data_dir=tmp_path_factory.mktemp("production"), trusted_proxies=1))


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("address", PROBES)
def test_probes_are_answered_whatever_host_they_ask_for(
    development: Flask, production: Flask, address: str, host: str
) -> None:
    for site in (development, production):
        answer = site.test_client().get(address, environ_overrides={"HTTP_HOST": host})

        assert (answer.status_code, answer.text.splitlines()[0]) == (200, "ok")


def test_no_other_address_is_answered_for_another_host(production: Flask) -> None:
    client = production.test_client()

    for address in ("/", "/refer/a", "/static/nothing.css", "/healthz/x"):
        assert client.get(address, environ_overrides={"HTTP_HOST": "evil.example"}).status_code in (400, 404)


@pytest.fixture(scope="module")
def readyz(tmp_path_factory: pytest.TempPathFactory) -> Asked:
    """Return a function that requests /readyz from an address, with headers, while an email is waiting."""
    settings = Settings.load(mode="development", data_dir=tmp_path_factory.mktemp("waiting"))
    client = create_app(settings).test_client()
    send(client, A)

    def ask(address: str, **headers: str) -> str:
        return client.get("/readyz", environ_base={"REMOTE_ADDR": address}, headers=headers).text

    return ask


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"])
def test_who_asks_on_this_machine_hears_what_waits(readyz: Asked, address: str) -> None:
    first, *details = readyz(address).splitlines()

    assert first == "ok"
    assert "waiting: 1, the oldest for 0 minutes" in details
    assert "worker: in a separate process, rjsite deliver" in details


@pytest.mark.parametrize(
    "address", ["192.0.2.7", "10.0.0.7", "2001:db8::7", "::ffff:192.0.2.7", "", "localhost"]
)
def test_everybody_else_hears_one_word(readyz: Asked, address: str) -> None:
    assert readyz(address) == "ok\n"


@pytest.mark.parametrize("header", ELSEWHERE)
def test_who_asks_by_way_of_a_proxy_on_this_machine_hears_one_word(readyz: Asked, header: str) -> None:
    assert readyz("127.0.0.1", **{header: ELSEWHERE[header]}) == "ok\n"


def test_a_claim_to_be_on_this_machine_gives_no_details(production: Flask) -> None:
    answer = production.test_client().get("/readyz", headers={"X-Forwarded-For": "127.0.0.1"})

    assert answer.text == "ok\n"


def test_the_details_hold_nothing_of_a_form(readyz: Asked) -> None:
    said = readyz("127.0.0.1")

    assert [word for word in ("Ally", "window", "shop", "@", "REF") if word in said] == []
