"""If a certificate file is deleted or only half replaced while the site runs, mail waits and says why."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from rjsite import create_app
from rjsite.mail.smtp_errors import MailFailure
from rjsite.outbox import operator
from rjsite.outbox.store import SentForm
from rjsite.services import Services, services_of, warnings
from rjsite.settings import Settings
from rjsite.settings.development_keys import keep_keys
from support.authority import Authority
from support.processes import free_port

SPOIL = {"gone": Path.unlink, "cut off": lambda file: file.write_text(file.read_text()[:300])}
NAMES = ["mail_ca_file", "mail_client_cert"]


@pytest.fixture
def site(tmp_path: Path, content: Path) -> Services:
    """Return a site that needs two certificate files for its mail, and no mail server."""
    authority = Authority(tmp_path)
    settings = Settings.load(
        mode="development",
        data_dir=tmp_path / "var",
        content_dir=content,
        team_email="team@nowhere.example",
        mail_server="localhost",
        mail_port=free_port(),
        mail_ca_file=authority.ca_file,
        mail_client_cert=authority.sign("localhost", days=300),
        deliver_per_minute=60_000,
    )
    return services_of(create_app(keep_keys(settings)))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("spoil", SPOIL.values(), ids=SPOIL)
def test_mail_that_needs_the_file_waits_and_says_why(
    site: Services, name: str, spoil: Callable[[Path], object]
) -> None:
    site.outbox.insert(SentForm("7K3M-X9QF", "1" * 64, "d"), lambda *_: {"team@nowhere.example": b"To: x"})
    spoil(getattr(site.settings, name))

    site.worker.drain()

    (row,) = operator.rows(site.outbox)
    assert (row.failure, row.lease) == ("certificate file not readable", "")
    with pytest.raises(MailFailure, match="certificate file not readable"):
        site.mail.check()


@pytest.mark.parametrize("spoil", SPOIL.values(), ids=SPOIL)
def test_operators_are_told_of_the_file(site: Services, spoil: Callable[[Path], object]) -> None:
    file = site.settings.mail_client_cert
    assert file
    assert warnings(site.settings, site.intake.certificates) == []

    spoil(file)

    said = f"certificate {file.name} cannot be read: put it back, because mail waits until then"
    assert warnings(site.settings, site.intake.certificates) == [said]
    client = site.mail.site.test_client()
    answer = client.get("/readyz", environ_base={"REMOTE_ADDR": "127.0.0.1"})
    assert answer.status_code == 200
    assert f"warning: {said}" in answer.text
