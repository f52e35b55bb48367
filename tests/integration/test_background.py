"""The worker starts with the first request, once in each process, and keeps no reader waiting."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from flask import Flask
from flask.cli import FlaskGroup

from rjsite import create_app, full_version
from rjsite.services import Services, services_of
from rjsite.settings import Settings
from support.forms import GOOD, A, fresh
from support.processes import in_a_child, wait_until


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return the settings of a site that delivers its own mail, to a folder."""
    return Settings.load(mode="development", data_dir=tmp_path / "var", deliver_in_server=True)


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    """Return that site. Its worker stops when the test ends."""
    site = create_app(settings)
    yield site
    services_of(site).worker.stop()


@pytest.fixture
def services(app: Flask) -> Services:
    """Return the services of that site."""
    return services_of(app)


def workers() -> list[str]:
    """Return the names of the threads of this process that send mail."""
    return [thread.name for thread in threading.enumerate() if thread.name == "delivery"]


@pytest.mark.parametrize("address", ["/", "/healthz", "/readyz", "/static/nothing.css", "/no-such-page"])
def test_whatever_is_asked_first_starts_the_worker(app: Flask, services: Services, address: str) -> None:
    assert not services.worker.is_running()

    app.test_client().get(address)

    assert services.worker.is_running()


def test_the_worker_starts_once_however_many_ask_at_once(app: Flask) -> None:
    start = threading.Barrier(8)

    def ask(_: int) -> int:
        start.wait()
        return app.test_client().get("/healthz").status_code

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(8))) == [200] * 8
    assert workers() == ["delivery"]


def test_each_process_has_its_own_worker_also_after_a_fork(app: Flask, services: Services) -> None:
    app.test_client().get("/healthz")

    def work() -> bool:
        gone = not services.worker.is_running()
        app.test_client().get("/healthz")
        return gone and workers() == ["delivery"]

    assert in_a_child(work)
    assert workers() == ["delivery"]


@pytest.mark.parametrize("command", ["routes", "shell"])
def test_no_command_starts_the_worker_or_opens_the_outbox(
    app: Flask, services: Services, settings: Settings, command: str
) -> None:
    flask = FlaskGroup(create_app=lambda: app)

    assert app.test_cli_runner().invoke(flask, [command], input="").exit_code == 0

    assert not services.worker.is_running()
    assert not (settings.data_dir / "outbox.sqlite3").exists()


def test_where_the_worker_runs_apart_a_server_is_ready_and_sends_nothing(tmp_path: Path) -> None:
    site = create_app(Settings.load(mode="development", data_dir=tmp_path, deliver_in_server=False))

    assert site.test_client().get("/readyz").status_code == 200

    assert (tmp_path / "outbox.sqlite3").exists()
    assert not services_of(site).worker.is_running()


def test_a_form_that_is_the_first_request_is_kept_and_sent(app: Flask, settings: Settings) -> None:
    page = {**fresh(create_app(settings).test_client(), A), **GOOD[A]}

    assert app.test_client().post(A, data=page).status_code == 303

    wait_until(lambda: len(list((settings.data_dir / "mail").glob("*.eml"))) == 1, "the mail")


def test_nobody_who_reads_a_page_waits_for_the_outbox(app: Flask, settings: Settings) -> None:
    settings.data_dir.mkdir(exist_ok=True)
    with closing(sqlite3.connect(settings.data_dir / "outbox.sqlite3", isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        began = time.monotonic()

        statuses = [app.test_client().get(address).status_code for address in ("/healthz", "/", A)]

        assert statuses == [200] * 3
        assert time.monotonic() - began < 2  # waiting for the lock would take three seconds


def test_a_site_whose_worker_does_not_run_is_not_ready(app: Flask, services: Services) -> None:
    client = app.test_client()
    assert client.get("/readyz").status_code == 200

    services.worker.stop()

    answer = client.get("/readyz")
    assert (answer.status_code, answer.text.splitlines()) == (
        503,
        ["mail", f"version: {full_version()}", "worker: not running in this process"],
    )


def test_a_site_that_gets_no_thread_answers_says_so_and_tries_again(
    app: Flask, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    client = app.test_client()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        assert (client.get("/").status_code, client.get("/readyz").status_code) == (200, 503)

    assert client.get("/readyz").status_code == 200
