"""If the outbox cannot be written to, forms are delivered directly, or every answer stays on the page."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from rjsite.outbox.database import WAIT_FOR_LOCK
from support import site_process
from support.disk import damaged, full, locked, overwrite, read_only
from support.forms import GOOD, A, Page, lost
from support.mail import MailServer
from support.processes import wait_until
from support.service import PHONE
from support.site_process import Site, with_constants
from support.visitor import Visitor

ANSWERS = GOOD[A]


BREAKS = [locked, full, read_only, damaged]


@pytest.fixture
def site(start_site: Callable[..., Site], mail_server: MailServer, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Start a site with a mail server. The site waits for a lock for one second."""
    monkeypatch.setattr(site_process, "RJSITE", with_constants("rjsite.outbox.database", WAIT_FOR_LOCK=1))
    return start_site(**mail_server.settings(), RJSITE_MAIL_TIMEOUT="2")


def test_a_lock_is_waited_for_three_seconds_at_most() -> None:
    """This is how long the real site waits. The tests below show what it does then."""
    assert WAIT_FOR_LOCK <= 3


def post(visitor: Visitor):
    return visitor.send(ANSWERS)


@pytest.mark.parametrize("breaks", BREAKS)
def test_a_form_goes_out_directly_or_stays_in_the_page_and_all_is_well_again_after(
    site: Site, mail_server: MailServer, breaks
) -> None:
    visitor = Visitor(site.base_url)
    post(visitor)
    mail_server.wait_for(1)

    with breaks(site):
        direct = post(visitor)
        arrived = mail_server.wait_for(2)
        ready = visitor.get("/readyz")
        mail_server.stop()
        nowhere = post(visitor)
        mail_server.start()
    after = post(visitor)

    assert direct.status == 303
    assert visitor.reference(direct) in str(arrived[1].message["Subject"])
    assert (ready.status, ready.text.splitlines()[0]) == (503, "database")
    assert nowhere.status == 503
    assert lost(ANSWERS, Page(nowhere.text)) == {}
    assert "We could not send this. Your answers are still on this page." in nowhere.text
    assert PHONE in nowhere.text
    assert after.status == 303
    assert visitor.reference(after) in str(mail_server.wait_for(3)[2].message["Subject"])
    assert [word for word in ("Traceback", "window", "01632") if word in site.log] == []


def test_a_full_disk_keeps_nobody_waiting(site: Site, mail_server: MailServer) -> None:
    visitor = Visitor(site.base_url)
    post(visitor)

    with full(site):
        began = time.monotonic()
        sent = [post(visitor).status for _ in range(3)]
        taken = time.monotonic() - began

    assert sent == [303] * 3
    assert taken < 2


def test_a_damaged_database_is_kept_aside_and_told_until_somebody_looked_after_it(
    site: Site, mail_server: MailServer
) -> None:
    overwrite(site)

    visitor = Visitor(site.base_url)
    (aside,) = site.data_dir.glob("outbox.sqlite3.damaged-*[0-9]")
    assert visitor.get("/readyz").text.splitlines()[0] == "outbox"
    assert aside.name in site.run("outbox", "status").stdout
    assert aside.stat().st_mode & 0o077 == 0
    for file in site.data_dir.glob("*.damaged-*"):
        file.unlink()
    assert visitor.get("/readyz").text.splitlines()[0] == "ok"


def test_a_site_starts_without_its_database_and_hands_forms_over(
    start_site: Callable[..., Site], mail_server: MailServer
) -> None:
    nobody = "postgresql+psycopg://nobody@127.0.0.1:9/none?connect_timeout=2"
    site = start_site(**mail_server.settings(), RJSITE_DATABASE_URL=nobody)
    visitor = Visitor(site.base_url)

    sent = post(visitor)

    assert sent.status == 303
    assert len(mail_server.wait_for(1)) == 1
    assert visitor.get("/readyz").text.splitlines()[0] == "database"
    wait_until(lambda: "the outbox cannot be used" in site.log, "the log to tell")
    assert "nobody" not in site.log


def test_versions_that_were_counted_apart_bear_message_ids_of_their_own(
    site: Site, mail_server: MailServer
) -> None:
    """A mail server may drop a second email with the same `Message-ID`, but these two differ."""
    visitor = Visitor(site.base_url)
    token = visitor.token()

    with locked(site):
        first = visitor.send(ANSWERS, token=token)
    site.restart()  # the site forgets what it has sent directly
    changed = visitor.send({**ANSWERS, "safe_notes": "Never call"}, token=token)

    assert [first.status, changed.status] == [303, 303]
    received = mail_server.wait_for(2)
    assert len({str(one.message["Message-ID"]) for one in received}) == 2


def test_a_form_sent_twice_or_changed_while_the_database_is_broken_is_one_mail_for_each_version(
    site: Site, mail_server: MailServer
) -> None:
    visitor = Visitor(site.base_url)
    token = visitor.token()

    with locked(site):
        first = visitor.send(ANSWERS, token=token)
        again = visitor.send(ANSWERS, token=token)
        changed = visitor.send({**ANSWERS, "safe_notes": "Never call"}, token=token)
    back = visitor.send({**ANSWERS, "safe_notes": "Call now"}, token=token)

    assert [one.status for one in (first, again, changed, back)] == [303] * 4
    received = mail_server.wait_for(3)
    ids = [str(one.message["Message-ID"]).split(".")[1] for one in received]
    assert sorted(ids) == ["1", "2", "3"]
    assert ["Changed version" in one.text for one in received] == [False, True, True]
