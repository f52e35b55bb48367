"""Tests the installation on an empty Debian server, and what administrators and timers do afterwards.

`make install-test` runs these tests. Each continues where the one before ended.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.authority import Authority
from support.debian import HOST_AS_SEEN_INSIDE, ROOT, Done, Machine, need_programs
from support.mail import MailServer
from support.readers import CertificateFiles, make_reader
from support.visitor import FORM_A, REFERENCE, TOKEN

DOMAIN = "mending.internal"
HOST, MAIL_HOST, TEAM = f"www.{DOMAIN}", f"mail.{DOMAIN}", f"team@{DOMAIN}"
INSTALL = "/srv/rjsite/source/deploy/install.sh"
RELEASE = "/srv/rjsite/current/deploy/release.sh"
STORIES = "/case-studies/"
MINUTES_OF_A_TICK = 5
MINUTES_OF_AN_OUTAGE = 4  # the site tries again a while after the mail server is back
PERMITTED = re.compile(r"^permission:.*$", re.M)
SOMEBODY = ["-c", "user.name=Somebody", "-c", "user.email=somebody@mending.internal"]


class MailAuthority(Authority):
    """Signs certificates for the mail server's name if no name is given."""

    def sign(self, *hosts: str, days: int = 30) -> Path:
        """Return a PEM file with a key and a certificate for these hosts."""
        return super().sign(*(hosts or (MAIL_HOST,)), days=days)


