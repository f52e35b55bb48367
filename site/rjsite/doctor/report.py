"""Runs every check and collects the results."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from rjsite.doctor import NotChecked, Site, content_checks, machine_checks, mail_checks

Check = Callable[[Site], Iterable[str]]

CHECKS: dict[str, Check] = {
    "settings": content_checks.check_settings,
    "version": content_checks.check_version,
    "running site": machine_checks.check_running_site,
    "address of the site": machine_checks.check_https,
    "mail to the team": mail_checks.check_sealing,
    "certificates and secrets": mail_checks.check_certificates,
    "outbox and sign-in": mail_checks.check_outbox,
    "content": content_checks.check_content,
    "merged content": content_checks.check_merged_content,
    "published pages": content_checks.check_published_pages,
    "units and timers": machine_checks.check_units,
    "Debian": machine_checks.check_debian,
    "daily run": content_checks.check_daily_run,
    "backup": machine_checks.check_backup,
    "disk": machine_checks.check_disk,
}


@dataclass
class Report:
    """The results of all checks.

    Attributes:
        to_do: a line for each thing that somebody has to do.
        not_checked: a line for each thing that could not be checked.
        passed: the names of the checks that found nothing.
    """

    to_do: list[str] = field(default_factory=list)
    not_checked: list[str] = field(default_factory=list)
    passed: list[str] = field(default_factory=list)


def run_checks(site: Site) -> Report:
    """Run all checks and return the results. A check that fails does not stop the others."""
    report = Report()
    with _as_owner_of(site.settings.data_dir):
        for name, check in CHECKS.items():
            lines = _lines_of(name, check, site)
            report.to_do += [line for line in lines if not isinstance(line, NotChecked)]
            report.not_checked += [line for line in lines if isinstance(line, NotChecked)]
            report.passed += [] if lines else [name]
    return report


def _lines_of(name: str, check: Check, site: Site) -> list[str]:
    lines: list[str] = []
    try:
        lines.extend(check(site))
    except PermissionError as error:
        lines.append(NotChecked(f"{name}: this user may not look at {error.filename}"))
    except Exception as error:  # whatever is broken, the other checks still run
        why = f"this check failed ({type(error).__name__})"
        if isinstance(error, OSError) and error.filename:
            why = f"{error.filename}: {error.strerror}"
        lines.append(f"{name}: {why}")
    return lines


@contextmanager
def _as_owner_of(folder: Path) -> Iterator[None]:
    """Run the checks as the owner of a folder if root started them, so that root owns no new file in it."""
    owner = None
    with suppress(OSError):  # for example a path that is too long, which the settings' faults name
        owner = folder.stat() if folder.is_dir() else None
    if os.geteuid() or owner is None:
        yield
        return
    os.setegid(owner.st_gid)
    os.seteuid(owner.st_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
