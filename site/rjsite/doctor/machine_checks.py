"""Checks the machine: the running site, its certificate, systemd units, updates, nginx, backups and disks."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from errno import EPERM
from http.client import HTTPConnection, HTTPException, InvalidURL
from pathlib import Path
from urllib.parse import urlsplit

from rjsite import full_version
from rjsite.content.file_checks import RESTART
from rjsite.content.list_file import PUBLISHED_FOLDERS, ListFile
from rjsite.doctor import NotChecked, Site
from rjsite.encryption.at_rest import CannotDecrypt
from rjsite.services import OVERDUE, make_outbox

SERVE, DELIVER = "rjsite@serve.service", "rjsite@deliver.service"
DAILY, CONTENT = "rjsite-daily.timer", "rjsite-content.timer"
WANTED = {"LoadState": "loaded", "ActiveState": "active", "UnitFileState": "enabled"}
WARN_BEFORE = 20 * 86400  # seconds; certbot renews a certificate thirty days before it expires
SYSTEMD = Path("/run/systemd/system")  # exists if systemd started the machine
WAIT = 5  # seconds
SMALL = 500_000_000  # bytes; this is enough for fifty thousand forms
FEW_FILES = 1000


def check_running_site(site: Site) -> Iterator[str]:
    """Yield a line if the running site reports a problem, needs a restart, is down or has another version."""
    if not site.settings.production:
        return
    host, port = site.given.get("HOST", "127.0.0.1"), site.given.get("PORT", "8000")
    if not port.isdecimal():
        yield "PORT: write a number, like 8000"
        return
    local = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 (nothing listens there)
    try:
        with closing(HTTPConnection(local, int(port), timeout=WAIT)) as connection:
            connection.request("GET", "/readyz")
            word, *details = connection.getresponse().read().decode(errors="replace").splitlines()
    except InvalidURL:
        yield "HOST: write a name or address of this machine, like 127.0.0.1"
        return
    except (OSError, ValueError, HTTPException):
        yield f"the site does not answer at {local}, port {port}: journalctl -u {SERVE}"
        return
    if word not in ("ok", "content"):  # another check reports problems in the content
        yield f"the running site says that something is wrong: {word}"
    for line in details:
        if RESTART in line:  # only the running process knows which forms and certificates it started with
            yield f"{line.partition(': ')[2]}: systemctl restart {SERVE}"
    versions = [line.removeprefix("version: ") for line in details if line.startswith("version: ")]
    if versions and versions[0] != full_version():
        versions_differ = f"the site is running {versions[0]}, but {full_version()} is installed"
        yield f"{versions_differ}: systemctl restart {SERVE}"


def check_units(site: Site) -> Iterator[str]:
    """Yield a line for each unit that has failed, is not running or will not start at boot."""
    if not site.settings.production:
        return
    if not SYSTEMD.is_dir():
        yield NotChecked("the systemd units, because systemd did not start this machine")
        return
    timers = [DAILY, CONTENT] if site.settings.content_repository else [DAILY]
    apart = not site.settings.deliver_in_server and site.settings.outbox_url.startswith("sqlite")
    if apart or _properties(DELIVER, "UnitFileState").get("UnitFileState") == "enabled":
        yield from _faults_of_unit(DELIVER)
    for unit in (SERVE, *timers):
        yield from _faults_of_unit(unit)
    for timer in timers:
        service = timer.replace(".timer", ".service")
        if (result := _properties(service, "Result").get("Result", "success")) != "success":
            yield f"{service} failed the last time ({result}): journalctl -u {service}"


def _faults_of_unit(unit: str) -> Iterator[str]:
    """Yield a line if a unit is not installed, is not active or will not start at boot."""
    properties = _properties(unit, *WANTED)
    if properties.get("LoadState") != "loaded":
        yield f"{unit} is not installed ({properties.get('LoadState')}): deploy/install.sh"
    elif properties.get("ActiveState") != "active":
        yield f"{unit} is not running ({properties.get('ActiveState')}): systemctl enable --now {unit}"
    elif properties.get("UnitFileState") != "enabled":
        yield f"{unit} does not start at boot: systemctl enable {unit}"


def _properties(unit: str, *names: str) -> dict[str, str]:
    text = _printed("systemctl", "show", f"--property={','.join(names)}", unit)
    if text is None:
        raise PermissionError(EPERM, "systemctl refused", unit)
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def _printed(*command: str) -> str | None:
    """Return the output of a program, or None if it failed."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=WAIT, check=False)  # noqa: S603
    return None if done.returncode else done.stdout.strip()


