"""The site tells machines and operators what they need to know, and nothing about anybody."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from cryptography.fernet import Fernet

from rjsite import create_app
from rjsite.encryption.at_rest import RowCipher
from rjsite.encryption.smime import TeamCertificates
from rjsite.services import services_of
from rjsite.settings import Settings
from support import commands
from support.forms import A, send
from support.mail import text_of
from support.readers import make_reader


def test_whom_to_tell_of_a_weakness_is_said_from_the_facts(calm, content):
    answer = calm.get("/.well-known/security.txt")

    lines = [line.partition(": ") for line in answer.text.splitlines()]
    fields = {name: value for name, _, value in lines}
    assert answer.content_type == "text/plain; charset=utf-8"
    assert [v for n, _, v in lines if n == "Contact"] == [
        content.facts["email"].link,
        content.facts["phone"].link,
    ]
    expires = datetime.fromisoformat(fields["Expires"])
    assert 30 < (expires - datetime.now(UTC)).days < 365
    assert fields["Canonical"] == "http://localhost/.well-known/security.txt"


def test_the_text_is_wiped_once_the_mail_server_has_it_and_the_time_is_over(tmp_path, monkeypatch):
    for name, value in (("MODE", "development"), ("DATA_DIR", str(tmp_path)), ("HOLD_HOURS", "0")):
        monkeypatch.setenv(f"RJSITE_{name}", value)
    site = create_app()
    send(site.test_client(), A)
    services_of(site).worker.drain()
    (mail,) = (tmp_path / "mail").glob("*.eml")

    assert "wiped" in commands.run("outbox", "list").stdout
    assert "No email with this reference" in commands.run("outbox", "resend", mail.stem).stdout


def ready(client) -> tuple[int, str]:
    """Return the status of /readyz and its one word, without the details."""
    answer = client.get("/readyz")
    return answer.status_code, answer.text.splitlines()[0]


def test_ready_says_ok_and_then_what_is_wrong(tmp_path):
    site = create_app(Settings.load(mode="development", data_dir=tmp_path, outbox_max_waiting=1))
    client, box = site.test_client(), services_of(site).outbox
    assert ready(client) == (200, "ok")

    send(client, A)
    assert ready(client) == (503, "outbox")

    box.max_waiting = 100
    with box.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE outbox SET made_at = made_at - 1000")
    assert ready(client) == (503, "mail")

    with box.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE outbox")
    assert ready(client) == (503, "database")
    assert client.get("/healthz").status_code == 200


def lose_the_key(app, _):
    services_of(app).outbox.cipher = RowCipher([Fernet.generate_key().decode()])


def swap_rows(app, _):
    send(app.test_client(), A)
    with services_of(app).outbox.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE outbox SET sealed = (SELECT max(sealed) FROM outbox)")


def let_certificates_end(app, folder):
    ended = TeamCertificates([make_reader(folder, "ended", days=-1).certificate])
    services_of(app).worker.certificates = ended


def break_the_sealing(app, _):
    class Broken(TeamCertificates):
        def encrypt(self, message: bytes) -> bytes:
            raise ValueError

    services_of(app).worker.certificates = Broken(())


def break_the_sending(app, _):
    del services_of(app).worker.mail.site


@pytest.mark.parametrize(
    "broken", [lose_the_key, swap_rows, let_certificates_end, break_the_sealing, break_the_sending]
)
def test_mail_that_cannot_leave_until_somebody_acts_is_told_at_once(app, client, tmp_path, broken):
    send(client, A)
    broken(app, tmp_path)

    services_of(app).worker.drain()

    assert ready(client) == (503, "outbox")


@pytest.mark.parametrize(
    "change",
    [
        "DROP TABLE outbox",
        "DROP TABLE outbox_counters",
        "ALTER TABLE outbox RENAME COLUMN digest TO other",
        "ALTER TABLE outbox RENAME COLUMN sealed TO other",
    ],
)
def test_tables_of_another_shape_are_told_before_a_form_meets_them(app, client, change):
    assert ready(client) == (200, "ok")
    with services_of(app).outbox.engine.begin() as connection:
        connection.exec_driver_sql(change)

    assert ready(client) == (503, "database")


def test_the_mail_bears_the_running_number_that_the_count_tells(client, delivered):
    for _ in range(3):
        send(client, A)

    numbers = [re.findall(r"^Number: (\d+)$", text_of(m), re.M) for m in delivered()]
    assert sorted(numbers) == [["1"], ["2"], ["3"]]
