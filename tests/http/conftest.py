"""Fixtures for tests of the whole site, as visitors and the team use it, in the process of the test."""

from __future__ import annotations

from collections.abc import Callable
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from flask import Flask
from flask.testing import FlaskClient

from rjsite.outbox.store import Outbox
from rjsite.services import services_of
from rjsite.settings import Settings


@pytest.fixture
def calm(calm_app: Flask) -> FlaskClient:
    """Return a client of `calm_app`."""
    return calm_app.test_client()


@pytest.fixture
def calm_outbox(calm_app: Flask) -> Outbox:
    """Return the outbox of `calm_app`."""
    return services_of(calm_app).outbox


@pytest.fixture
def outbox(app: Flask) -> Outbox:
    """Return the outbox of `app`."""
    return services_of(app).outbox


@pytest.fixture
def delivered(app: Flask, settings: Settings) -> Callable[[], list[EmailMessage]]:
    """Return a function that sends the waiting mail and returns all mail to the team, sorted by file name."""

    def drain() -> list[EmailMessage]:
        services_of(app).worker.drain()
        read = [
            message_from_bytes(path.read_bytes(), policy=policy.default)
            for path in sorted((settings.data_dir / "mail").glob("*.eml"))
        ]
        return [message for message in read if isinstance(message, EmailMessage)]

    return drain
