"""Before and after delivery, the server has no readable word of a form, and no file that others can open."""

from __future__ import annotations

import sqlite3
import subprocess
import time
from contextlib import closing

import pytest

from support.mail import MailServer
from support.needs import program
from support.processes import wait_until
from support.readers import CertificateFiles, make_reader
from support.site_process import Site
from support.visitor import FORM_A, Visitor

WORDS = (b"Ally", b"01632", b"corner shop", b"before 3pm", b"weekdays")
PRODUCTION = {
    "RJSITE_MODE": "production",
    "RJSITE_PUBLIC_URL": "https://127.0.0.1",
    "RJSITE_SECRET_KEY": "q7Gm2vXr9TfLw4ZsKb1NcYh8JdPe6UaRtW3o",
    "RJSITE_TEAM_EMAIL": "team@example.org",
}


def opened(envelope: bytes, reader: CertificateFiles) -> bytes:
    """Decrypt an email as a reader's own mail program does."""
    return subprocess.run(
        [program("openssl"), "smime", "-decrypt", "-recip", reader.certificate, "-inkey", reader.key],
        input=envelope, capture_output=True, check=True,
    ).stdout  # fmt: skip


def strings(site: Site) -> bytes:
    """Return the content of all files in the data folder, including the write-ahead log, and of the log."""
    return b"".join(path.read_bytes() for path in site.data_dir.parent.rglob("*") if path.is_file())


def bodies(site: Site) -> list[bytes]:
    with closing(sqlite3.connect(site.data_dir / "outbox.sqlite3")) as outbox:
        return [bytes(row[0]) for row in outbox.execute("SELECT sealed FROM outbox WHERE sealed IS NOT NULL")]


@pytest.mark.parametrize("sealed", [False, True], ids=["at rest", "with certificates"])
def test_no_word_of_a_form_lies_on_the_server_before_or_after_delivery(
    start_site, mail_server: MailServer, tmp_path, sealed: bool
) -> None:
    reader, other = make_reader(tmp_path, "one"), make_reader(tmp_path, "two")
    files = f"{reader.certificate},{other.certificate}" if sealed else ""
    mail_server.stop()
    site = start_site(**mail_server.settings(), RJSITE_TEAM_CERTIFICATES=files, RJSITE_HOLD_HOURS="0")
    visitor = Visitor(site.base_url)

    reference = visitor.reference(visitor.send())
    wait_until(lambda: "unreachable" in site.log, "a first try")
    assert [word for word in WORDS if word in strings(site)] == []
    (kept,) = bodies(site)
    site.kill()
    assert [word for word in WORDS if word in strings(site)] == []
    mail_server.start()
    site.start()
    (received,) = mail_server.wait_for(1, 60)
    # without a connection to the database, which would keep its log from being truncated for now
    wait_until(lambda: kept[100:160] not in strings(site), "the body to be wiped")
    assert bodies(site) == []
    assert [word for word in WORDS if word in strings(site)] == []

    for name in (reader, other) if sealed else ():
        assert b"corner shop" in opened(kept, name)
        assert b"corner shop" in opened(received.raw, name)
    assert reference in str(received.message["Subject"])
    assert b"corner shop" not in received.raw or not sealed


def test_only_the_owner_can_open_anything_in_the_data_folder(start_site) -> None:
    site: Site = start_site()
    site.terminate()
    site.data_dir.chmod(0o755)  # as if somebody had created the folder by hand
    site.start()
    Visitor(site.base_url).send()
    wait_until(lambda: len(site.mails) == 1, "the mail")
    assert site.run("deliver", "--once").returncode == 0

    found = [site.data_dir, *site.data_dir.rglob("*")]

    assert {"outbox.sqlite3", "limits.sqlite3", "outbox-key"} <= {path.name for path in found}
    assert [path.name for path in found if path.stat().st_mode & 0o077] == []


def test_rotating_keys_keeps_what_waits(start_site, mail_server: MailServer) -> None:
    mail_server.stop()
    site = start_site(**mail_server.settings(), RJSITE_OUTBOX_KEYS="", RJSITE_DELIVER_IN_SERVER="false")
    visitor = Visitor(site.base_url)
    visitor.send()
    old = (site.data_dir / "outbox-key").read_text().strip()
    new = site.run("keys", "new").stdout.partition("RJSITE_OUTBOX_KEYS=")[2].strip()

    site.env["RJSITE_OUTBOX_KEYS"] = f"{new},{old}"
    rotated = site.run("outbox", "rotate")
    site.env["RJSITE_OUTBOX_KEYS"] = new
    mail_server.start()
    done = site.run("deliver", "--once")

    assert rotated.stdout.splitlines() == [
        "Emails encrypted with the first key or for certificates: 1.",
        "Emails that no key can decrypt: 0.",
    ]
    assert done.returncode == 0, done.stderr
    assert "corner shop" in mail_server.wait_for(1)[0].text


def test_production_runs_sealed_without_an_outbox_key(start_site, mail_server: MailServer, tmp_path) -> None:
    reader = make_reader(tmp_path, "one", days=10)
    site: Site = start_site(
        **mail_server.settings(), **PRODUCTION, RJSITE_TEAM_CERTIFICATES=str(reader.certificate)
    )
    visitor = Visitor(site.base_url)

    assert visitor.send({**FORM_A, "about": "A fence."}).status == 303

    assert b"A fence." in opened(mail_server.wait_for(1)[0].raw, reader)
    status = site.run("outbox", "status")
    assert "Take care: certificate one.pem expires on" in status.stdout
    assert "one.pem expires on" in site.log


def test_production_refuses_what_is_unsafe_within_ten_seconds_and_shows_no_value(start_site) -> None:
    site: Site = start_site()
    secret = "q7Gm2vXr9TfLw4ZsKb1"
    site.env |= {
        **PRODUCTION,
        "RJSITE_SECRET_KEY": secret,
        "RJSITE_OUTBOX_KEYS": "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4",
        "RJSITE_MAIL_SERVER": "mail.nowhere.example",
        "RJSITE_MAIL_DEFAULT_SENDER": "website@nowhere.example",
        "RJSITE_MAIL_FOLDER": "somewhere",
        "RJSITE_DATA_DIR": "/nowhere/at/all",
        "RJSITE_RATELIMIT_FORMS": "off",
        "FLASK_DEBUG": "1",
    }

    began = time.monotonic()
    refused = site.run("serve", seconds=10)

    assert time.monotonic() - began < 10
    assert refused.returncode == 2
    for name in ("SECRET_KEY", "OUTBOX_KEYS", "MAIL_FOLDER", "DATA_DIR", "RATELIMIT_FORMS"):
        assert f"RJSITE_{name}:" in refused.stderr
    assert "FLASK_DEBUG:" in refused.stderr
    for value in (secret, "cw_0x689", "somewhere", "/nowhere/at/all", "Traceback"):
        assert value not in refused.stderr + refused.stdout
