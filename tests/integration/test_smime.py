"""Mail that only the team can read: opened with openssl and the readers' keys, and with nothing else."""

from __future__ import annotations

import dataclasses
import subprocess
from base64 import b64encode
from datetime import UTC, datetime
from email import message_from_bytes, policy
from typing import Any

import pytest

from rjsite.encryption.smime import NoCertificate, TeamCertificates, is_envelope, load_certificates
from rjsite.forms.referral import Answer
from rjsite.mail.message import compose
from rjsite.mail.sign_in_gate import Gate
from rjsite.mail.worker import NO_CERTIFICATE_LEFT, NOT_OPENED, Worker
from rjsite.outbox import operator
from rjsite.outbox.schema import outbox
from rjsite.outbox.store import SentForm
from support import referral
from support.mail import copy_of, text_of
from support.needs import program
from support.readers import DAY, CertificateFiles, make_reader

NOW = datetime.now(UTC).timestamp()
WORDS = "It was my shop. Ünïcode 👩🏽‍🦱"
REFERRAL = dataclasses.replace(
    referral.REFERRAL,
    before=(),
    answers=(Answer("about", "About?", (WORDS,)),),
    reply_to="robin@example.com",
    privacy_version="",
)
SENDER, TEAM = "website@nowhere.example", "team@nowhere.example"
MESSAGE = compose(REFERRAL, 1, TEAM, SENDER, 118)


@pytest.fixture(scope="module")
def readers(tmp_path_factory) -> dict[str, CertificateFiles]:
    """Return people by name, each with a key and a certificate."""
    folder = tmp_path_factory.mktemp("readers")
    days = {"one": 400, "two": 400, "soon": 20, "ended": -1}
    return {name: make_reader(folder, name, days=days[name]) for name in days}


def opened_by(envelope: bytes, reader: CertificateFiles) -> bytes:
    """Return what a reader's own program decrypts from an email: nothing if the key does not fit."""
    done = subprocess.run(
        [program("openssl"), "smime", "-decrypt", "-recip", reader.certificate, "-inkey", reader.key],
        input=envelope, capture_output=True, check=False,
    )  # fmt: skip
    return done.stdout if done.returncode == 0 else b""


def told(inner: bytes) -> tuple[str, dict]:
    """Return what a reader finds inside: the text, and the copy for a case system."""
    message = message_from_bytes(inner, policy=policy.default)
    return text_of(message), copy_of(message)


def test_every_reader_opens_it_whole_and_nobody_else(readers):
    envelope = TeamCertificates([readers["one"].certificate, readers["two"].certificate]).encrypt(MESSAGE)

    original = told(MESSAGE)
    assert [told(opened_by(envelope, readers[name])) for name in ("one", "two")] == [original, original]
    assert [WORDS in part for part in (original[0], original[1]["answers"]["about"]["values"])] == [
        True,
        True,
    ]
    assert opened_by(envelope, readers["soon"]) == b""


def test_outside_stands_what_a_mail_needs_to_travel_and_nothing_of_the_person(readers):
    envelope = TeamCertificates([readers["one"].certificate]).encrypt(MESSAGE)

    message = message_from_bytes(envelope, policy=policy.default)
    plain = message_from_bytes(MESSAGE, policy=policy.default)
    for name in (
        *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "X-Auto-Response-Suppress"),
    ):
        assert message[name] == plain[name]
    assert message["Reply-To"] is None
    assert "HOW TO REPLY\nWrite to robin@example.com\n" in told(MESSAGE)[0]  # readers find it inside
    assert message.get_content_type() == "application/pkcs7-mime"
    assert message.get_param("smime-type") == "enveloped-data"
    for word in (b"shop", b"robin", b"About?", b"Number: 118", b"referral", b64encode(b"answers")[:8]):
        assert word not in envelope
        assert word not in message.get_payload(decode=True)
    assert max(map(len, envelope.split(b"\r\n"))) <= 100
    assert b"\n" not in envelope.replace(b"\r\n", b"")


def test_the_text_is_closed_with_aes_256(readers, tmp_path):
    envelope = TeamCertificates([readers["one"].certificate]).encrypt(MESSAGE)
    der = message_from_bytes(envelope, policy=policy.default).get_content()
    shown = subprocess.run(
        [program("openssl"), "asn1parse", "-inform", "DER"], input=der, capture_output=True, check=True
    )

    assert b"aes-256-cbc" in shown.stdout


def test_a_certificate_that_ended_is_no_recipient_any_more(readers):
    envelope = TeamCertificates([readers["ended"].certificate, readers["one"].certificate]).encrypt(MESSAGE)

    assert opened_by(envelope, readers["ended"]) == b""
    assert opened_by(envelope, readers["one"])


