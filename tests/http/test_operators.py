"""What machines and operators ask the site, and that it tells them nothing of anybody."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from rjsite import create_app
from rjsite.services import services_of
from rjsite.settings import Settings
from support.forms import A, send
from support.mail import text_of


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


def test_ready_says_ok_and_then_what_is_wrong(tmp_path):
    site = create_app(Settings.load(mode="development", data_dir=tmp_path, outbox_max_waiting=1))
    client, box = site.test_client(), services_of(site).outbox
    assert (client.get("/readyz").status_code, client.get("/readyz").text) == (200, "ok\n")

    send(client, A)
    assert (client.get("/readyz").status_code, client.get("/readyz").text) == (503, "outbox\n")

    box.max_waiting = 100
    with box.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE outbox SET made_at = made_at - 1000")
    assert client.get("/readyz").text == "mail\n"

    with box.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE outbox")
    assert client.get("/readyz").text == "database\n"
    assert client.get("/healthz").status_code == 200


def test_the_mail_bears_the_running_number_that_the_count_tells(client, delivered):
    for _ in range(3):
        send(client, A)

    numbers = [re.findall(r"^Number: (\d+)$", text_of(m), re.M) for m in delivered()]
    assert sorted(numbers) == [["1"], ["2"], ["3"]]
