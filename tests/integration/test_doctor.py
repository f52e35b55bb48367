"""`rjsite doctor` names what was broken, one thing at a time, and has one line when all is well."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from werkzeug.serving import make_server

import rjsite
from rjsite import create_app
from rjsite.content import git_update
from rjsite.content.list_file import HIDDEN_STORIES, ListFile
from rjsite.doctor import NotChecked, Site, content_checks, machine_checks, mail_checks, report
from rjsite.mail.credentials import credentials_digest
from rjsite.mail.sign_in_gate import Gate
from rjsite.mail.smtp_errors import SIGN_IN_REFUSED
from rjsite.outbox.store import Outbox, SentForm
from rjsite.services import DAILY_RUN, LiveContent, make_outbox, services_of
from rjsite.settings import ROOT, Settings
from rjsite.settings.file import FILE
from rjsite.web import page_cache
from support import commands
from support.authority import Authority, server_context
from support.processes import free_port
from support.readers import CertificateFiles, make_reader

HOUR, DAY = 3600, 86400
SLUG = "the-shop-window"

SYSTEMCTL = """\
#!/bin/sh
test "$1" != show || { shift 2; cat "$(dirname "$0")/$1" 2>/dev/null || echo LoadState=not-found; }
"""
RUNS = "LoadState=loaded\nActiveState=active\nUnitFileState=enabled\nResult=success\n"


@pytest.fixture(scope="session")
def reader(tmp_path_factory: pytest.TempPathFactory) -> CertificateFiles:
    """Return a member of the team, to whom mail is encrypted."""
    return make_reader(tmp_path_factory.mktemp("reader"), "anna")


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with a `systemctl` that shows the units of a healthy site."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "systemctl").write_text(SYSTEMCTL)
    (folder / "systemctl").chmod(0o755)
    for name in ("rjsite@serve.service", "rjsite@deliver.service", "rjsite-daily.timer", "nginx"):
        (folder / name).write_text(RUNS)
    for name in ("rjsite-daily.service", "rjsite-content.timer", "rjsite-content.service"):
        (folder / name).write_text(RUNS)
    (folder / "apt-config").write_text("#!/bin/sh\necho 1\n")
    for name in ("apt-config", "unattended-upgrade"):
        (folder / name).touch()
        (folder / name).chmod(0o755)
    monkeypatch.setattr(machine_checks, "SYSTEMD", folder)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


@pytest.fixture
def values(
    content: Path, tmp_path: Path, reader: CertificateFiles, programs: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """Return the settings of a healthy site, which are also set in the environment."""
    data, backups = tmp_path / "data", tmp_path / "backups"
    data.mkdir(mode=0o700)
    backups.mkdir()
    monkeypatch.setattr(content_checks, "USUAL_FOLDER", tmp_path / "published")
    values = {
        "RJSITE_SECRET_KEY": "kT4vQ8zL1xW6mN3bR9yC2hF7jD5gS0pA",
        "RJSITE_OUTBOX_KEYS": Fernet.generate_key().decode(),
        "RJSITE_PUBLIC_URL": f"https://localhost:{free_port()}",
        "RJSITE_TEAM_EMAIL": "team@mending.org.uk",
        "RJSITE_TEAM_CERTIFICATES": str(reader.certificate),
        "RJSITE_MAIL_SERVER": "smtp.mending.org.uk",
        "RJSITE_MAIL_DEFAULT_SENDER": "website@mending.org.uk",
        "RJSITE_CONTENT_DIR": str(content),
        "RJSITE_DATA_DIR": str(data),
        "RJSITE_BACKUP_DIR": str(backups),
        "RJSITE_DELIVER_IN_SERVER": "false",
        "RJSITE_TRUSTED_PROXIES": "1",
        "PORT": str(free_port()),
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return values


@pytest.fixture
def site(values: dict[str, str]) -> Callable[..., Site]:
    """Return a function that makes what the checks examine, with some settings changed."""

    def make(**other: object) -> Site:
        settings, faults = Settings.read(**other)
        return Site(settings, faults, values)

    return make


@pytest.fixture
def box(values: dict[str, str]) -> Outbox:
    """Return the outbox of the healthy site."""
    box = make_outbox(Settings.load())
    box.prepare()
    return box


def keep(box: Outbox) -> None:
    """Store one form."""
    form = SentForm("REF-0001", "1" * 64, "digest")
    box.insert(form, lambda _version, _number: {"team@mending.org.uk": b"words"})


def back_up(box: Outbox, folder: Path, hours_ago: float = 0) -> Path:
    """Make a backup as deploy/backup.sh does."""
    file = folder / "outbox-20261128T000500Z.sqlite3"
    with closing(sqlite3.connect(box.url.removeprefix("sqlite:///"))) as database:
        database.execute(f"VACUUM INTO '{file}'")
    os.utime(file, (time.time() - hours_ago * HOUR,) * 2)
    return file


def only(lines: Iterable[str]) -> str:
    """Return the one line of a check."""
    (line,) = lines
    assert not isinstance(line, NotChecked)
    return line


# -- settings ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PUBLIC_URL", "https://www.example.org"),
        ("TEAM_EMAIL", "anna@mending.org.uk,team@example.org"),
        ("MAIL_SERVER", "smtp.example.com"),
        ("MAIL_DEFAULT_SENDER", "website@mending.example"),
        ("MAIL_USERNAME", "website@Your-Organisation.org"),
        ("MAIL_OAUTH_CLIENT_ID", "APPLICATION-ID"),
    ],
)
def test_a_value_that_an_example_left_is_named(site, monkeypatch, name, value):
    monkeypatch.setenv(f"RJSITE_{name}", value)

    lines = list(content_checks.check_settings(site()))

    assert any(line.startswith(f"RJSITE_{name}: write your own value in place of ") for line in lines)


def test_each_fault_is_named(site, monkeypatch):
    monkeypatch.setenv("RJSITE_TEAM_CERTIFICATE", "typo.pem")
    monkeypatch.setenv("RJSITE_HOLD_HOURS", "100")

    lines = list(content_checks.check_settings(site()))

    assert [line.split(":")[0] for line in lines] == ["RJSITE_TEAM_CERTIFICATE", "RJSITE_HOLD_HOURS"]


def test_settings_and_data_that_others_can_read_are_named(site, values, tmp_path):
    file = tmp_path / "environment"
    file.write_text("")
    file.chmod(0o644)
    values[FILE] = str(file)
    Path(values["RJSITE_DATA_DIR"]).chmod(0o755)

    lines = list(content_checks.check_settings(site()))

    assert [line.rpartition(": ")[2] for line in lines] == [
        f"chmod o= {file}",
        f"chmod 700 {values['RJSITE_DATA_DIR']}",
    ]


# -- version ----------------------------------------------------------------------------------------------


def test_a_package_in_another_version_is_named(site, monkeypatch):
    real = content_checks._installed
    monkeypatch.setattr(content_checks, "_installed", lambda name: "" if name == "flask" else real(name))

    assert "are not the versions that were tested: flask;" in only(content_checks.check_version(site()))


def test_a_python_that_is_too_new_is_named(site, monkeypatch):
    monkeypatch.setattr(content_checks, "NEWEST_PYTHON", (3, 10))

    assert "was not tested with Python 3." in only(content_checks.check_version(site()))


def test_the_version_is_that_of_the_project_with_the_commit_of_a_release(monkeypatch):
    assert f'\nversion = "{rjsite.__version__}"\n' in (ROOT / "pyproject.toml").read_text()
    assert commands.run("--version").stdout.startswith(f"rjsite {rjsite.__version__} on Python 3.")

    monkeypatch.setattr(
        rjsite, "__file__", f"/srv/rjsite/versions/{'ab12' * 10}.x7Yz_0/site/rjsite/__init__.py"
    )

    assert rjsite.full_version() == f"{rjsite.__version__} (ab12ab12ab)"


# -- mail -------------------------------------------------------------------------------------------------


def test_open_mail_is_named(site):
    assert "mail is not encrypted for the team" in only(mail_checks.check_sealing(site(team_certificates=())))


def test_a_certificate_that_ends_soon_is_named(site, tmp_path):
    short = make_reader(tmp_path, "berta", days=9)

    line = only(mail_checks.check_certificates(site(team_certificates=(short.certificate,))))

    assert line.startswith("certificate berta.pem expires on ")


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (9, "the client secret for mail expires on "),
        (-1, "the client secret for mail expired on "),
        (None, "Set RJSITE_MAIL_OAUTH_SECRET_ENDS"),
    ],
)
def test_a_client_secret_that_ends_soon_or_on_an_unknown_day_is_named(site, days, expected):
    ends = (datetime.now(UTC) + timedelta(days=days)).date() if days else None
    broken = site(mail_oauth_client_secret="secret", mail_oauth_secret_ends=ends)

    assert only(mail_checks.check_certificates(broken)).startswith(expected)


def test_a_client_secret_that_ends_later_is_in_order(site):
    later = (datetime.now(UTC) + timedelta(days=200)).date()

    assert [
        *mail_checks.check_certificates(site(mail_oauth_client_secret="s", mail_oauth_secret_ends=later))
    ] == []


def test_a_closed_gate_is_named_and_nobody_signs_in(site, box, monkeypatch):
    settings = Settings.load()
    gate = Gate(lambda: box.engine, lambda: credentials_digest(settings))
    gate.close(SIGN_IN_REFUSED)
    monkeypatch.setattr(socket, "create_connection", lambda *_, **__: pytest.fail("it connects"))

    closed = only(mail_checks.check_outbox(site()))
    gate.reopen()
    opened = only(mail_checks.check_outbox(site()))

    assert (
        f"the last sign-in to the mail server failed ({SIGN_IN_REFUSED}); the site tries again at " in closed
    )
    assert opened == "sign-ins to the mail server fail (1 so far): rjsite mail check"


def test_mail_that_waits_is_named_with_its_reason(site, box):
    keep(box)
    assert list(mail_checks.check_outbox(site())) == []
    box.reschedule(box.claim(), SIGN_IN_REFUSED, 60)

    line, what_to_do = mail_checks.check_outbox(site())

    assert line == f"emails waiting: 1, the oldest for 0 minutes: {SIGN_IN_REFUSED}"
    assert what_to_do.startswith(f"{SIGN_IN_REFUSED}: ")


def test_a_damaged_outbox_is_named(site, values):
    (Path(values["RJSITE_DATA_DIR"]) / "outbox.sqlite3").write_bytes(b"not a database" * 100)

    for _ in range(2):
        line = only(mail_checks.check_outbox(site()))
        assert line.startswith("a damaged outbox was moved aside: outbox.sqlite3.damaged-")


def test_a_missing_outbox_is_named_and_not_made(site, values):
    assert only(mail_checks.check_outbox(site())) == "there is no outbox yet: start the site"
    assert list(Path(values["RJSITE_DATA_DIR"]).iterdir()) == []


def test_a_database_that_does_not_answer_is_named(site):
    broken = site(database_url=f"postgresql+psycopg://localhost:{free_port()}/rjsite")

    assert "cannot be used (OperationalError)" in only(mail_checks.check_outbox(broken))


# -- content ----------------------------------------------------------------------------------------------


def test_what_a_mistake_keeps_from_being_shown_is_named(site, content):
    story = content / f"case-studies/{SLUG}.md"
    story.write_text(story.read_text().replace("permission: 2026-01-31", "permission:"))

    assert only(content_checks.check_content(site())).startswith(f"content/case-studies/{SLUG}.md:")


def test_content_that_cannot_be_read_at_all_is_named(site, content):
    (content / "service.toml").write_text("[[")

    assert only(content_checks.check_content(site())).startswith("content/service.toml:1: ")


def test_a_hidden_story_that_the_project_still_has_is_named(site, content, values):
    ListFile(Path(values["RJSITE_DATA_DIR"]), HIDDEN_STORIES).add(SLUG)
    assert f"{SLUG} is hidden, and its file is still in the project" in only(
        content_checks.check_content(site())
    )

    (content / f"case-studies/{SLUG}.md").unlink()

    assert list(content_checks.check_content(site())) == []


def test_merged_content_that_did_not_arrive_is_named(site, values):
    data = Path(values["RJSITE_DATA_DIR"])
    git_update.write_result(data, git_update.Update(time.time(), failure="Could not resolve host"))

    line = only(content_checks.check_merged_content(site(content_repository="git@mending.org.uk:site.git")))

    assert line.endswith("could not be put on the site: Could not resolve host")
    assert list(content_checks.check_merged_content(site())) == []


def test_a_daily_run_that_failed_is_named(site, values):
    (Path(values["RJSITE_DATA_DIR"]) / DAILY_RUN).write_text("failed\n")

    assert "failed at" in only(content_checks.check_daily_run(site()))


def test_published_pages_that_are_missing_or_out_of_date_are_named(site, content, tmp_path, monkeypatch):
    monkeypatch.setattr(page_cache, "codings", lambda _kind: ())
    folder = tmp_path / "published"
    folder.mkdir()
    assert only(content_checks.check_published_pages(site())).startswith(
        f"no pages are published in {folder}"
    )
    commands.run("publish", str(folder))
    assert list(content_checks.check_published_pages(site())) == []

    (content / f"case-studies/{SLUG}.md").unlink()
    page = content / "pages/index.md"
    page.write_text(page.read_text().replace("Words of", "Other words of"))

    line = only(content_checks.check_published_pages(site()))
    assert line == f"files out of date in {folder}: 3 (such as pages/.html): rjsite publish {folder}"
    shutil.rmtree(folder)  # nobody uses it any more
    line = only(content_checks.check_published_pages(site()))
    assert line.startswith(f"no pages are published in {folder}: rjsite publish {folder}, or take the folder")
    listed = Path(line.rpartition(" ")[2])
    listed.write_text(listed.read_text().replace(f"{folder}\n", ""))
    assert list(content_checks.check_published_pages(site())) == []


# -- the machine ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("unit", "state", "expected"),
    [
        (
            "rjsite@serve.service",
            RUNS.replace("=active", "=failed"),
            "rjsite@serve.service is not running (failed)",
        ),
        ("rjsite@serve.service", None, "rjsite@serve.service is not installed"),
        ("rjsite@serve.service", RUNS.replace("enabled", "disabled"), "does not start at boot"),
        (
            "rjsite-daily.timer",
            RUNS.replace("=active", "=inactive"),
            "rjsite-daily.timer is not running (inactive)",
        ),
        ("rjsite-content.timer", RUNS.replace("=active", "=inactive"), "rjsite-content.timer is not running"),
        ("rjsite-daily.service", RUNS.replace("success", "exit-code"), "failed the last time (exit-code)"),
        ("rjsite-content.timer", None, "rjsite-content.timer is not installed (not-found)"),
        ("rjsite@deliver.service", None, "rjsite@deliver.service is not installed"),
        (
            "rjsite@deliver.service",
            RUNS.replace("=active", "=failed"),
            "rjsite@deliver.service is not running",
        ),
    ],
)
def test_a_unit_that_failed_or_does_not_run_is_named(site, programs, unit, state, expected):
    whole = site(content_repository="git@mending.org.uk:site.git")
    assert list(machine_checks.check_units(whole)) == []
    (programs / unit).unlink()
    if state:
        (programs / unit).write_text(state)

    assert expected in only(machine_checks.check_units(whole))


def test_units_that_cannot_be_looked_at_are_no_fault(site, programs, monkeypatch):
    (programs / "systemctl").write_text("#!/bin/sh\nexit 1\n")
    monkeypatch.setattr(report, "CHECKS", {"units": machine_checks.check_units})
    refused = report.run_checks(site())
    monkeypatch.setattr(machine_checks, "SYSTEMD", programs / "none")
    without_systemd = report.run_checks(site())

    assert refused.not_checked == ["units: this user may not look at rjsite@deliver.service"]
    assert without_systemd.not_checked == ["the systemd units, because systemd did not start this machine"]
    assert (refused.to_do, without_systemd.to_do) == ([], [])


def test_a_site_that_delivers_itself_needs_no_unit_for_that(site, programs):
    (programs / "rjsite@deliver.service").unlink()

    assert list(machine_checks.check_units(site(deliver_in_server=True))) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [("apt-config", "#!/bin/sh\necho 0\n"), ("apt-config", "#!/bin/sh\n"), ("unattended-upgrade", "")],
)
def test_security_updates_that_do_not_come_by_themselves_are_named(site, programs, monkeypatch, name, text):
    assert list(machine_checks.check_debian(site())) == []
    (programs / name).unlink()
    if text:
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    monkeypatch.setattr(machine_checks, "_properties", lambda *_: {})  # needs programs outside this PATH
    monkeypatch.setenv("PATH", str(programs))

    assert only(machine_checks.check_debian(site())).startswith("security updates are not automatic")


def test_a_proxy_that_the_settings_do_not_know_is_named(site):
    line = only(machine_checks.check_debian(site(trusted_proxies=0)))

    assert line.startswith("RJSITE_TRUSTED_PROXIES: set it to 1")


def test_an_old_backup_is_named(site, box, values):
    back_up(box, Path(values["RJSITE_BACKUP_DIR"]), hours_ago=50)

    assert "is 50 hours old" in only(machine_checks.check_backup(site()))


def test_backups_that_stay_on_the_machine_are_named(site, box, values):
    back_up(box, Path(values["RJSITE_BACKUP_DIR"]))
    values["BACKUP_TARGET"] = "none"

    assert only(machine_checks.check_backup(site())).startswith("backups are kept only on this machine")


def test_a_missing_backup_is_named(site):
    assert "there is no backup in" in only(machine_checks.check_backup(site()))


def test_a_backup_that_cannot_be_read_is_named(site, box, values):
    file = back_up(box, Path(values["RJSITE_BACKUP_DIR"]))
    assert list(machine_checks.check_backup(site())) == []

    file.write_bytes(file.read_bytes()[:5000])

    assert file.name in only(machine_checks.check_backup(site()))


def test_a_backup_that_no_key_opens_is_named(site, box, values):
    keep(box)
    back_up(box, Path(values["RJSITE_BACKUP_DIR"]))
    assert list(machine_checks.check_backup(site())) == []

    line = only(machine_checks.check_backup(site(outbox_keys=Fernet.generate_key().decode())))

    assert "contains mail that no key in RJSITE_OUTBOX_KEYS decrypts" in line


def test_a_dump_that_broke_off_is_named(site, values):
    file = Path(values["RJSITE_BACKUP_DIR"]) / "outbox-20261128T000500Z.sql"
    file.write_text("COPY ...\n")
    assert "is incomplete" in only(machine_checks.check_backup(site()))

    file.write_text("COPY ...\n-- PostgreSQL database dump complete\n")

    assert list(machine_checks.check_backup(site())) == []


def test_only_the_end_of_a_dump_is_read(site, values, monkeypatch):
    file = Path(values["RJSITE_BACKUP_DIR"]) / "outbox-20261128T000500Z.sql"
    file.write_text("x" * 2000 + "\n-- PostgreSQL database dump complete\n")
    made = site()
    monkeypatch.setattr(Path, "read_bytes", lambda _: pytest.fail("the whole dump was read"))

    assert list(machine_checks.check_backup(made)) == []


@pytest.mark.parametrize(("name", "value"), [("SMALL", 10**18), ("FEW_FILES", 10**18)])
def test_a_full_disk_is_named_once(site, monkeypatch, name, value):
    monkeypatch.setattr(machine_checks, name, value)

    assert only(machine_checks.check_disk(site())).startswith("the disk with ")


@pytest.fixture
def https(
    values: dict[str, str], authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable]:
    """Return a function that serves the site's address with a certificate for the given number of days."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca_file))
    listening = socket.create_server(("127.0.0.1", int(values["RJSITE_PUBLIC_URL"].rpartition(":")[2])))

    def answer(days: int) -> None:
        context = server_context(authority.sign("localhost", days=days))

        def accept() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                    context.wrap_socket(connection, server_side=True).close()
                except OSError:
                    if listening.fileno() < 0:
                        return

        threading.Thread(target=accept, daemon=True).start()

    yield answer
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()


