"""What the previous version left still works: mail that waits in its outbox, and a form that is open."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from email import message_from_bytes, policy
from pathlib import Path

import pytest
import time_machine
from flask import Flask

from rjsite import create_app
from rjsite.services import services_of
from rjsite.settings import Settings
from support.mail import text_of
from support.service import SERVICE

OUTBOX = Path(__file__).with_name("version_before.sql")  # a dump made with sqlite3
REFERENCE = "2274-3Q2R"  # the reference of the form in the dump
TOKEN = "IlhuN1IwVnJjS0tZblVnUV8i.aucp_Q.rWEF8QC6a0QNHagYozJ7UGPatgc"  # from an empty contact form
OPENED = datetime(2026, 11, 1, 12, 1, tzinfo=UTC)
KEYS = {
    "secret_key": "version-before-" + "k" * 30,
    "outbox_keys": "Zm9yLXRlc3RzLW9ubHktLXRoaXMtaXMtbm8tc2VjcmU=",
}


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    """Return the site of this version, with the data folder and the keys of the previous version."""
    with sqlite3.connect(tmp_path / "outbox.sqlite3") as database:
        database.executescript(OUTBOX.read_text())
    database.close()
    settings = Settings.load(
        mode="development",
        data_dir=tmp_path,
        content_dir=SERVICE,
        mail_folder=str(tmp_path / "mail"),
        team_email="team@rj.example",
        deliver_in_server=False,
        **KEYS,
    )
    return create_app(settings)


def test_a_mail_that_waits_in_the_outbox_of_the_version_before_is_delivered(app: Flask, tmp_path: Path):
    services_of(app).worker.drain()

    (file,) = (tmp_path / "mail").glob("*.eml")
    mail = message_from_bytes(file.read_bytes(), policy=policy.default)
    assert mail["Subject"] == f"Website form {REFERENCE}"
    assert "Is it free?" in text_of(mail)


def test_a_form_that_was_open_during_the_upgrade_can_be_sent(app: Flask):
    answers = {"form_token": TOKEN, "message": "Is it free?", "reply_by": "none"}

    with time_machine.travel(OPENED.replace(hour=14)):
        sent = app.test_client().post("/contact", data=answers)

    assert sent.status_code == 303