class Server(Machine):
    """The server for these tests, with the repository from which it gets the project."""

    def __init__(self, suite: str, folder: Path, authority: Authority, mail: MailServer) -> None:
        """Prepare what an administrator has: a name, a certificate, a mail server and a repository."""
        super().__init__(suite, folder, authority)
        self.project, self.mail, self.ca = folder / f"{suite}-project", mail, authority.ca_file
        self.reader: CertificateFiles = make_reader(folder, f"reader-{suite}")
        key, begin, certificate = authority.sign(HOST).read_text().partition("-----BEGIN CERTIFICATE")
        self.write("/etc/ssl/site.pem", begin + certificate)
        self.write("/etc/ssl/site.key", key)
        self.write("/etc/rjsite/reader.pem", self.reader.certificate.read_text())
        self.write("/etc/hosts", f"127.0.0.1 localhost {HOST} elsewhere\n{HOST_AS_SEEN_INSIDE} {MAIL_HOST}\n")
        self.write("/etc/gitconfig", "[safe]\n\tdirectory = *\n")  # another user owns the repository there
        upstream = self.tree / "srv" / "project.git"
        subprocess.run(["git", "clone", "--quiet", "--bare", ROOT, upstream], check=True)
        subprocess.run(["git", "-C", upstream, "branch", "--force", "main", "HEAD"], check=False)
        subprocess.run(["git", "clone", "--quiet", "--branch=main", upstream, self.project], check=True)
        self.versions: list[str] = []

    def type(self, line: str, check: bool = True) -> Done:
        """Run a line that an administrator would type."""
        return self.run("bash", "-c", line, check=check)

    def install(self, *more: str) -> Done:
        """Run the installation script with every option that it needs."""
        options = (
            f"--host {HOST} --team {TEAM} --mail-server {MAIL_HOST} --sender website@{DOMAIN} "
            "--certificate /etc/ssl/site.pem --key /etc/ssl/site.key --backup copies@elsewhere:copies "
            f"RJSITE_MAIL_PORT={self.mail.port} RJSITE_TEAM_CERTIFICATES=/etc/rjsite/reader.pem"
        )
        return self.run(INSTALL, *options.split(), *more, check=False)

    def merge(self, words: str) -> str:
        """Merge the changes in the project, and return the commit."""
        git = ["git", "-C", str(self.project)]
        subprocess.run([*git, "add", "--all"], check=True)
        subprocess.run([*git, *SOMEBODY, "commit", "--quiet", "-m", words], check=True)
        subprocess.run([*git, "push", "--quiet", "origin", "main"], check=True)
        return subprocess.run(
            [*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True
        ).stdout.strip()

    def story(self, slug: str) -> Path:
        """Return the file of a story in the project."""
        return self.project / "content" / "case-studies" / f"{slug}.md"

    def write_story(self, slug: str, permission: str) -> None:
        """Write a copy of another story with this permission."""
        text = next(iter(sorted(self.story("x").parent.glob("*.md")))).read_text()
        agreed = f"permission: {permission}" + ("\nagreed_by: both" if permission else "")
        self.story(slug).write_text(PERMITTED.sub(agreed, text, count=1))

    def tick(self) -> Done:
        """Do now what the timer does every five minutes, and print the log."""
        done = self.run("systemctl", "start", "rjsite-content", check=False)
        print(self.run("journalctl", "--no-pager", "--lines=20", "--unit=rjsite-content").stdout)
        return done

    def ask(self, address: str, *options: str) -> str:
        """Return the status and the body that a browser gets."""
        command = ["curl", "--silent", "--write-out", "\n%{http_code}", *options, f"https://{HOST}{address}"]
        body, _, status = self.run(*command).stdout.rpartition("\n")
        return f"{status} {body}"

    def shown_by(self, slug: str) -> set[bool]:
        """Return whether nginx, the site itself and the list show a story, as a set of these answers."""
        address = f"{STORIES}{slug}"
        headers = f"-H Host:{HOST} -H X-Forwarded-Proto:https"
        alone = self.type(
            f"curl -s -o /dev/null -w '%{{http_code}}' {headers} http://127.0.0.1:8000{address}"
        )
        return {self.ask(address)[:3] == "200", alone.stdout == "200", address in self.ask(STORIES)}

    def shows(self, slug: str) -> bool:
        """Return whether a story is shown, and check that nginx, the site and the list agree."""
        answers = self.shown_by(slug)
        assert len(answers) == 1, f"{slug}: nginx, the site and the list differ"
        return answers.pop()

    def send_form(self) -> str:
        """Send a form, and return its reference."""
        token = TOKEN.search(self.ask("/refer/a"))
        assert token
        answers = {**FORM_A, "link": "live", "form_token": token[1]}
        fields = [part for name, value in answers.items() for part in ("--data-urlencode", f"{name}={value}")]
        sent = self.ask("/refer/a", "--location", *fields)
        found = REFERENCE.search(sent)
        assert found, sent[:2000]
        return found[0]

    def open_mail(self, reference: str) -> str:
        """Return the decrypted text of the email with this reference, as the team reads it."""
        end = time.monotonic() + MINUTES_OF_AN_OUTAGE * 60
        while time.monotonic() < end:
            for mail in self.mail.received:
                if reference in str(mail.message["Subject"]):
                    opened = subprocess.run(
                        ["openssl", "cms", "-decrypt", "-inkey", self.reader.key], input=mail.raw,
                        capture_output=True, check=True,
                    )  # fmt: skip
                    return opened.stdout.decode(errors="replace")
            time.sleep(0.5)
        raise TimeoutError(f"no mail {reference}")


@pytest.fixture(scope="module", params=["bookworm", "trixie"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Start an empty server with each version of Debian, for all tests in this module."""
    need_programs()
    folder = tmp_path_factory.mktemp("server")
    authority = MailAuthority(folder)
    with MailServer(authority) as mail:
        server = Server(request.param, folder, authority, mail)
        try:
            server.start()
            yield server
        finally:
            server.stop()


def test_the_script_installs_the_site_and_says_what_is_left_to_do(server: Server) -> None:
    server.type("apt-get update && apt-get install --yes --no-install-recommends ca-certificates git")
    server.type("git clone /srv/project.git /srv/rjsite/source")

    early = server.install()
    assert early.returncode == 1
    assert "run this again with --keys-are-kept" in early.stderr
    assert server.type("systemctl is-active rjsite@serve", check=False).stdout != "active\n"

    done = server.install("--keys-are-kept")

    # the machine for the copies of the backups does not accept the server's key yet
    assert done.returncode == 1, done.stdout
    assert "ssh-ed25519 " in done.stdout
    assert "daily run" in done.stdout


def test_backups_leave_the_machine_once_its_key_is_let_in(server: Server) -> None:
    server.type("useradd --create-home --home-dir /srv/copies copies")
    server.type("install -d -o copies /srv/copies/copies /srv/copies/.ssh")
    server.type("install -o copies /var/lib/rjsite/.ssh/id_ed25519.pub /srv/copies/.ssh/authorized_keys")

    done = server.install()

    assert done.returncode == 0, done.stdout + done.stderr
    assert " to do. This is rjsite " in done.stdout
    assert len(server.type("ls /srv/copies/copies/outbox-*.sqlite3").stdout.split()) >= 1


def test_the_site_answers_by_its_name_with_its_certificate(server: Server) -> None:
    assert server.ask("/")[:3] == "200"
    assert server.type(f"curl --silent --head http://{HOST}/").stdout.split()[1] == "301"
    assert server.ask("/readyz").startswith("200 ok")


def test_only_ssh_http_and_https_come_in(server: Server) -> None:
    allowed = re.findall(r"^(\d+)/tcp +ALLOW", server.run("ufw", "status").stdout, re.M)

    assert sorted(map(int, allowed)) == [22, 80, 443]
    assert "Unattended-Upgrade" in server.type("apt-config dump APT::Periodic").stdout


def test_a_form_reaches_the_team_and_nobody_else_can_read_it(server: Server) -> None:
    reference = server.send_form()

    assert str(FORM_A["about"]) in server.open_mail(reference)
    assert all(str(FORM_A["about"]).encode() not in mail.raw for mail in server.mail.received)


def test_a_backup_that_is_brought_back_sends_what_waited(server: Server) -> None:
    server.mail.stop()
    reference = server.send_form()
    server.run("systemctl", "start", "rjsite-daily")
    backup = server.type("ls /var/backups/rjsite/outbox-* | tail -n 1").stdout.strip()
    server.type("systemctl stop rjsite@serve && rm /var/lib/rjsite/outbox.sqlite3*")

    server.type(f"/srv/rjsite/current/deploy/restore.sh {backup}")
    server.mail.start()

    assert reference in server.type("rjsite outbox list").stdout
    server.type("rjsite mail check")
    assert str(FORM_A["about"]) in server.open_mail(reference)


def test_a_merged_story_arrives_and_a_broken_one_does_not(server: Server) -> None:
    server.write_story("a-merged-story", "2026-11-01")
    server.merge("A story")
    done = server.tick()
    assert done.returncode == 0, done.stderr
    assert server.shows("a-merged-story")

    server.write_story("a-broken-story", "")  # without a permission
    server.merge("A story without a permission")

    assert server.tick().returncode != 0
    assert not server.shows("a-broken-story")
    assert server.shows("a-merged-story")
    assert "a-broken-story" in server.type("rjsite doctor", check=False).stdout


def test_the_timer_takes_a_deleted_story_down_although_the_check_is_red(server: Server) -> None:
    server.story("a-merged-story").unlink()
    (server.project / "content" / "pages" / "accessibility.md").write_text("---\nno title\n")
    server.merge("A story is taken down, and a page is broken")
    before, end = server.ask("/accessibility"), time.monotonic() + MINUTES_OF_A_TICK * 60 + 60

    while True in server.shown_by("a-merged-story") and time.monotonic() < end:
        time.sleep(5)

    assert not server.shows("a-merged-story")
    assert server.ask("/accessibility") == before


def test_an_upgrade_and_the_way_back_do_not_bring_a_deleted_story_back(server: Server) -> None:
    first = server.run("readlink", "/srv/rjsite/current").stdout.strip().rpartition("/")[2].split(".")[0]
    with (server.project / "site" / "rjsite" / "app.py").open("a") as program:
        program.write("# A new version\n")
    second = server.merge("A new version")
    server.tick()
    assert "release" in server.type("rjsite doctor", check=False).stdout

    assert f"Running: {second}" in server.run(RELEASE, "main").stdout
    assert not server.shows("a-merged-story")

    assert f"Running: {first}" in server.run(RELEASE, first).stdout
    assert not server.shows("a-merged-story")
    server.run("systemctl", "restart", "rjsite@serve")
    server.type("curl --silent --retry 30 --retry-delay 1 --retry-connrefused http://127.0.0.1:8000/healthz")
    assert not server.shows("a-merged-story")


def test_settings_that_cannot_be_used_stop_a_release_and_not_the_site(server: Server) -> None:
    server.type("echo RJSITE_TEAM_EMIAL=x@mending.internal >>/etc/rjsite/environment")

    done = server.run(RELEASE, "main", check=False)

    assert "did you mean RJSITE_TEAM_EMAIL?" in done.stderr
    assert "Nothing has changed" in done.stderr
    assert server.ask("/readyz").startswith("200")
    server.type("sed -i '$d' /etc/rjsite/environment")


def test_a_second_run_of_the_script_changes_nothing(server: Server) -> None:
    shutil.rmtree(server.project)
    keep = "cat /etc/rjsite/environment; readlink /srv/rjsite/current; rjsite outbox status | grep number"
    before = server.type(keep).stdout

    server.install()

    assert server.type(keep).stdout == before
    assert server.ask("/readyz").startswith("200")
