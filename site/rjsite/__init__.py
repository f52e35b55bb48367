"""The website of a restorative justice service: pages, stories and confidential forms."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from rjsite.settings import Settings

__version__ = "1.0.0"


def full_version() -> str:
    """Return the version, with the commit if the site runs from a folder that deploy/release.sh created."""
    release = re.fullmatch(r"([0-9a-f]{40})\.\w{6}", Path(__file__).resolve().parents[2].name)
    return f"{__version__} ({release[1][:10]})" if release else __version__


def create_app(settings: Settings | None = None) -> Flask:
    """Return the site as a WSGI application; see `rjsite.app.create_app`."""
    # Importing any module of this package runs this file first. Importing Flask and SQLAlchemy here would
    # slow every command down by half a second, and most commands need neither.
    from rjsite.app import create_app as create

    return create(settings)
