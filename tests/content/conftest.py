"""Fixtures with the client's content, which has to follow the rules whatever it says."""

from __future__ import annotations

import pytest
from flask import Flask

from rjsite import create_app
from rjsite.content.library import Library
from rjsite.services import services_of
from rjsite.settings import Settings
from support.service import CLIENT


@pytest.fixture(scope="session")
def client_app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """Return the site with the client's content."""
    folder = tmp_path_factory.mktemp("client")
    return create_app(Settings.load(mode="development", data_dir=folder / "var", content_dir=CLIENT))


@pytest.fixture(scope="session")
def library(client_app: Flask) -> Library:
    """Return the client's content."""
    return services_of(client_app).content.now()
