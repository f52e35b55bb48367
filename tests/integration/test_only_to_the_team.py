"""Mail goes only to those who are in the team now, whatever the database says."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from rjsite import create_app
from rjsite.mail.message import OutgoingMail
from rjsite.mail.smtp_errors import NOT_IN_TEAM, MailFailure
from rjsite.outbox import operator
from rjsite.outbox.schema import outbox
from rjsite.outbox.store import SentForm
from rjsite.services import Services, services_of
from rjsite.settings import Settings
from rjsite.settings.development_keys import keep_keys

REFERENCE = "7K3M-X9QF"


@pytest.fixture
def site(tmp_path, content):
    """Return a function that makes sites for teams. They share an outbox and write mail to files."""

    def make(team: str) -> Services:
        settings = Settings.load(
            mode="development",
            data_dir=tmp_path / "var",
            content_dir=content,
            team_email=team,
            deliver_per_minute=60_000,  # with the default, two seconds pass between two emails
        )
        services = services_of(create_app(keep_keys(settings)))
        services.outbox.prepare()
        return services

    return make


def keep(services: Services, *recipients: str) -> None:
    services.outbox.insert(
        SentForm(REFERENCE, "1" * 64, "d"), lambda *_: {to: b"To: " + to.encode() for to in recipients}
    )


def sent(services: Services) -> Sequence[bytes]:
    services.worker.drain()
    folder = services.settings.folder_for_mail
    assert folder
    return sorted(path.read_bytes() for path in folder.glob("*.eml"))


def test_who_left_the_team_gets_no_form_and_the_operator_is_told(site, caplog):
    keep(site("one@nowhere.example,two@nowhere.example"), "one@nowhere.example", "two@nowhere.example")
    now = site("two@nowhere.example")

    assert sent(now) == [b"To: two@nowhere.example"]
    assert operator.queue_status(now.outbox).failures == {NOT_IN_TEAM}
    assert f"mail {REFERENCE} not accepted: for nobody in RJSITE_TEAM_EMAIL" in caplog.text
    assert "@" not in caplog.text


def test_what_waits_for_who_left_is_kept_and_sent_once_they_are_back(site):
    keep(site("one@nowhere.example"), "one@nowhere.example")
    assert sent(site("two@nowhere.example")) == []

    assert sent(site("one@nowhere.example")) == [b"To: one@nowhere.example"]


def test_an_address_written_in_other_case_is_the_same_person(site):
    keep(site("Team@Nowhere.example"), "Team@Nowhere.example")

    assert sent(site("team@nowhere.example")) == [b"To: Team@Nowhere.example"]


def test_a_recipient_written_into_the_database_gets_nothing(site):
    services = site("one@nowhere.example")
    keep(services, "one@nowhere.example")
    with services.outbox.engine.begin() as connection:
        connection.execute(outbox.update().values(recipient="press@elsewhere.example"))

    assert sent(services) == []


@pytest.mark.parametrize("recipient", ["press@elsewhere.example", "", "one@nowhere.example,a@b.example"])
def test_no_way_of_sending_takes_another_recipient(site, recipient):
    with pytest.raises(MailFailure, match=NOT_IN_TEAM):
        site("one@nowhere.example").mail.deliver(OutgoingMail(REFERENCE, recipient, b"words"))
