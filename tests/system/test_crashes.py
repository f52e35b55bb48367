"""Whichever process dies, and at whatever moment, a form reaches the team if its sender was thanked."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPException
from pathlib import Path

import pytest

from support import crash_steps
from support.mail import MailServer
from support.processes import wait_until
from support.site_process import Site
from support.visitor import FORM_A, Visitor

# until this step of the first attempt, the server cannot have received the email
GIVEN = "mail send"


def steps_of(output: str) -> list[dict]:
    """Return what was printed for each step, as one dictionary for each."""
    steps: list[dict] = []
    for line in output.splitlines():
        said = json.loads(line)
        if "step" in said:
            steps.append({})
        steps[-1] |= said
    return steps


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Return the URL of a database of each kind, which is empty for SQLite."""
    return str(request.getfixturevalue("postgres_url")) if request.param == "PostgreSQL" else ""


def test_a_form_survives_kill_9_at_every_step_from_the_post_to_the_wiped_row(
    mail_server: MailServer, tmp_path: Path, database_url: str
) -> None:
    run = subprocess.run(
        [
            *(sys.executable, "-P", crash_steps.__file__, str(tmp_path)),
            *(str(mail_server.port), str(mail_server.authority.ca_file), database_url),
        ],
        capture_output=True, text=True, timeout=170, check=False,
        env={"PYTHONPATH": str(Path(crash_steps.__file__).parents[1])},
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    steps = steps_of(run.stdout)
    copies = Counter(str(one.message["Message-ID"]) for one in mail_server.received)
    by_reference = {name[1:10]: number for name, number in copies.items()}

    assert len(steps) > 20
    assert [step for step in steps if "error" in step or step["again"]] == []
    assert steps[-1]["ended"] == 0
    for step in steps:
        rows = step["rows"]
        assert len(rows) == 1 or "status" not in step, step
        for reference, wiped in rows:
            assert wiped, step
            assert by_reference[reference] in (1, 2), step
    # a form is sent twice only if the crash came after the server accepted it and before that was recorded
    doubled = [
        (step.get("died"), step["step"])
        for step in steps
        for reference, _ in step["rows"]
        if by_reference[reference] == 2
    ]
    assert len(doubled) <= 12
    assert all("status" in step for step in steps if step["step"] in {step for _, step in doubled})


def test_two_workers_on_one_database_send_each_mail_once(
    start_site, mail_server: MailServer, database_url: str
) -> None:
    site = start_site(
        **mail_server.settings(),
        RJSITE_DATABASE_URL=database_url,
        RJSITE_DELIVER_IN_SERVER="false",
        RJSITE_RATELIMIT_FORMS="off",
        RJSITE_DAILY_COUNT="false",
    )
    visitor = Visitor(site.base_url)
    for number in range(30):
        assert visitor.send({**FORM_A, "name": f"Ally {number}"}).status == 303

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda _: site.run("deliver", "--once"), range(2)))

    assert [one.returncode for one in done] == [0, 0]
    assert len(mail_server.received) == len({str(one.message["Message-ID"]) for one in mail_server.received})
    assert len(mail_server.received) == 30


@pytest.mark.parametrize("how", ["terminate", "kill"])
def test_every_form_that_was_thanked_for_arrives_though_the_server_ends_during_fifty_posts(
    start_site, mail_server: MailServer, how: str
) -> None:
    site: Site = start_site(**mail_server.settings(), RJSITE_RATELIMIT_FORMS="off")
    visitor = Visitor(site.base_url)
    tokens = [visitor.token() for _ in range(50)]
    thanked: list[int] = []

    def post(number: int) -> None:
        try:
            answer = visitor.send({**FORM_A, "name": f"Ally number {number}."}, token=tokens[number])
        except (OSError, HTTPException):
            return  # the browser shows an error and keeps the page
        assert answer.status == 303
        thanked.append(number)

    with ThreadPoolExecutor(8) as pool:
        posts = [pool.submit(post, number) for number in range(50)]
        wait_until(lambda: len(thanked) >= 15, "fifteen thanks")
        getattr(site, how)()
        for one in posts:
            one.result()
    with closing(sqlite3.connect(site.data_dir / "outbox.sqlite3")) as outbox:  # as if minutes had passed
        outbox.execute("UPDATE outbox SET due_at = 0 WHERE accepted_at IS NULL")
        outbox.commit()
    site.start()
    wait_until(
        lambda: site.run("outbox", "status").stdout.startswith("0 waiting"), "everything to be sent", 60
    )

    arrived = [one.text for one in mail_server.received]
    lost = [number for number in thanked if not any(f"Ally number {number}." in text for text in arrived)]
    assert lost == []
    assert len(thanked) >= 15