def check_debian(site: Site) -> Iterator[str]:
    """Yield a line if security updates are not automatic, or the settings do not count nginx as a proxy."""
    if not site.settings.production or not SYSTEMD.is_dir():
        return
    if shutil.which("apt-config"):
        periodic = _printed("apt-config", "dump", "--format=%v", "APT::Periodic::Unattended-Upgrade") or "0"
        if periodic == "0" or not shutil.which("unattended-upgrade"):
            yield "security updates are not automatic: install and configure unattended-upgrades"
    nginx = _properties("nginx", "ActiveState").get("ActiveState")
    if nginx == "active" and not site.settings.trusted_proxies:
        yield "RJSITE_TRUSTED_PROXIES: set it to 1, because all visitors share one limit behind nginx"


def check_https(site: Site) -> Iterator[str]:
    """Yield a line if visitors cannot reach the site under its name, or soon will not be able to."""
    url = urlsplit(site.settings.public_url)
    if not site.settings.production or not site.settings.https or not url.hostname:
        return
    try:
        address = url.hostname, url.port or 443
        with (
            socket.create_connection(address, WAIT) as connection,
            ssl.create_default_context().wrap_socket(connection, server_hostname=url.hostname) as encrypted,
        ):
            ends = ssl.cert_time_to_seconds(str((encrypted.getpeercert() or {})["notAfter"]))
    except ssl.SSLCertVerificationError as error:
        yield f"browsers refuse the certificate of {url.hostname}: {error.verify_message}"
        return
    except OSError as error:
        why = error.strerror or error
        yield f"nothing answers at {site.settings.public_url} ({why}): look at nginx, the firewall and DNS"
        return
    if ends - time.time() < WARN_BEFORE:
        day = f"{datetime.fromtimestamp(ends, UTC):%-d %B %Y}"
        yield f"the certificate of {url.hostname} expires on {day}: certbot renew"


def check_backup(site: Site) -> Iterator[str]:
    """Yield a line if backups are missing or not copied elsewhere, or the newest is old or cannot be used."""
    folder = site.settings.backup_dir
    if not site.settings.production:
        return
    if site.given.get("BACKUP_TARGET") == "none":
        yield "backups are kept only on this machine, and would be lost with it: set BACKUP_TARGET"
    backups = sorted(folder.iterdir()) if folder.is_dir() else []
    backups = [path for path in backups if path.name.startswith("outbox-")]
    if not backups:
        yield f"there is no backup in {folder}: systemctl start rjsite-daily"
        return
    newest = backups[-1]
    hours = (time.time() - newest.stat().st_mtime) / 3600
    if hours * 3600 > OVERDUE:
        yield f"the newest backup, {newest.name}, is {hours:.0f} hours old: systemctl start rjsite-daily"
    if why := _sqlite_fault(site, newest) if newest.suffix == ".sqlite3" else _dump_fault(newest):
        yield f"the newest backup, {newest.name}, {why}: systemctl start rjsite-daily"


def _sqlite_fault(site: Site, file: Path) -> str:
    """Return why an SQLite backup cannot be used, or "". The file is only read."""
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro&immutable=1", uri=True)) as database:
            if database.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
                return "is damaged"
            rows = database.execute("SELECT sealed FROM outbox WHERE sealed IS NOT NULL").fetchall()
    except sqlite3.Error:
        return "cannot be read"
    cipher = make_outbox(site.settings).cipher
    try:
        for (sealed,) in rows:
            cipher.rotate(sealed)
    except CannotDecrypt:
        return "contains mail that no key in RJSITE_OUTBOX_KEYS decrypts"
    return ""


def _dump_fault(file: Path) -> str:
    with file.open("rb") as dump:
        dump.seek(max(0, file.stat().st_size - 1000))
        whole = b"-- PostgreSQL database dump complete" in dump.read()
    return "" if whole else "is incomplete"


def check_disk(site: Site) -> Iterator[str]:
    """Yield a line for each nearly full disk on which the site has a folder."""
    published = map(Path, ListFile(site.settings.data_dir, PUBLISHED_FOLDERS).read())
    seen = set()
    for folder in (site.settings.data_dir, *sorted(published), site.settings.backup_dir):
        if not folder.is_dir() or folder.stat().st_dev in seen:
            continue
        seen.add(folder.stat().st_dev)
        disk = os.statvfs(folder)
        free = disk.f_bavail * disk.f_frsize
        if free < SMALL:
            yield f"the disk with {folder} is nearly full: only {free // 1_000_000} MB left"
        elif disk.f_files and disk.f_favail < FEW_FILES:
            yield f"the disk with {folder} has room for only {disk.f_favail} more files"
