"""Sends one form and crashes before its n-th step, for every n. This is a program, because it kills itself.

    python -P crash_steps.py FOLDER PORT CA_FILE [DATABASE_URL]

A step is a statement that writes to the outbox's database, a commit, or a call that sends to or reads from
the mail server. Reading from the database is not a step, because a crash before it is the same as a crash
before the next step. On databases other than SQLite, a series of mail calls is one step, because the
database is the same during all of them, and each call is covered with SQLite. Before each step a child
process is killed as by `kill -9`, and another one continues with its data. Each step prints lines of JSON,
until a child survives to the end.
"""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import signal
import smtplib
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import delete, event

from rjsite import create_app
from rjsite.outbox import operator
from rjsite.outbox.schema import metadata, outbox
from rjsite.services import services_of
from rjsite.settings import Settings
from rjsite.settings.development_keys import keep_keys

ANSWERS = {
    "reply_by": "none",
    "message": "A window of the corner shop.",
}
LATER = 400.0  # seconds until every lease has expired and a retry is due


class Steps:
    """Counts steps and kills the process before one of them."""

    def __init__(self, die_at: int, each_word: bool) -> None:
        self.die_at = die_at
        self.each_word = each_word
        self.now = 0
        self.last = ""

    def step(self, what: str) -> None:
        """Count a step, and kill the process if this is the step to crash at."""
        same = not self.each_word and what.startswith("mail") and self.last.startswith("mail")
        self.last = what
        if same:
            return
        self.now += 1
        if self.now == self.die_at:
            tell(died=what)
            os.kill(os.getpid(), signal.SIGKILL)

    def write(self, what: str) -> None:
        """Count a database statement as a step if it writes."""
        if what in ("INSERT", "UPDATE", "DELETE"):
            self.step(what)

    def watch(self, app: Flask) -> None:
        """Count the steps of the outbox and the mail client of this process from now on."""
        engine = services_of(app).outbox.engine
        event.listen(engine, "before_cursor_execute", lambda *a: self.write(a[2].split()[0]))
        event.listen(engine, "commit", lambda *_: self.step("COMMIT"))
        for name in ("connect", "putcmd", "send", "getreply", "close"):
            self.wrap(name)

    def wrap(self, name: str) -> None:
        """Count calls of one method of the mail client."""
        real = getattr(smtplib.SMTP, name)

        def counted(*args: Any, **kwargs: Any) -> Any:
            self.step(f"mail {name}")
            return real(*args, **kwargs)

        setattr(smtplib.SMTP, name, counted)


def tell(**what: Any) -> None:
    """Print a line of JSON, unbuffered."""
    os.write(OUT, json.dumps(what).encode() + b"\n")


def site(folder: Path, port: int, ca_file: Path, database_url: str) -> Flask:
    """Return the site with its data in a folder, and its outbox too unless a database URL is given."""
    settings = Settings.load(
        mode="development",
        data_dir=folder,
        database_url=database_url,
        mail_server="localhost",
        mail_port=port,
        mail_ca_file=ca_file,
        mail_timeout=5,
        hold_hours=0,
        ratelimit_forms="off",
        daily_count=False,
        deliver_per_minute=60_000,  # by default, emails are two seconds apart
        deliver_in_server=False,  # the child calls the worker itself
    )
    return create_app(keep_keys(settings))  # a later process has to decrypt the waiting mail


def fill_caches(app: Flask) -> None:
    """Send one form before forking, so that no child has to import modules and compile statements first."""
    send(app)
    worker = services_of(app).worker
    worker.drain()
    for timer in (worker._probe_timer, worker._tidy_timer):  # both tasks are due in each child
        timer.last = -math.inf
    with services_of(app).outbox.engine.begin() as connection:  # each child fills empty tables
        for table in metadata.sorted_tables:
            connection.execute(delete(table))


def send(app: Flask, watch: Callable[[], None] = lambda: None) -> int:
    """Send one form, calling `watch` before its answers are sent, and return the status."""
    client = app.test_client()
    token = re.search(r'name="form_token" value="([^"]+)"', client.get("/contact").text)
    assert token
    watch()
    return client.post("/contact", data={**ANSWERS, "form_token": token[1]}).status_code


def send_and_work(app: Flask, steps: Steps) -> None:
    """Send one form, and run the worker until its row is wiped."""
    tell(status=send(app, lambda: steps.watch(app)))
    services_of(app).worker.drain()


def recover(app: Flask) -> None:
    """Run the worker as a new process would minutes later, and print the rows of the outbox."""
    box = services_of(app).outbox
    box.clock = services_of(app).mail.gate.clock = lambda: time.time() + LATER
    services_of(app).worker.drain()
    rows = [(row.reference, bool(row.wiped_at)) for row in operator.rows(box)]
    tell(rows=rows)


def in_child(work: Any) -> int:
    """Run a function in a child process, and return the exit status."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException as error:
            tell(error=f"{type(error).__name__}: {error}")
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main() -> None:
    """Crash before step 1, then before step 2, and so on until no step is left."""
    root, port, ca_file = Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    database_url = "".join(sys.argv[4:])
    each_word = not database_url
    app = site(root / "now", port, ca_file, database_url)
    fill_caches(app)
    engine = services_of(app).outbox.engine
    engine.dispose()
    (root / "now").rename(root / "new")
    for number in range(1, 200):
        tell(step=number)
        shutil.rmtree(root / "now", ignore_errors=True)
        shutil.copytree(root / "new", root / "now")
        with engine.begin() as connection:
            connection.execute(delete(outbox))
        engine.dispose()  # no child may share a connection
        ended = in_child(lambda: send_and_work(app, Steps(number, each_word)))  # noqa: B023
        again = in_child(lambda: recover(app))
        tell(ended=ended, again=again)
        if ended != -signal.SIGKILL:
            return


OUT = 1
if __name__ == "__main__":
    main()
