"""The files in deploy/ work as they are: units, proxies, settings, backups and the move to PostgreSQL."""

from __future__ import annotations

import os
import re
import shlex
import sqlite3
import ssl
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.message import Message
from http.client import HTTPConnection, HTTPSConnection, RemoteDisconnected
from pathlib import Path
from tempfile import mkdtemp

import psycopg
import pytest
from cryptography.fernet import Fernet

from rjsite.services import daily_run_warning
from rjsite.settings import ROOT, Settings
from rjsite.settings.file import FILE as SETTINGS_FILE
from support import commands
from support.authority import Authority
from support.mail import MailServer
from support.many_machines import HOST, DistantVisitor, Instance, deployed_nginx
from support.needs import program
from support.nginx import Nginx
from support.processes import LOOPBACK, Program, free_port, listens
from support.service import PHONE
from support.service import example as service_example
from support.site_process import RJSITE, Site
from support.visitor import FORM_A, Visitor

DEPLOY = ROOT / "deploy"
GUIDES = {name: (ROOT / "docs" / name).read_text() for name in ("running-it.md", "larger.md")}
LARGER = GUIDES["larger.md"]
TEAM = {"RJSITE_TEAM_EMAIL": "team@example.org"}
EXPOSED_AT_MOST = 15  # systemd's own score, in tenths: 100 means no protection at all


