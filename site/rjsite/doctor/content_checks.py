"""Checks settings, versions, content, published pages and the daily run, and says what has to be done."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from rjsite import create_app
from rjsite.content import git_update
from rjsite.content.list_file import HIDDEN_STORIES, PUBLISHED_FOLDERS, ListFile
from rjsite.content.problem import Unreadable
from rjsite.doctor import Site
from rjsite.services import daily_run_warning
from rjsite.settings import ROOT, Settings
from rjsite.settings.file import FILE
from rjsite.web.live_content import LiveLibrary
from rjsite.web.publish import CURRENT, out_of_date

NEWEST_PYTHON = (3, 13)  # the newest version with which the site is tested
USUAL_FOLDER = Path("/var/lib/rjsite-published")

_PLACEHOLDER = re.compile(  # as in the project's examples and guides
    r"(?i:\bexample\.(?:org|com|net)\b|\.(?:example|invalid|test)\b|\byour-organisation\b)"
    r"|\b[A-Z]+-ID\b|\bADDRESS\b"
)
# A package that is installed on every system: its line in the lock file has no environment marker.
_PINNED = re.compile(r"^([\w.-]+)(?:\[[\w,-]+\])?==(\S+) \\$", re.MULTILINE)


def check_settings(site: Site) -> Iterator[str]:
    """Yield a line for each fault and each placeholder in the settings.

    In production, a line is also yielded for each secret file or folder that is open to others.
    """
    yield from site.faults
    for name, value in site.settings:
        text = " ".join(value) if name == "team_email" else value
        if isinstance(text, str) and (match := _PLACEHOLDER.search(text)):
            yield f"{Settings.name_of(name)}: write your own value in place of {match[0]}"
    own = site.settings
    files = Path(site.given.get(FILE, "")), own.mail_client_key, own.mail_oauth_client_key
    for file in files if own.production else ():
        if file and file.is_file() and file.stat().st_mode & 0o007:
            yield f"everybody on this machine can read {file}: chmod o= {file}"
    if own.production and own.data_dir.is_dir() and own.data_dir.stat().st_mode & 0o077:
        yield f"others on this machine can enter {own.data_dir}: chmod 700 {own.data_dir}"


def check_version(_site: Site) -> Iterator[str]:
    """Yield a line if the site was not tested with this version of Python or of a package."""
    if sys.version_info[:2] > NEWEST_PYTHON:
        python = sys.version.split()[0]
        yield f"the site was not tested with Python {python}: ask for a newer version of the site"
    pinned = _PINNED.findall((ROOT / "requirements.lock").read_text())
    others = [name for name, version in pinned if _installed(name) != version]
    if others:
        yield f"these packages are not the versions that were tested: {', '.join(others)}; release again"


def _installed(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def check_content(site: Site) -> Iterator[str]:
    """Yield a line for each problem that prevents content from being shown.

    A line is also yielded for each hidden story whose file is still in the project.
    """
    folder, data = site.settings.content_dir, site.settings.data_dir
    try:
        library = LiveLibrary(folder, production=site.settings.production, data=data).now()
    except Unreadable as unreadable:
        yield from map(str, unreadable.problems)
    else:
        yield from map(str, library.not_shown)
    for slug in sorted(ListFile(data, HIDDEN_STORIES).read()):
        if (folder / "case-studies" / f"{slug}.md").exists():
            yield (
                f"{slug} is hidden, and its file is still in the project: delete the file there, or show "
                f"the story again with “rjsite hide --undo {slug}”"
            )


def check_merged_content(site: Site) -> Iterator[str]:
    """Yield a line if merged content does not arrive, or a change to the program has to be released."""
    data, repository = site.settings.data_dir, site.settings.content_repository
    # check_content reports each problem
    yield from git_update.warnings(data, repository, with_mistakes=False)


def check_published_pages(site: Site) -> Iterator[str]:
    """Yield a line for each published folder in which pages are missing or out of date."""
    listed = ListFile(site.settings.data_dir, PUBLISHED_FOLDERS)
    names = listed.read()
    folders = set(map(Path, names))
    if site.settings.production and USUAL_FOLDER.is_dir():
        folders.add(USUAL_FOLDER)
    if not folders or site.faults:
        return
    app = create_app(site.settings)
    for folder in sorted(folders):
        if not (folder / CURRENT).is_dir():
            forget = f", or take the folder out of {listed.path}" if str(folder) in names else ""
            yield f"no pages are published in {folder}: rjsite publish {folder}{forget}"
        elif files := out_of_date(app, site.settings, folder):
            yield f"files out of date in {folder}: {len(files)} (such as {files[0]}): rjsite publish {folder}"


def check_daily_run(site: Site) -> Iterator[str]:
    """Yield a line if the last daily run failed or is overdue."""
    if line := daily_run_warning(site.settings.data_dir):
        yield line