@pytest.mark.parametrize(
    ("days", "expected"),
    [(25, []), (9, ["the certificate of localhost expires on "]), (0, ["browsers refuse"])],
)
def test_a_certificate_of_the_site_that_ends_soon_is_named(site, https, days, expected):
    https(days)

    lines = list(machine_checks.check_https(site()))

    assert len(lines) == len(expected)
    assert all(line.startswith(start) for line, start in zip(lines, expected, strict=True))


def test_an_address_at_which_nobody_answers_is_named(site):
    assert only(machine_checks.check_https(site())).startswith("nothing answers at https://localhost:")


@pytest.fixture
def running(values: dict[str, str], box: Outbox) -> Iterator[LiveContent]:
    """Run the site, and return the content that it shows."""
    app = create_app()
    server = make_server("127.0.0.1", int(values["PORT"]), app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield services_of(app).content
    server.shutdown()
    thread.join()


def test_a_site_that_does_not_run_is_named(site):
    assert only(machine_checks.check_running_site(site())).startswith("the site does not answer at 127.0.0.1")


def test_a_port_that_is_no_number_is_named(site, values):
    values["PORT"] = "80o0"

    assert only(machine_checks.check_running_site(site())) == "PORT: write a number, like 8000"


def test_another_version_that_still_runs_is_named(site, running, monkeypatch):
    assert list(machine_checks.check_running_site(site())) == []

    monkeypatch.setattr(machine_checks, "full_version", lambda: "9.9.9")

    line = only(machine_checks.check_running_site(site()))
    assert line.startswith(f"the site is running {rjsite.full_version()}, but 9.9.9")


def test_a_form_that_waits_for_a_restart_is_named(site, running, content):
    form = content / "forms" / "ask.toml"
    form.write_text(form.read_text().replace('address = "/ask"', 'address = "/question"'))
    running.reload()

    lines = list(machine_checks.check_running_site(site()))

    assert [line.split(":")[0] for line in lines] == ["content/forms/ask.toml"] * 2
    assert all(line.endswith(": systemctl restart rjsite@serve.service") for line in lines)


@pytest.mark.parametrize("days", [-1, 5])
def test_a_new_certificate_that_needs_a_restart_is_named(days, site, reader, tmp_path, request, monkeypatch):
    old = make_reader(tmp_path, "old", days=days)
    monkeypatch.setenv("RJSITE_TEAM_CERTIFICATES", str(old.certificate))
    request.getfixturevalue("running")
    old.certificate.write_bytes(reader.certificate.read_bytes())

    line = only(machine_checks.check_running_site(site()))

    assert line.startswith("certificate old.pem expire")
    assert line.endswith(": systemctl restart rjsite@serve.service")


def test_a_site_that_says_itself_that_something_is_wrong_is_named(site, running, values):
    (Path(values["RJSITE_DATA_DIR"]) / "outbox.sqlite3.damaged-1").touch()

    assert only(machine_checks.check_running_site(site())).endswith("something is wrong: outbox")


# -- all of them ------------------------------------------------------------------------------------------


@pytest.fixture
def healthy(values, box, running, https, tmp_path, monkeypatch) -> None:
    """Make the site healthy, so that there is nothing to do."""
    monkeypatch.setattr(page_cache, "codings", lambda _kind: ())
    https(25)
    back_up(box, Path(values["RJSITE_BACKUP_DIR"]))
    (Path(values["RJSITE_DATA_DIR"]) / DAILY_RUN).write_text("ok\n")
    assert commands.run("publish", str(tmp_path / "published")).exit_code == 0


def test_one_line_says_that_all_is_well(healthy):
    result = commands.run("doctor")

    assert result.stderr == ""
    assert result.stdout.startswith(f"Nothing to do. This is rjsite {rjsite.full_version()} on Python 3.")
    assert result.stdout.endswith("; mail is encrypted for anna.pem.\n")
    assert result.stdout.count("\n") == 1
    assert result.exit_code == 0


def test_what_is_broken_is_all_named_at_once(healthy, values, programs, content, monkeypatch, tmp_path):
    monkeypatch.setenv("RJSITE_TEAM_EMAIL", "team@example.org")
    monkeypatch.delenv("RJSITE_TEAM_CERTIFICATES")
    (programs / "rjsite-daily.timer").unlink()
    (content / "pages/index.md").write_text("no fields")
    next(Path(values["RJSITE_BACKUP_DIR"]).iterdir()).unlink()

    result = commands.run("doctor")

    assert result.exit_code == 1
    for part in (
        "To do:\n- RJSITE_TEAM_EMAIL: write your own value in place of example.org\n",
        "\n- mail is not encrypted for the team",
        "\n- content/pages/index.md:1: ",
        "\n- rjsite-daily.timer is not installed",
        "\n- there is no backup",
        "\nPassed: version, running site, address of the site, certificates and secrets, ",
        f" This is rjsite {rjsite.full_version()} on Python 3.",
        "; mail is not encrypted for the team.\n",
    ):
        assert part in result.stdout


def test_a_check_that_fails_itself_stops_no_other(site, monkeypatch):
    def forbidden(_site: Site) -> list[str]:
        raise PermissionError(13, "Permission denied", "/somewhere")

    def too_long(_site: Site) -> list[str]:
        raise OSError(36, "File name too long", "/a/path")

    checks = {
        "broken": lambda _site: 1 / 0,
        "closed": forbidden,
        "long": too_long,
        "last": lambda _site: ["a line"],
    }
    monkeypatch.setattr(report, "CHECKS", checks)

    found = report.run_checks(site())

    assert found.to_do == [
        "broken: this check failed (ZeroDivisionError)",
        "long: /a/path: File name too long",
        "a line",
    ]
    assert found.not_checked == ["closed: this user may not look at /somewhere"]


@pytest.mark.parametrize(
    ("name", "value", "named"),
    [
        ("HOST", "a b", "- HOST: write a name or address of this machine, like 127.0.0.1\n"),
        ("RJSITE_BACKUP_DIR", "/tmp/" + "x" * 300, "- backup: /tmp/xxx"),
        ("RJSITE_DATA_DIR", "/tmp/" + "x" * 300, "- RJSITE_DATA_DIR: there is no such folder\n"),
        ("RJSITE_DATA_DIR", "/dev/null", "- RJSITE_DATA_DIR: there is no such folder\n"),
        ("RJSITE_CONTENT_DIR", "/tmp/" + "x" * 300, "- RJSITE_CONTENT_DIR: there is no such folder\n"),
    ],
)
def test_a_setting_that_breaks_checks_is_named(values, monkeypatch, name, value, named):
    monkeypatch.setenv(name, value)

    result = commands.run("doctor")

    assert result.exit_code == 1
    assert named in result.stdout
    assert "this check failed" not in result.stdout


def test_in_development_nothing_of_a_server_is_asked_for(content, tmp_path, monkeypatch):
    for name, value in (("MODE", "development"), ("CONTENT_DIR", content), ("DATA_DIR", tmp_path / "none")):
        monkeypatch.setenv(f"RJSITE_{name}", str(value))

    result = commands.run("doctor")

    assert (result.exit_code, result.stdout.count("\n")) == (0, 1)
    assert "mail is written to files" in result.stdout
    assert not (tmp_path / "none").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can look as somebody else")
def test_what_root_looks_at_does_not_become_roots(site, values):
    data = Path(values["RJSITE_DATA_DIR"])
    file = data / "outbox.sqlite3"
    file.write_bytes(b"not a database" * 100)
    for path in (data, file):
        os.chown(path, 65534, 65534)
    for folder in data.parents:
        folder.chmod(folder.stat().st_mode | 0o011)

    report.run_checks(site())  # the file is moved aside, and a new one is created

    assert len(list(data.glob("outbox.sqlite3*"))) > 1
    assert {path.stat().st_uid for path in data.rglob("*")} == {65534}
    assert os.geteuid() == 0