def run(*command: str | Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a program to its end."""
    return subprocess.run(
        [str(part) for part in command],
        env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", **(env or {})},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


# -- systemd ----------------------------------------------------------------------------------------------


@pytest.fixture
def units(tmp_path: Path) -> list[Path]:
    """Return the units as they would be if they named the folder of this project."""
    found = []
    for unit in (DEPLOY / "systemd").glob("rjsite*"):
        file = tmp_path / unit.name.replace("@.", "@serve.")
        file.write_text(unit.read_text().replace("/srv/rjsite/current", str(ROOT)))
        found.append(file)
    return sorted(found)


def test_systemd_finds_no_fault_in_the_units(units: list[Path]) -> None:
    assert [unit.name for unit in units] == [
        "rjsite-content.service", "rjsite-content.timer", "rjsite-daily.service", "rjsite-daily.timer",
        "rjsite-staff.service", "rjsite@serve.service",
    ]  # fmt: skip

    done = run(program("systemd-analyze"), "verify", "--man=no", *units)

    assert (done.returncode, done.stderr) == (0, "")


def test_the_units_give_the_site_no_right_it_does_not_need(units: list[Path]) -> None:
    for unit in units:
        if unit.suffix == ".service":
            done = run(
                program("systemd-analyze"), "security", "--offline=true",
                f"--threshold={EXPOSED_AT_MOST}", unit,
            )  # fmt: skip
            assert done.returncode == 0, done.stdout[-300:]


def test_no_unit_hides_a_failure_or_ends_a_program_for_a_call_that_it_can_do_without(
    units: list[Path],
) -> None:
    for unit in units:
        if unit.suffix == ".service":
            text = unit.read_text()
            assert re.findall(r"^Exec\w+=[@:+!]*-.*", text, re.M) == []
            assert "\nSystemCallErrorNumber=EPERM\n" in text
            assert "\nSystemCallFilter=@system-service\n" in text


def test_the_staff_copy_runs_as_a_user_that_can_read_neither_the_outbox_nor_the_settings() -> None:
    unit = (DEPLOY / "systemd" / "rjsite-staff.service").read_text()
    folder = re.search(r"^StateDirectory=(.+)", unit, re.M)

    assert "\nUser=rjsite-staff\nGroup=rjsite-staff\n" in unit
    assert "SupplementaryGroups" not in unit
    assert folder
    assert f"RJSITE_DATA_DIR=/var/lib/{folder[1]}\n" in unit
    assert folder[1] != "rjsite"
    assert "\nInaccessiblePaths=-/var/lib/rjsite -/var/backups/rjsite\n" in unit
    assert "/etc/rjsite/environment" not in unit


@pytest.fixture
def daily(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs daily.sh in its own folders, where `rjsite` is the given shell script."""
    place = tmp_path / "current"
    for folder in (place / "deploy", place / ".venv" / "bin", tmp_path / "data", tmp_path / "copies"):
        folder.mkdir(parents=True)
    for name in ("daily.sh", "backup.sh"):
        script = place / "deploy" / name
        script.write_text(
            (DEPLOY / name).read_text().replace("/var/backups/rjsite", str(tmp_path / "copies"))
        )
        script.chmod(0o755)
    with closing(sqlite3.connect(tmp_path / "data" / "outbox.sqlite3")) as file:
        file.execute("CREATE TABLE outbox (sealed BLOB, accepted_at FLOAT)")

    def daily(rjsite: str, **env: str) -> subprocess.CompletedProcess[str]:
        command = place / ".venv" / "bin" / "rjsite"
        command.write_text(f"#!/bin/sh\n{rjsite}\n")
        command.chmod(0o755)
        return run(place / "deploy" / "daily.sh", env={"RJSITE_DATA_DIR": str(tmp_path / "data"), **env})

    return daily


def test_a_daily_run_publishes_backs_up_and_says_that_it_did(
    daily: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    done = daily(f'echo "$@" >{tmp_path}/said')

    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "said").read_text() == "publish /var/lib/rjsite-published\n"
    assert len(list((tmp_path / "copies").glob("outbox-*"))) == 1
    assert daily_run_warning(tmp_path / "data") is None


def test_a_daily_run_that_could_not_publish_backs_up_all_the_same_and_fails(
    daily: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    done = daily("exit 1")

    assert done.returncode == 1
    assert len(list((tmp_path / "copies").glob("outbox-*"))) == 1
    assert "failed" in str(daily_run_warning(tmp_path / "data"))


def test_a_daily_run_that_could_not_back_up_publishes_all_the_same_and_fails(
    daily: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    (tmp_path / "data" / "outbox.sqlite3").write_text("no database")

    done = daily(f"touch {tmp_path}/said")

    assert done.returncode == 1
    assert (tmp_path / "said").exists()
    assert "failed" in str(daily_run_warning(tmp_path / "data"))


def test_a_daily_run_that_is_killed_leaves_that_it_did_not_end(
    daily: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    daily("kill -KILL $PPID")

    assert "failed" in str(daily_run_warning(tmp_path / "data"))


def test_a_daily_run_copies_the_backups_away_and_deletes_only_old_ones_there(
    daily: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    there = tmp_path / "there"
    there.mkdir()
    names = {}
    for days in (1, 13, 14, 40, 91, 366):
        day = datetime.now(UTC) - timedelta(days=days)
        names[days] = f"outbox-{day:%Y%m%d}T000500Z.sqlite3"
        (there / names[days]).touch()
    (there / "somebody-elses").touch()

    done = daily("", BACKUP_TARGET=str(there))

    assert (done.returncode, done.stderr) == (0, "")
    new = {path.name for path in (tmp_path / "copies").iterdir()}
    assert len(new) == 1  # this server is new, and the other machine has the copies of the lost one
    assert {path.name for path in there.iterdir()} == {*new, names[1], names[13], "somebody-elses"}


@pytest.mark.parametrize("days", ["0", "fourteen", "014", "14000"])
def test_no_copy_elsewhere_is_deleted_while_it_is_unknown_how_long_to_keep_copies(
    daily: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path, days: str
) -> None:
    there = tmp_path / "there"
    there.mkdir()
    yesterday = there / f"outbox-{datetime.now(UTC) - timedelta(days=1):%Y%m%d}T000500Z.sqlite3"
    yesterday.touch()

    done = daily("", BACKUP_TARGET=str(there), KEEP_DAYS=days)

    assert "KEEP_DAYS: write a number of days, 1 to 9999" in done.stderr
    assert (done.returncode, yesterday.exists()) == (1, True)


def test_a_daily_run_whose_copies_do_not_get_away_fails(
    daily: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    done = daily("", BACKUP_TARGET=str(tmp_path / "nowhere" / "nowhere"))

    assert done.returncode == 1
    assert "failed" in str(daily_run_warning(tmp_path / "data"))


def test_an_unfinished_backup_is_not_copied_away(
    daily: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    there, programs = tmp_path / "there", tmp_path / "programs"
    programs.mkdir()
    sqlite = programs / "sqlite3"
    # as when memory runs out
    sqlite.write_text("#!/bin/sh\nfor part in part*; do echo words >$part-journal; done\nkill -KILL $PPID\n")
    sqlite.chmod(0o755)

    done = daily("", BACKUP_TARGET=str(there), PATH=f"{programs}:{os.environ['PATH']}")

    assert done.returncode == 1
    assert [path.name[:4] for path in (tmp_path / "copies").iterdir()] == ["part", "part"]
    assert list(there.iterdir()) == []


def test_units_wrapper_and_release_pass_the_path_of_the_settings_file_and_read_it_nowhere() -> None:
    scripts = [DEPLOY / name for name in ("rjsite", "release.sh", "backup.sh", "Containerfile")]
    for file in (*scripts, *(DEPLOY / "systemd").glob("rjsite*.service")):
        text = file.read_text()
        assert "EnvironmentFile" not in text, file
        for line in text.splitlines():
            if "/etc/rjsite/environment" in line:
                assert "RJSITE_SETTINGS_FILE=/etc/rjsite/environment" in line, line


def test_shellcheck_finds_nothing_in_the_scripts() -> None:
    scripts = [*DEPLOY.glob("*.sh"), DEPLOY / "rjsite"]

    done = run(program("shellcheck"), *scripts)

    assert (done.returncode, done.stdout) == (0, "")


# -- proxies ----------------------------------------------------------------------------------------------


@pytest.fixture
def site(tmp_path: Path, mail_server: MailServer):
    """Run the site in production with the example settings, without a worker."""
    env = {name: value for name, value in example().items() if value}
    env |= {
        "RJSITE_MODE": "production",
        "RJSITE_SECRET_KEY": "q7Gm2vXr9TfLw4ZsKb1NcYh8JdPe6UaRtW3o",
        "RJSITE_OUTBOX_KEYS": Fernet.generate_key().decode(),
        "RJSITE_DATA_DIR": str(tmp_path / "var"),
        "RJSITE_DELIVER_IN_SERVER": "false",
        "RJSITE_RATELIMIT_FORMS": "3 per day",  # so that no window ends during the test
    }
    with Instance(tmp_path, {**env, **mail_server.settings()}) as running:
        yield running


def test_nginx_asks_for_a_password_before_the_staff_copy_and_keeps_search_engines_out(
    authority: Authority, tmp_path: Path, start_nginx: Callable[..., Nginx]
) -> None:
    staff = Site(tmp_path, {"RJSITE_PUBLIC_URL": "https://www.example.org"})
    staff.command = [*RJSITE, "staff"]
    users = tmp_path / "users"
    users.write_text("staff:{PLAIN}open sesame\n")
    users.chmod(0o644)
    tmp_path.chmod(0o755)
    certificate = authority.sign("staff.example.org")
    text = (DEPLOY / "nginx-staff.conf").read_text()
    for before, after in {
        "/etc/letsencrypt/live/staff.example.org/fullchain.pem": str(certificate),
        "/etc/letsencrypt/live/staff.example.org/privkey.pem": str(certificate),
        "/etc/nginx/rjsite-staff.users": str(users),
        "/var/log/nginx/error.log": "stderr",
        "127.0.0.1:8001": f"{LOOPBACK}:{staff.port}",
        "listen [": "# listen [",
        "listen 443 ": "listen ${address} ",
    }.items():
        assert before in text
        text = text.replace(before, after)

    with staff:
        nginx = start_nginx(text, "https")
        password = b64encode(b"staff:open sesame").decode()
        stranger, member = (
            answer_of(nginx.port, authority, headers)
            for headers in ({}, {"Authorization": f"Basic {password}"})
        )

    assert (stranger[0], member[0]) == (401, 200)
    assert stranger[1]["X-Robots-Tag"] == member[1]["X-Robots-Tag"] == "noindex, nofollow"
    assert "Stories and problems" in member[2]
    assert password not in staff.log


def answer_of(port: int, authority: Authority, headers: dict[str, str]) -> tuple[int, Message, str]:
    """Request the list in the staff copy through nginx, and return the status, headers and body."""
    context = ssl.create_default_context(cafile=str(authority.ca_file))
    context.check_hostname = False
    connection = HTTPSConnection(LOOPBACK, port, context=context, timeout=30)
    with closing(connection):
        connection.request("GET", "/staff/", headers={"Host": "staff.example.org", **headers})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode()


def example() -> dict[str, str]:
    """Return the example settings."""
    lines = [line for line in (DEPLOY / "environment.example").read_text().splitlines() if line[0] != "#"]
    return dict(line.split("=", 1) for line in lines)


def test_the_installation_reads_and_replaces_settings_however_they_are_written(tmp_path: Path) -> None:
    file = tmp_path / "environment"
    file.write_text(
        "RJSITE_TEAM_EMAIL='team@example.org' \nRJSITE_MAIL_SERVER = mail.example.org\r\n"
        '  rjsite_public_url="https://www.example.org"\n#RJSITE_MODE=development\n'
    )
    script = (DEPLOY / "install.sh").read_text()
    functions = script[script.index("\nget() {") : script.index("\n# ask VARIABLE")]
    own = f"settings={shlex.quote(str(file))}; chgrp() {{ :; }}; {functions}\n"
    names = ("RJSITE_TEAM_EMAIL", "RJSITE_MAIL_SERVER", "RJSITE_PUBLIC_URL", "RJSITE_MODE")
    values = ["team@example.org", "mail.example.org", "https://www.example.org", ""]

    read = [run("bash", "-euc", f"{own} get {name}").stdout.strip("\n") for name in names]
    for name, value in zip(names, values, strict=True):
        run("bash", "-euc", f"{own} put {name} '{value}'")

    assert read == values
    written = [f'{name}="{value}"' for name, value in zip(names, values, strict=True)]
    assert file.read_text().splitlines() == [*written[:3], "#RJSITE_MODE=development", written[3]]


def test_the_example_of_settings_lacks_the_keys_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RJSITE_SETTINGS_FILE", str(DEPLOY / "environment.example"))
    monkeypatch.setenv("RJSITE_DATA_DIR", str(tmp_path))

    assert sorted(name for name, value in example().items() if not value) == [
        "RJSITE_OUTBOX_KEYS", "RJSITE_SECRET_KEY",
    ]  # fmt: skip
    monkeypatch.setenv("RJSITE_SECRET_KEY", "q7Gm2vXr9TfLw4ZsKb1NcYh8JdPe6UaRtW3o")
    monkeypatch.setenv("RJSITE_OUTBOX_KEYS", Fernet.generate_key().decode())
    assert Settings.load().production


def test_nginx_before_the_site(
    site: Site, authority: Authority, tmp_path: Path, start_nginx: Callable[..., Nginx]
) -> None:
    nginx = start_nginx(deployed_nginx(authority, site.port), "https")
    visitor = DistantVisitor(nginx, authority, "127.0.0.5")

    sent = visitor.send()
    too_large = visitor.send({**FORM_A, "about": "x" * 70_000})
    for _ in range(2):
        visitor.send()
    forged = DistantVisitor(nginx, authority, "127.0.0.5")
    forged.headers = {"X-Forwarded-For": "192.0.2.99"}

    assert sent.status == 303
    assert sent.headers["Strict-Transport-Security"]
    assert "Content-Encoding" not in visitor.get("/refer/a").headers
    assert (too_large.status, PHONE in too_large.text) == (413, True)  # in the site's own wording
    assert forged.send().status == 429  # the address is the one that nginx sees
    assert DistantVisitor(nginx, authority, "127.0.0.6").send().status == 303
    assert "127.0.0." not in nginx.said()


def test_nginx_answers_to_the_sites_name_alone_and_sends_http_to_https(
    authority: Authority, start_nginx: Callable[..., Nginx]
) -> None:
    text = deployed_nginx(authority, 9)
    plain = int(re.findall(rf"listen {LOOPBACK}:(\d+) default_server", text)[0])
    nginx = start_nginx(text, "https")
    line = HTTPConnection(LOOPBACK, plain, timeout=10)
    line.request("GET", "/refer/a", headers={"Host": "elsewhere.example"})
    answer = line.getresponse()
    line.close()

    assert (answer.status, answer.getheader("Location")) == (301, f"https://{HOST}/refer/a")
    with pytest.raises(ssl.SSLError, match="unrecognized name"):
        ssl.get_server_certificate((LOOPBACK, nginx.port))
    visitor = DistantVisitor(nginx, authority, "127.0.0.5")
    visitor.headers = {"Host": "elsewhere.example"}
    with pytest.raises(RemoteDisconnected):
        visitor.get("/refer/a")


def test_nginx_and_caddy_find_no_fault_in_the_examples(authority: Authority, tmp_path: Path) -> None:
    whole = tmp_path / "nginx.conf"
    inside = deployed_nginx(authority, 8000).replace("${address}", f"{LOOPBACK}:8443")
    brotli = "load_module " + program("nginx's Brotli") + ";\n"
    whole.write_text(f"pid {tmp_path}/pid;\n{brotli}events {{ }}\nhttp {{\n{inside}\n}}\n")
    nginx = run(program("nginx"), "-t", "-q", "-e", "stderr", "-p", tmp_path, "-c", whole)
    caddy = run(
        program("Caddy"), "validate", "--adapter", "caddyfile", "--config", DEPLOY / "Caddyfile",
        env={"HOME": str(tmp_path)},
    )  # fmt: skip

    assert (nginx.returncode, nginx.stderr) == (0, "")
    assert caddy.returncode == 0, caddy.stderr


def test_caddy_sends_the_headers_of_every_response_while_the_site_is_away(site: Site, tmp_path: Path) -> None:
    port = free_port()
    text = service_example("Caddyfile")
    for before, after in {
        "{\n\tlog {": f"{{\n\tadmin off\n\tdefault_bind {LOOPBACK}\n\tlog {{",
        f"\n{HOST} {{": f"\nhttp://{HOST}:{port} {{",
        "127.0.0.1:8000": f"{LOOPBACK}:{site.port}",
    }.items():
        assert before in text
        text = text.replace(before, after, 1)
    (tmp_path / "Caddyfile").write_text(text)
    command = [program("Caddy"), "run", "--config", str(tmp_path / "Caddyfile")]
    caddy = Program(command, tmp_path / "caddy.log", {"PATH": os.defpath, "HOME": str(tmp_path)})
    try:
        caddy.wait_until(lambda: listens(port), "Caddy answered")
        with closing(HTTPConnection(LOOPBACK, port, timeout=30)) as line:
            lost, left = seen(line, "/no-such-page"), seen(line, "/exit")
            site.terminate()
            away, left_alone = seen(line, "/refer/a"), seen(line, "/exit")
    finally:
        caddy.stop()

    own = {"Content-Type", "Content-Length", "Vary", "Date", "Server", "Via"}
    fixed = {(name, value) for name, value in lost[1].items() if name not in own}
    assert [status for status, *_ in (lost, left, away, left_alone)] == [404, 303, 502, 303]
    assert PHONE in away[2]
    assert fixed - set(away[1].items()) == fixed - set(left_alone[1].items()) == set()
    assert {"Location", "Set-Cookie"} <= {name for name, _ in left[1].items() & left_alone[1].items()}


def seen(line: HTTPConnection, path: str) -> tuple[int, dict[str, str], str]:
    """Request a path of the site, and return the status, headers and body."""
    line.request("GET", path, headers={"Host": HOST})
    answer = line.getresponse()
    return answer.status, {name.title(): value for name, value in answer.getheaders()}, answer.read().decode()


# -- the container ----------------------------------------------------------------------------------------


def test_the_container_holds_nothing_private_and_runs_without_rights() -> None:
    left_out = (ROOT / ".dockerignore").read_text().split()
    steps = (DEPLOY / "Containerfile").read_text()

    assert {".env", ".git", ".venv", "var"} <= set(left_out)
    assert re.search(r"^USER rjsite$", steps, re.M)
    assert "prepare.py run" in steps  # which requires every hash
    for source in re.findall(r"^COPY ((?:[\w./-]+ )+)", steps, re.M):
        assert all((ROOT / name).exists() for name in source.split()), source


# -- backups, and the way to PostgreSQL -------------------------------------------------------------------


@pytest.fixture(params=["sqlite", "postgresql"])
def two_urls(request: pytest.FixtureRequest) -> list[str]:
    """Return the URLs of a database to back up and one to restore to, or "" for the site's own file."""
    if request.param == "sqlite":
        return ["", ""]
    server = request.getfixturevalue("postgres")
    return [server.new_database(), server.new_database()]


def test_a_backup_made_while_the_site_runs_stays_sealed_and_brings_back_what_waits(
    two_urls: list[str], mail_server: MailServer, tmp_path: Path
) -> None:
    key = {"RJSITE_OUTBOX_KEYS": Fernet.generate_key().decode()}
    env = {**mail_server.settings(), **TEAM, **key, "RJSITE_DELIVER_IN_SERVER": "false"}
    backups = tmp_path / "backups"
    for folder in (backups, tmp_path / "first", tmp_path / "second"):
        folder.mkdir()

    with Site(tmp_path / "first", {**env, "RJSITE_DATABASE_URL": two_urls[0]}) as first:
        visitor = Visitor(first.base_url)
        reference = visitor.reference(visitor.send())
        done = run(DEPLOY / "backup.sh", backups, env=first.env)
    assert done.returncode == 0, done.stderr
    (copy,) = backups.iterdir()
    assert str(copy) == done.stdout.strip()
    assert copy.stat().st_mode & 0o777 == 0o600
    kept = copy.read_bytes()
    assert reference.encode() in kept
    for word in (b"Ally", b"01632", b"corner shop"):
        assert word not in kept

    second = Site(tmp_path / "second", {**env, "RJSITE_DATABASE_URL": two_urls[1]})
    bring_back(copy, second, two_urls[1])
    sent = second.run("deliver", "--once")

    assert sent.returncode == 0, sent.stderr
    (received,) = mail_server.wait_for()
    assert reference in str(received.message["Subject"])
    assert "corner shop" in received.text
    assert "last running number is 1" in second.run("outbox", "status").stdout


@pytest.fixture
def backup(tmp_path: Path) -> Callable[[str], subprocess.CompletedProcess[str]]:
    """Return a function that backs an empty outbox up to `copies`, with a shell script as sqlite3."""
    with closing(sqlite3.connect(tmp_path / "outbox.sqlite3")) as file:
        file.execute("CREATE TABLE outbox (sealed BLOB, accepted_at FLOAT)")
    (tmp_path / "copies").mkdir()

    def backup(script: str) -> subprocess.CompletedProcess[str]:
        stub = Path(mkdtemp(dir=tmp_path)) / "sqlite3"
        stub.write_text(f'#!/bin/sh\nsqlite3() {{ {program("sqlite3")} "$@"; }}\n{script}\n')
        stub.chmod(0o755)
        env = {"RJSITE_DATA_DIR": str(tmp_path), "PATH": f"{stub.parent}:{os.environ['PATH']}"}
        return run(DEPLOY / "backup.sh", tmp_path / "copies", env=env)

    return backup


def test_two_backups_at_once_are_both_whole(
    backup: Callable[[str], subprocess.CompletedProcess[str]],
) -> None:
    slow = 'sqlite3 "$@"; ended=$?; case $* in *"VACUUM INTO"*) sleep 1 ;; esac; exit $ended'
    with ThreadPoolExecutor() as pool:
        runs = [pool.submit(backup, slow)]
        time.sleep(0.5)
        runs.append(pool.submit(backup, slow))

    for done in (one.result() for one in runs):
        assert (done.returncode, done.stderr) == (0, "")
        with closing(sqlite3.connect(done.stdout.strip())) as copy:
            assert copy.execute("SELECT * FROM outbox").fetchall() == []


def test_a_copy_that_disappears_before_it_is_checked_is_no_backup(
    backup: Callable[[str], subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    done = backup('case $* in *integrity*) rm -f part* ;; esac; sqlite3 "$@"')

    assert (done.returncode, done.stdout) == (1, "")
    assert list((tmp_path / "copies").iterdir()) == []


def test_what_a_killed_backup_left_is_deleted_the_next_day(
    backup: Callable[[str], subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    copies = tmp_path / "copies"
    backup('sqlite3 "$@"; for part in part*; do touch $part-journal; done; kill -KILL $PPID')
    left = list(copies.iterdir())
    assert len(left) == 2
    for path in left:
        os.utime(path, (time.time() - 80_000,) * 2)

    done = backup('sqlite3 "$@"')

    assert list(copies.iterdir()) == [Path(done.stdout.strip())]


def test_a_backup_takes_along_which_stories_are_hidden(tmp_path: Path) -> None:
    for name in ("data", "backups"):
        (tmp_path / name).mkdir()
    with closing(sqlite3.connect(tmp_path / "data" / "outbox.sqlite3")) as file:
        file.execute("CREATE TABLE outbox (sealed BLOB, accepted_at FLOAT)")
    (tmp_path / "data" / "hidden-stories").write_text("the-shop-window\n")

    done = run(DEPLOY / "backup.sh", tmp_path / "backups", env={"RJSITE_DATA_DIR": str(tmp_path / "data")})

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "backups" / "hidden-stories").read_text() == "the-shop-window\n"


def test_a_full_disk_leaves_the_last_copy_of_which_stories_are_hidden(tmp_path: Path) -> None:
    (tmp_path / "backups").mkdir()
    copy = tmp_path / "backups" / "hidden-stories"
    for file in (copy, tmp_path / "hidden-stories"):
        file.write_text("the-shop-window\n")
    full = f"trap '' XFSZ; ulimit -f 0; exec {DEPLOY / 'backup.sh'} {copy.parent}"

    done = run("sh", "-c", full, env={"RJSITE_DATA_DIR": str(tmp_path)})

    assert done.returncode != 0
    assert copy.read_text() == "the-shop-window\n"
    assert list(copy.parent.iterdir()) == [copy]


def test_a_backup_holds_what_waits_and_no_mail_that_the_server_took(
    two_urls: list[str], mail_server: MailServer, tmp_path: Path
) -> None:
    url, _ = two_urls
    plain = url.replace("+psycopg", "")  # people write the URL like this, too
    env = {**mail_server.settings(), **TEAM, "RJSITE_DELIVER_IN_SERVER": "false", "RJSITE_DATABASE_URL": url}
    with Site(tmp_path, env) as site:
        visitor = Visitor(site.base_url)
        long = {**FORM_A, "about": "Both words and tabs\t" * 45}
        taken = visitor.reference(visitor.send(long))
        site.run("deliver", "--once")
        mail_server.wait_for(1)
        waits = visitor.reference(visitor.send(long))
        place = site.env | {"RJSITE_DATABASE_URL": plain}
        done = run(DEPLOY / "backup.sh", tmp_path, env=place)
        bodies = kept_bodies(site, plain)
    assert (done.returncode, done.stderr) == (0, "")
    copy = Path(done.stdout.strip())
    assert list(tmp_path.glob("part*")) == []
    held = copy.read_bytes()

    assert set(bodies) == {taken, waits}  # the server's own database still has both
    for reference, body in bodies.items():
        assert reference.encode() in held
        parts = [body[at : at + 200] for at in range(0, len(body) - 200, 200)]
        found = [part for part in parts if part in held or part.hex().encode() in held]
        # SQLite stores the body in pages of 4096 bytes, so a few parts are cut in two
        assert len(found) > len(parts) * 0.8 if reference == waits else not found, reference
    assert b"COPY public.rate_limit" not in held  # the counts of forms matter for twenty minutes only


def kept_bodies(site: Site, url: str) -> dict[str, bytes]:
    """Return the encrypted bodies in the outbox, by reference."""
    query = "SELECT reference, sealed FROM outbox"
    if url:
        with psycopg.connect(url) as connection:
            return {reference: bytes(sealed) for reference, sealed in connection.execute(query).fetchall()}
    with closing(sqlite3.connect(site.data_dir / "outbox.sqlite3")) as file:
        return dict(file.execute(query).fetchall())


def test_copies_go_on_their_fourteenth_day(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "outbox.sqlite3")) as file:
        file.execute("CREATE TABLE outbox (sealed BLOB, accepted_at FLOAT)")
    copies = tmp_path / "copies"
    copies.mkdir()
    now = time.time()
    for days in (12.9, 13.9, 14.1, 20):
        old = copies / f"outbox-{days}.sqlite3"
        old.write_text("x")
        os.utime(old, (now - days * 86400, now - days * 86400))
    (copies / "other").write_text("x")
    os.utime(copies / "other", (0, 0))

    done = run(DEPLOY / "backup.sh", copies, env={"RJSITE_DATA_DIR": str(tmp_path)})

    assert done.returncode == 0, done.stderr
    new = Path(done.stdout.strip()).name
    left = {"outbox-12.9.sqlite3", "outbox-13.9.sqlite3", "other"}
    assert {path.name for path in copies.iterdir()} == {new, *left}


def test_old_copies_go_also_where_no_new_one_can_be_made(tmp_path: Path) -> None:
    (tmp_path / "outbox-old.sqlite3").write_text("x")
    os.utime(tmp_path / "outbox-old.sqlite3", (0, 0))

    done = run(DEPLOY / "backup.sh", tmp_path, env={"RJSITE_DATA_DIR": str(tmp_path)})

    assert done.returncode != 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("days", ["fourteen", "0", "14 days", "-1", "14000", "12810238940076077"])
def test_no_copy_is_deleted_while_it_is_unknown_how_long_to_keep_copies(tmp_path: Path, days: str) -> None:
    (tmp_path / "outbox-old.sqlite3").write_text("x")

    done = run(DEPLOY / "backup.sh", tmp_path, env={"RJSITE_DATA_DIR": str(tmp_path), "KEEP_DAYS": days})

    assert (done.returncode, done.stderr) == (2, "KEEP_DAYS: write a number of days, 1 to 9999\n")
    assert [path.name for path in tmp_path.iterdir()] == ["outbox-old.sqlite3"]


def bring_back(copy: Path, site: Site, url: str) -> None:
    """Restore a backup as the guides say."""
    if url:
        address = url.replace("+psycopg", "")
        how = "psql --quiet --single-transaction --set=ON_ERROR_STOP=1"
        done = run(*how.split(), f"--dbname={address}", f"--file={copy}")
        assert f"{how} --dbname=rjsite --file=" in LARGER
    else:
        done = restore(copy, site.data_dir)
    assert done.returncode == 0, done.stderr


def restore(
    copy: Path, data: Path, systemctl: str = "true", commands_before: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run restore.sh in the data folder of a site that has already been stopped, after other commands."""
    script = (DEPLOY / "restore.sh").read_text()
    for before, after in (
        ("/var/lib/rjsite", str(data)), ("-o rjsite -g rjsite ", ""), ("systemctl", systemctl),
    ):  # fmt: skip
        assert before in script
        script = script.replace(before, after)
    return run("sh", "-c", f"{commands_before}\n{script}", "restore.sh", copy)


def test_bringing_a_copy_back_loses_nothing_of_the_old_file_and_lets_nobody_forget_it(
    mail_server: MailServer, tmp_path: Path
) -> None:
    """The test runs each step as the guide has it, in the folders of the test."""
    key = {"RJSITE_OUTBOX_KEYS": Fernet.generate_key().decode()}
    with Site(
        tmp_path, {**mail_server.settings(), **TEAM, **key, "RJSITE_DELIVER_IN_SERVER": "false"}
    ) as site:
        visitor = Visitor(site.base_url)
        visitor.send()
        copy = Path(run(DEPLOY / "backup.sh", tmp_path, env=site.env).stdout.strip())
        late = visitor.reference(visitor.send({**FORM_A, "about": "After the copy was made"}))
        site.kill()  # its last rows are in the write-ahead log
    (tmp_path / "hidden-stories").write_text("a-story\n")

    assert restore(copy, site.data_dir).returncode == 0
    assert "is still there" in restore(copy, site.data_dir).stderr
    assert (site.data_dir / "hidden-stories").read_text() == "a-story\n"
    rjsite = f"{shlex.quote(str(Path(sys.executable).with_name('rjsite')))} "
    words = GUIDES["running-it.md"].partition("To restore a backup:")[2]
    inside = f"cd {shlex.quote(str(site.data_dir))}; "
    steps = [
        inside + step.replace("/var/lib/rjsite", str(site.data_dir)).replace("rjsite ", rjsite)
        for step in re.findall(r"^ {4}(\S.*)$", words, re.M)[1:]
    ]
    status, listed, sent, _ = [run("sh", "-c", step, env=site.env) for step in steps]

    assert "a damaged outbox was moved aside: outbox.sqlite3.damaged-before" in status.stdout
    assert late not in site.run("outbox", "list").stdout
    assert late in listed.stdout
    assert sent.returncode == 0, sent.stderr
    assert any(late in str(mail.message["Subject"]) for mail in mail_server.wait_for(2))
    assert "kept aside" not in site.run("outbox", "status").stdout
    left = {path.name.removesuffix("-wal").removesuffix("-shm") for path in site.data_dir.glob("outbox*")}
    assert left == {"outbox.sqlite3"}


def test_a_worker_that_runs_apart_is_started_again_after_a_backup_was_brought_back(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.write_text("SQLite format 3")

    done = restore(copy, tmp_path, systemctl="echo")

    assert done.stdout.splitlines()[0] == "stop rjsite@*"
    assert done.stdout.splitlines()[-1] == "start rjsite@deliver"


def test_a_dump_of_postgresql_is_not_brought_back_as_a_file_of_sqlite(tmp_path: Path) -> None:
    dump = tmp_path / "outbox-now.sql"
    dump.write_text("-- PostgreSQL database dump complete\n")

    done = restore(dump, tmp_path, systemctl="echo")

    assert (done.returncode, done.stdout) == (2, "")
    assert "docs/larger.md" in done.stderr
    assert list(tmp_path.iterdir()) == [dump]


def test_the_site_goes_on_while_a_backup_cannot_be_copied_to_its_disk(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.write_text("SQLite format 3")

    done = restore(copy, tmp_path / "nowhere", systemctl="echo")

    assert (done.returncode, done.stdout) == (1, "")


LIST = "hidden-stories"


@pytest.fixture
def hiding(tmp_path: Path) -> Path:
    """Return a backup beside a copy of the list of hidden stories, and create an empty data folder."""
    (tmp_path / "data").mkdir()
    (tmp_path / "backups").mkdir()
    (tmp_path / "backups" / LIST).write_text("a-story\n" * 200)  # longer than the backup
    copy = tmp_path / "backups" / "outbox-now.sqlite3"
    copy.write_text("SQLite format 3")  # restore.sh looks at no more
    return copy


def test_hidden_stories_stay_hidden_on_a_new_machine(hiding: Path, tmp_path: Path) -> None:
    assert restore(hiding, tmp_path / "data").returncode == 0

    data = tmp_path / "data"
    assert {path.name for path in data.iterdir()} == {LIST, "outbox.sqlite3"}
    assert (data / LIST).read_text() == hiding.with_name(LIST).read_text()
    assert [oct((data / name).stat().st_mode & 0o777) for name in (LIST, "outbox.sqlite3")] == [
        "0o644", "0o600",
    ]  # fmt: skip


def test_a_nearly_full_disk_stops_no_site_and_shows_no_hidden_story(hiding: Path, tmp_path: Path) -> None:
    done = restore(hiding, tmp_path / "data", "echo", commands_before="trap '' XFSZ; ulimit -f 1;")

    assert (done.returncode, done.stdout) == (1, "")
    assert list((tmp_path / "data").iterdir()) == []


@pytest.mark.parametrize("end", ["false", "kill -TERM $$", "kill -INT $$"])
def test_the_site_is_started_again_whatever_happens_while_it_is_stopped(
    hiding: Path, tmp_path: Path, end: str
) -> None:
    systemctl = tmp_path / "systemctl"
    systemctl.write_text(f'echo "$*" >>{tmp_path}/said\n')

    restore(
        hiding,
        tmp_path / "data",
        f"sh {systemctl}",
        commands_before=f"mv() {{ test ! -s {tmp_path}/said || {end}; }};",
    )

    assert (tmp_path / "said").read_text().splitlines()[:2] == ["stop rjsite@*", "start rjsite@serve"]


def test_a_backup_that_cannot_be_put_in_place_leaves_the_site_its_own_database(
    hiding: Path, tmp_path: Path
) -> None:
    own = {"outbox.sqlite3": "the database", "outbox.sqlite3-wal": "a form that nobody has received yet"}
    for name, text in own.items():
        (tmp_path / "data" / name).write_text(text)

    fails = 'mv() { case $1 in */restored) false ;; *) command mv "$@" ;; esac; };'
    done = restore(hiding, tmp_path / "data", "echo", commands_before=fails)

    assert (done.returncode, done.stdout.splitlines()[1]) == (1, "start rjsite@serve")
    assert {path.name: path.read_text() for path in (tmp_path / "data").glob("outbox*")} == own


def test_an_installation_on_a_full_disk_shows_no_hidden_story(hiding: Path, tmp_path: Path) -> None:
    script = (DEPLOY / "install.sh").read_text().replace("/var/backups/rjsite", str(hiding.parent))
    function = script[script.index("\nkeep_hidden_stories() {") : script.index("\nas_site() {")]
    own = f"data={tmp_path}/data; {function.replace('-o rjsite -g rjsite ', '')}\nkeep_hidden_stories"

    full = run("bash", "-euc", f"trap '' XFSZ; ulimit -f 0; {own}")
    assert full.returncode != 0
    assert not (tmp_path / "data" / LIST).exists()

    assert run("bash", "-euc", own).returncode == 0
    assert (tmp_path / "data" / LIST).read_text() == hiding.with_name(LIST).read_text()
    (tmp_path / "data" / LIST).write_text("another\n")
    assert run("bash", "-euc", own).returncode == 0
    assert (tmp_path / "data" / LIST).read_text() == "another\n"


def test_a_backup_that_failed_leaves_no_file_and_says_so(tmp_path: Path) -> None:
    done = run(DEPLOY / "backup.sh", tmp_path, env={"RJSITE_DATA_DIR": str(tmp_path)})

    assert done.returncode != 0
    assert done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_way_from_sqlite_to_postgresql_loses_no_form_and_no_number(
    start_site: Callable[..., Site], mail_server: MailServer, postgres_url: str
) -> None:
    """The guide says: stop, send the waiting mail, set the new database, and continue the running numbers."""
    site = start_site(**mail_server.settings(), **TEAM, RJSITE_DELIVER_IN_SERVER="false")
    for _ in range(2):
        Visitor(site.base_url).send()
    site.terminate()
    site.run("deliver", "--once")
    before = site.run("outbox", "status")
    assert before.returncode == 0
    assert before.stdout.startswith("0 waiting")
    number = re.findall(r"last running number is (\d+)", before.stdout)[0]

    site.env["RJSITE_DATABASE_URL"] = postgres_url
    assert site.run("outbox", "status").returncode == 0
    (statement,) = re.findall(r"INSERT INTO outbox_counters[^\";]+", LARGER)
    with psycopg.connect(postgres_url.replace("+psycopg", "")) as connection:
        connection.execute(statement.replace("118", number))
    site.start()
    Visitor(site.base_url).send()
    site.run("deliver", "--once")

    assert "Number: 3" in mail_server.wait_for(3)[2].text


# -- the guides -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("guide", GUIDES)
def test_a_guide_names_files_and_settings_that_there_are(guide: str) -> None:
    text = GUIDES[guide]
    files = re.findall(r"(?<![\w/.-])((?:deploy|docs|content|\.github)/[\w@./-]+\w)", text)
    files += re.findall(r"/srv/rjsite/(?:current|source)/([\w./-]+\w)", text)
    settings = set(re.findall(r"RJSITE_\w+[A-Z]", text))

    assert [name for name in files if not (ROOT / name).exists()] == []
    assert settings <= {SETTINGS_FILE, *Settings.names()}


def commands_of(guide: str) -> list[list[str]]:
    """Return each command that a guide shows on a line of its own or within a sentence, as words."""
    programs = "rjsite|systemctl|journalctl|curl|certbot|podman|ssh-keygen"
    lines = re.findall(rf"^ {{4,}}(\S.*)|`((?:{programs}) [^`\n]+)`", GUIDES[guide], re.M)
    found = [block or inline for block, inline in lines]
    assert all(run("bash", "-n", "-c", command).returncode == 0 for command in found)
    split = map(shlex.split, found)
    return [[word for word in words if not re.match(r"[A-Z_]+=", word)] for words in split]


@pytest.mark.parametrize("guide", GUIDES)
def test_a_server_has_the_program_of_each_command_in_a_guide(guide: str) -> None:
    of_debian = {
        "apt-get", "chmod", "chown", "install", "journalctl", "ls", "printf", "rm", "runuser", "sed",
        "systemctl", "useradd",
    }  # fmt: skip
    installed = set((DEPLOY / "install.sh").read_text().split()) & {"git", "curl", "certbot", "nginx"}
    programs = of_debian | installed | {"rjsite", "podman", "ssh-keygen"}

    for words in commands_of(guide):
        place = words[0].split("/", 4)[-1]  # /srv/rjsite/current/deploy/...
        assert words[0] in programs or (ROOT / place).is_file(), words


@pytest.mark.parametrize("guide", GUIDES)
def test_a_guide_uses_commands_and_options_of_rjsite_that_there_are(guide: str) -> None:
    ours = [words[1:] for words in commands_of(guide) if words[0] == "rjsite"]

    assert len(ours) > 3
    for words in ours:
        group = 2 if words[0] in ("outbox", "keys", "mail") else 1
        shown = commands.run(*words[:group], "--help")
        assert shown.exit_code == 0, words
        assert [word for word in words[group:] if word[:2] == "--" and word not in shown.output] == []