def test_without_certificates_mail_is_as_it_was():
    assert TeamCertificates(()).encrypt(MESSAGE) == MESSAGE


def test_a_closed_mail_is_not_closed_twice(readers):
    both = TeamCertificates([readers["one"].certificate])
    envelope = both.encrypt(MESSAGE)

    assert both.encrypt(envelope) == envelope


def test_where_every_certificate_ended_nothing_is_sent_open(readers):
    with pytest.raises(NoCertificate):
        TeamCertificates([readers["ended"].certificate]).encrypt(MESSAGE)


def test_nobody_can_write_an_answer_that_passes_for_an_envelope():
    claims = "x\nContent-Type: application/pkcs7-mime; smime-type=enveloped-data; name=x"

    said = dataclasses.replace(REFERRAL, answers=(Answer("a", claims, (claims,)),))

    assert not is_envelope(compose(said, 1, "team@nowhere.example", "website@nowhere.example"))


@pytest.mark.parametrize(("name", "word"), [("soon", "expires on"), ("ended", "expired on")])
def test_a_certificate_that_ends_within_thirty_days_is_told(readers, name, word):
    (line,) = TeamCertificates([readers[name].certificate, readers["one"].certificate]).warnings()

    assert line.startswith(f"certificate {name}.pem {word} ")


@pytest.mark.parametrize(
    ("names", "line"),
    [
        ((), "mail servers can read mail to the team: set RJSITE_TEAM_CERTIFICATES"),
        (("one",), "mail is encrypted for 1 certificate"),
        (("one", "two", "ended"), "mail is encrypted for 2 certificates"),
        (("ended",), "mail is not sent: every certificate in RJSITE_TEAM_CERTIFICATES has expired"),
    ],
)
def test_the_start_says_in_one_line_who_can_read_the_mail(readers, caplog, names, line):
    caplog.set_level("INFO", "rjsite")

    TeamCertificates([readers[name].certificate for name in names]).log_summary()

    assert [record.getMessage() for record in caplog.records] == [line]


def test_a_certificate_with_a_year_left_is_not_told(readers):
    assert TeamCertificates([readers["one"].certificate]).warnings() == []


@pytest.mark.parametrize("kind", ["ec", "small", "rubbish", "missing"])
def test_what_cannot_be_used_as_a_certificate_is_named(tmp_path, kind):
    if kind in ("ec", "small"):
        file = make_reader(tmp_path, "bad", kind=kind).certificate
    else:
        file = tmp_path / "bad.pem"
        if kind == "rubbish":
            file.write_text("nothing of the kind")

    with pytest.raises(ValueError, match=r"RSA|PEM|no such file"):
        load_certificates(file)


# -- in the outbox ----------------------------------------------------------------------------------------


class Server:
    """Accepts mail."""

    def __init__(self, box) -> None:
        self.gate = Gate(lambda: box.engine, lambda: "digest")
        self.taken: list[bytes] = []

    def deliver(self, outgoing, _offered) -> None:
        self.taken.append(outgoing.body)


def keep(box, body):
    box.insert(SentForm("7K3M-X9QF", REFERRAL.submission, "d"), lambda *_: {TEAM: body})


@pytest.fixture
def closed(opened):
    """Return the outbox of a site whose certificates are set."""
    return opened(envelopes_from=SENDER)


def drain(box, readers):
    """Send what is due, and return the bodies that were sent."""
    server: Any = Server(box)
    Worker(box, server, per_minute=60_000, hold_hours=24, certificates=readers).drain()
    return server.taken


def put_into_the_database(box, body, reference="7K3M-X9QF"):
    """Replace the body of each row, as anybody who can write to the database could."""
    with box.engine.begin() as connection:
        connection.execute(outbox.update().values(sealed=body, reference=reference))


def test_an_envelope_is_stored_as_it_is_and_sent_to_the_byte(closed, readers):
    both = TeamCertificates([readers["one"].certificate])
    envelope = both.encrypt(MESSAGE)
    keep(closed, envelope)

    assert operator.stored_mails(closed, "7K3M-X9QF")[0].sealed == envelope
    assert drain(closed, both) == [envelope]


def test_without_certificates_no_row_may_hold_an_envelope(box, readers):
    keep(box, MESSAGE)
    put_into_the_database(box, TeamCertificates([readers["one"].certificate]).encrypt(MESSAGE))

    assert drain(box, TeamCertificates(())) == []
    assert operator.rows(box)[0].failure == NOT_OPENED
    assert operator.rotate(box) == (0, 1)


