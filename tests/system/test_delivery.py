"""Delivery from Send to the team's inbox, with a real server process, database and mail server."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from rjsite.mail.worker import PROBE_EVERY
from support import mail, site_process
from support.disk import outbox_rows_are_due
from support.mail import MailServer
from support.processes import free_port, wait_until
from support.site_process import Site
from support.visitor import FORM_A, Visitor

TEAM = {"RJSITE_TEAM_EMAIL": "team@example.org"}


def test_a_form_reaches_the_team_over_verified_tls(
    start_site: Callable[..., Site], mail_server: MailServer
) -> None:
    visitor = Visitor(start_site(**mail_server.settings(), **TEAM).base_url)

    reference = visitor.reference(visitor.send())

    (received,) = mail_server.wait_for()
    assert received.recipients == ("team@example.org",)
    assert received.message["Subject"] == f"Website form {reference}"
    assert received.message["Message-ID"].startswith(f"<{reference}.1.")
    assert received.text.startswith("Form A: a person harmed\n\nBEFORE YOU CONTACT\n")
    assert "A window of the corner shop." in received.text


def test_nothing_leaves_to_a_server_whose_certificate_is_wrong(
    start_site: Callable[..., Site], start_mail_server: Callable[..., MailServer]
) -> None:
    """test_mail_faults.py has each way in which a certificate can be wrong or encryption can be missing."""
    server = start_mail_server(certificate=mail.WRONG_NAME)
    site = start_site(**server.settings(), **TEAM)

    sent = Visitor(site.base_url).send()

    assert sent.status == 303
    wait_until(lambda: "certificate not trusted" in site.log, "the log to name the trouble")
    assert server.received == []
    assert "certificate not trusted" in site.run("outbox", "list").stdout


def test_a_form_is_taken_while_the_mail_server_is_down_and_arrives_when_it_is_back(
    start_site: Callable[..., Site], mail_server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        site_process, "RJSITE", site_process.with_constants("rjsite.mail.worker", PROBE_EVERY=3)
    )
    mail_server.stop()
    site = start_site(**mail_server.settings(), **TEAM)
    visitor = Visitor(site.base_url)

    began = time.monotonic()
    reference = visitor.reference(visitor.send())
    took = time.monotonic() - began
    wait_until(lambda: "unreachable" in site.log, "a first try")
    mail_server.start()
    received = mail_server.wait_for(seconds=60)

    assert took < 5
    assert [reference in str(one.message["Subject"]) for one in received] == [True]


def test_a_mail_server_that_is_back_is_found_within_half_a_minute() -> None:
    """This is how often the real site looks. The test above shows that it does, and then sends the mail."""
    assert PROBE_EVERY <= 30


def test_a_form_survives_kill_9_between_thanks_and_mail_and_arrives_once(
    start_site: Callable[..., Site], mail_server: MailServer
) -> None:
    mail_server.stop()
    site = start_site(**mail_server.settings(), **TEAM)
    visitor = Visitor(site.base_url)
    reference = visitor.reference(visitor.send())

    site.kill()
    outbox_rows_are_due(site.data_dir)  # the lease of the worker that was killed would expire by itself
    mail_server.start()
    site.start()

    (received,) = mail_server.wait_for(seconds=60)
    assert reference in str(received.message["Subject"])
    wait_until(lambda: f"mail {reference} accepted" in site.log, "the worker to have marked it")
    assert len(mail_server.received) == 1


def test_a_form_survives_kill_9_at_once_after_thanks(start_site: Callable[..., Site]) -> None:
    site = start_site(RJSITE_DELIVER_IN_SERVER="false")
    visitor = Visitor(site.base_url)
    references = [visitor.reference(visitor.send({**FORM_A, "name": f"Person {n}"})) for n in range(5)]

    site.kill()
    done = site.run("deliver", "--once")

    assert done.returncode == 0, done.stderr
    assert [path.stem for path in site.mails] == sorted(references)


def test_whoever_sends_by_hand_hears_that_it_did_not_work(start_site: Callable[..., Site]) -> None:
    site = start_site(
        RJSITE_DELIVER_IN_SERVER="false",
        RJSITE_MAIL_SERVER="127.0.0.1",
        RJSITE_MAIL_PORT=str(free_port()),
        RJSITE_MAIL_USE_TLS="false",
    )
    Visitor(site.base_url).send()

    done = site.run("deliver", "--once")

    assert (done.returncode, done.stdout) == (1, "1 still waiting (unreachable).\n")


def test_ctrl_c_ends_the_worker_without_a_traceback(start_site: Callable[..., Site]) -> None:
    site = start_site(RJSITE_DELIVER_IN_SERVER="false")
    worker = site.begin("deliver")
    reference = Visitor(site.base_url).reference(Visitor(site.base_url).send())
    wait_until(lambda: f"mail {reference} accepted" in worker.log.read_text(), "the worker to have sent it")

    assert worker.stop(signal.SIGINT) == 0
    assert "Traceback" not in worker.log.read_text()


def test_several_recipients_have_a_mail_each(
    start_site: Callable[..., Site], mail_server: MailServer
) -> None:
    site = start_site(
        **mail_server.settings(),
        RJSITE_TEAM_EMAIL="one@example.org, two@example.org",
    )

    Visitor(site.base_url).send()

    received = mail_server.wait_for(2)
    assert sorted(one.recipients for one in received) == [("one@example.org",), ("two@example.org",)]
    assert len({one.message["Message-ID"] for one in received}) == 1


REFUSALS: list[tuple[dict[str, object], str]] = [
    ({"reply_to_data": "451 Try later: Ally"}, "refused (451)"),
    ({"reply_to_data": "554 No: A window of the corner shop."}, "refused (554), a permanent error"),
    ({"reply_to_recipient": "550 No such person"}, "refused (550), a permanent error"),
    ({"login": ("website", "wrong")}, "refused (530 5.7.0), a permanent error"),
]


def test_a_refusal_is_shown_to_the_operator_without_a_word_of_the_form(
    start_site: Callable[..., Site], mail_server: MailServer
) -> None:
    """One site serves all cases, because a refused email waits for a minute and has its own reference."""
    site = start_site(**mail_server.settings(), **TEAM)
    as_it_was = dict(vars(mail_server))
    visitor, told = Visitor(site.base_url), {}
    for reply, word in REFUSALS:
        for name, value in reply.items():
            setattr(mail_server, name, value)

        told[visitor.reference(visitor.send())] = word

        logged = word.removesuffix(", a permanent error")
        wait_until(lambda: logged in site.log, f"the log to say {logged}")  # noqa: B023
        for name in reply:
            setattr(mail_server, name, as_it_was[name])

    listed = site.run("outbox", "list").stdout.splitlines()
    for reference, word in told.items():
        assert [f"  {word}, next try" in line for line in listed if reference in line] == [True]
    assert "Ally" not in site.log
    assert "window" not in site.log


def test_a_server_that_hangs_up_after_taking_the_mail_is_told_apart(
    start_site: Callable[..., Site], mail_server: MailServer
) -> None:
    mail_server.hang_up = True
    site = start_site(**mail_server.settings(), **TEAM)

    Visitor(site.base_url).send()

    wait_until(lambda: "no answer" in site.log, "the log to name the trouble")
    assert len(mail_server.received) == 1


def test_a_kept_mail_can_be_sent_again_and_exported(start_site: Callable[..., Site]) -> None:
    site = start_site()
    visitor = Visitor(site.base_url)
    reference = visitor.reference(visitor.send())
    wait_until(lambda: len(site.mails) == 1, "the mail")
    first = site.mails[0].read_bytes()
    site.mails[0].unlink()

    again = site.run("outbox", "resend", reference.lower().replace("-", " "))

    assert again.returncode == 0, again.stderr
    wait_until(lambda: len(site.mails) == 1, "the mail a second time")
    assert site.mails[0].read_bytes() == first

    copy = site.data_dir / "copy.eml"
    exported = site.run("outbox", "export", reference, str(copy))

    assert exported.returncode == 0, exported.stderr
    assert copy.read_bytes() == first
    assert copy.stat().st_mode & 0o777 == 0o600


def test_mail_whose_key_is_lost_can_be_taken_out_as_it_is_kept(start_site: Callable[..., Site]) -> None:
    keys = [Fernet.generate_key().decode() for _ in range(2)]
    site = start_site(
        RJSITE_OUTBOX_KEYS=keys[0], RJSITE_DELIVER_IN_SERVER="false", RJSITE_DAILY_COUNT="false"
    )
    visitor = Visitor(site.base_url)
    reference = visitor.reference(visitor.send())
    site.env["RJSITE_OUTBOX_KEYS"] = keys[1]
    assert site.run("deliver", "--once").returncode == 1
    copy = site.data_dir / "copy"

    assert site.run("outbox", "export", reference, str(copy)).returncode == 1
    assert not copy.exists()
    assert site.run("outbox", "export", reference, str(copy), "--sealed").returncode == 0

    assert b"corner shop" in Fernet(keys[0]).decrypt(copy.read_bytes())
    assert site.run("outbox", "status").stdout.startswith("0 waiting")


def test_after_a_mailbox_is_mended_only_its_owner_gets_the_mail_again(
    start_site: Callable[..., Site], mail_server: MailServer
) -> None:
    """The list also names the recipient of each email, and contains no word of the form."""
    mail_server.unknown = frozenset({"two@example.org"})
    site = start_site(
        **mail_server.settings(),
        RJSITE_TEAM_EMAIL="one@example.org, two@example.org",
    )
    visitor = Visitor(site.base_url)
    reference = visitor.reference(visitor.send())
    wait_until(lambda: "refused (550)" in site.log, "the refusal")
    mail_server.wait_for(1)
    one, two = site.run("outbox", "list").stdout.splitlines()
    mail_server.unknown = frozenset()

    resent = site.run("outbox", "resend", reference)
    mail_server.wait_for(2)
    wait_until(lambda: site.log.count(f"mail {reference} accepted") == 2, "both to be marked")

    assert [("to one@example.org" in one, "accepted" in one), "to two@example.org" in two] == [
        (True, True),
        True,
    ]
    assert "refused (550), a permanent error" in two
    assert resent.stdout == "1 email will be tried again now. Recipients who have it do not get it again.\n"
    assert [got.recipients for got in mail_server.received] == [("one@example.org",), ("two@example.org",)]
    everyone = site.run("outbox", "resend", reference)
    assert everyone.stdout == "2 emails will be sent again now.\n"
    for word in ("Ally", "window", "01632"):
        assert word not in one + two


def test_the_same_code_keeps_forms_on_postgresql(start_site: Callable[..., Site], postgres_url: str) -> None:
    site = start_site(RJSITE_DATABASE_URL=postgres_url)
    visitor = Visitor(site.base_url)
    token = visitor.token()

    first = visitor.reference(visitor.send(token=token))
    same = visitor.reference(visitor.send(token=token))
    changed = visitor.reference(visitor.send({**FORM_A, "about": "Two windows."}, token=token))

    assert first == same == changed
    wait_until(lambda: len(site.mails) == 2, "both versions")
    second, one = site.mails
    assert [one.stem, second.stem] == [first, f"{first}-version-2"]
    assert "Changed version" in mail.Received("", (), second.read_bytes()).text


def test_no_word_of_a_form_stands_in_the_data_folder_or_the_log_once_mail_goes_by_smtp(
    start_site: Callable[..., Site], mail_server: MailServer
) -> None:
    site = start_site(**mail_server.settings(), **TEAM)
    Visitor(site.base_url).send()
    mail_server.wait_for()

    kept = b"".join(path.read_bytes() for path in site.data_dir.rglob("*") if path.is_file())

    assert b"outbox" in kept
    for word in ("Ally", "01632", "corner shop", "before 3pm"):
        assert word.encode() not in kept
        assert word not in site.log


def test_the_server_ends_in_order_when_told_to(start_site: Callable[..., Site]) -> None:
    site = start_site()

    assert site.terminate() == 0


def test_production_names_every_setting_that_is_missing_and_does_not_start(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.env = {
        name: value for name, value in site.env.items() if not name.startswith("RJSITE_") or "DIR" in name
    }

    refused = site.run("serve", seconds=10)

    assert refused.returncode == 2
    for name in (
        "SECRET_KEY",
        "OUTBOX_KEYS",
        "PUBLIC_URL",
        "TEAM_EMAIL",
        "MAIL_SERVER",
        "MAIL_DEFAULT_SENDER",
    ):
        assert f"RJSITE_{name}" in refused.stderr
    assert "Traceback" not in refused.stderr
