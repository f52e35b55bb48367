"""The staff copy inside a test, and the public site, which it has to resemble."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet
from flask import Flask

from rjsite import create_app
from rjsite.app import create_staff_app
from rjsite.settings import Settings
from support.forms import Page

URL = "https://www.nowhere.example"
BANNER = re.compile(r'<aside class="staff-copy".*?</aside>\n\n', re.DOTALL)


def make_staff_app(folder: Path, **given: Any) -> Flask:
    """Make the staff copy, with its data in a folder."""
    return create_staff_app(Settings.load(mode="development", data_dir=folder, public_url=URL, **given))


def make_public_app(folder: Path, **given: Any) -> Flask:
    """Make the site in production, with its data in a folder."""
    return create_app(
        Settings.load(
            mode="production",
            data_dir=folder,
            secret_key="q7Gm2vXr9TfLw4ZsKb1NcYh8JdPe6UaRtW3o",
            outbox_keys=Fernet.generate_key().decode(),
            public_url=URL,
            team_email="team@nowhere.example",
            mail_server="mail.nowhere.example",
            mail_default_sender="website@nowhere.example",
            **given,
        )
    )


def typed(html: str) -> dict[str, list[str]]:
    """Return the data that a browser would send for a form as it is, without a button."""
    page = Page(html)
    sent: dict[str, list[str]] = {}
    for control in page.all("input", "textarea"):
        kind, value = control.get("type", ""), control.get("value", "")
        if control.tag == "textarea":
            value = "".join(control.itertext())
        chosen = kind not in ("checkbox", "radio") or "checked" in control.attrib
        if chosen and "name" in control.attrib:
            sent.setdefault(control.attrib["name"], []).append(value)
    return sent