def test_an_envelope_waits_for_its_certificates_to_be_set_again(opened, readers):
    both = TeamCertificates([readers["one"].certificate])
    envelope = both.encrypt(MESSAGE)
    keep(opened(envelopes_from=SENDER), envelope)
    assert drain(opened(), TeamCertificates(())) == []

    assert drain(opened(envelopes_from=SENDER), both) == [envelope]


def test_an_envelope_leaves_from_the_present_sender(opened, readers):
    both = TeamCertificates([readers["one"].certificate])
    keep(opened(envelopes_from=SENDER), both.encrypt(MESSAGE))

    (sent,) = drain(opened(envelopes_from="new@nowhere.example"), both)

    assert message_from_bytes(sent, policy=policy.default)["From"] == "new@nowhere.example"
    assert told(opened_by(sent, readers["one"])) == told(MESSAGE)


FORGED = {
    "to somebody else": (b"To: team@nowhere.example", b"To: press@elsewhere.example"),
    "to somebody besides": (b"To: team@nowhere.example", b"To: team@nowhere.example, a@b.example"),
    "with a copy": (b"Date:", b"Cc: press@elsewhere.example\r\nDate:"),
    "with a blind copy": (b"Date:", b"Bcc: press@elsewhere.example\r\nDate:"),
    "with two senders": (b"Date:", b"From: chair@nowhere.example\r\nDate:"),
    "with an address to reply to": (b"Date:", b"Reply-To: evil@elsewhere.example\r\nDate:"),
    "about something else": (b"Subject: Website form 7K3M-X9QF", b"Subject: Pay this invoice"),
    "with a word more": (b"Subject: Website form 7K3M-X9QF", b"Subject: Website form 7K3M-X9QF. Pay"),
    "about another form": (b"Subject: Website form 7K3M-X9QF", b"Subject: Website form 7K3M-X9QQ"),
    "of another row": (b"<7K3M-X9QF.1.abababababababab", b"<7K3M-X9QF.1.cdcdcdcdcdcdcdcd"),
    "of another version": (b"<7K3M-X9QF.1.", b"<7K3M-X9QF.2."),
    "as a page": (b"smime-type=enveloped-data;", b"smime-type=enveloped-data;\r\nX: text/html;"),
    "of two kinds": (b"MIME-Version: 1.0", b"Content-Type: text/html\r\nMIME-Version: 1.0"),
    "with words in it": (b"\r\n\r\nMI", b"\r\n\r\nPay this invoice\r\nMI"),
}


@pytest.mark.parametrize("kind", FORGED)
def test_an_envelope_that_this_site_would_not_write_stays_and_is_shown(closed, readers, kind):
    both = TeamCertificates([readers["one"].certificate])
    envelope = both.encrypt(MESSAGE)
    keep(closed, envelope)
    forged = envelope.replace(*FORGED[kind])
    assert forged != envelope
    put_into_the_database(closed, forged)

    assert drain(closed, both) == []
    assert operator.rows(closed)[0].failure == NOT_OPENED


def test_a_form_that_is_called_a_count_still_leaves_closed(closed, readers):
    keep(closed, MESSAGE)
    put_into_the_database(closed, operator.stored_mails(closed, "7K3M-X9QF")[0].sealed, reference="DAY-1127")

    (sent,) = drain(closed, TeamCertificates([readers["one"].certificate]))

    assert WORDS.encode() not in sent
    assert told(opened_by(sent, readers["one"])) == told(MESSAGE)


def test_what_was_kept_before_there_were_certificates_leaves_closed(box, readers):
    keep(box, MESSAGE)
    server: Any = Server(box)

    Worker(
        box,
        server,
        per_minute=60_000,
        hold_hours=24,
        certificates=TeamCertificates([readers["one"].certificate]),
    ).drain()

    assert told(opened_by(server.taken[0], readers["one"])) == told(MESSAGE)


def test_without_a_usable_certificate_mail_is_held_until_there_is_one(box, readers):
    keep(box, MESSAGE)
    server: Any = Server(box)
    ended = readers["ended"].certificate
    Worker(box, server, per_minute=60_000, hold_hours=24, certificates=TeamCertificates([ended])).drain()
    assert server.taken == []
    assert operator.rows(box)[0].failure == NO_CERTIFICATE_LEFT

    renewed = TeamCertificates([ended, readers["two"].certificate])
    Worker(box, server, per_minute=60_000, hold_hours=24, certificates=renewed).drain()

    assert told(opened_by(server.taken[0], readers["two"])) == told(MESSAGE)


def test_a_certificate_ends_while_the_site_runs(readers):
    clock = [NOW]
    one = TeamCertificates([readers["soon"].certificate], lambda: clock[0])
    assert is_envelope(one.encrypt(MESSAGE))

    clock[0] += 21 * DAY

    with pytest.raises(NoCertificate):
        one.encrypt(MESSAGE)
