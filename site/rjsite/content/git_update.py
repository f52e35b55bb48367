"""Fetches merged content from the branch main, without changing the program.

The folder `content-versions` in the data folder contains clones of the current and the previous commit. The
symbolic link `content` points into the current clone. The link is replaced atomically, so that nobody reads a
mixture of old and new content. The data folder outlives releases, so a removed story stays removed after a
rollback to an older version of the program.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import TypeAdapter

from rjsite.content.lock import locked

LINK, VERSIONS, RESULT = "content", "content-versions", "content-update"  # in the data folder
PROGRAM = ("site", "static", "templates", "deploy", "tools", "requirements.lock")  # replaced by releases only
OVERDUE = 2 * 60 * 60  # seconds
GIT_TIMEOUT = 300  # seconds, for each git command
GIT_ENV = {
    "LC_ALL": "C",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_SSH_COMMAND": "ssh -o BatchMode=yes -o ConnectTimeout=20",
    "GIT_OPTIONAL_LOCKS": "0",
}
_UNFINISHED = "part-"


class CannotFetch(Exception):
    """Raised if Git or another step of an update fails. The message gives the reason in one line."""


@dataclass(frozen=True)
class Update:
    """The result of the last run of `rjsite update-content`.

    Attributes:
        ended: when the run ended, in seconds since 1970.
        commit: the commit of main whose content is shown and published; empty if there is none.
        failure: why the newest content is not shown or not published; empty if nothing failed.
        not_shown: a line for each mistake that keeps the current version of a file from being shown.
        program: the files of the program that are different on main or exist only on main.
    """

    ended: float
    commit: str = ""
    failure: str = ""
    not_shown: tuple[str, ...] = ()
    program: tuple[str, ...] = ()

    def summary(self) -> str:
        """Return a line that names the commit and the time of the run."""
        when = f"{datetime.fromtimestamp(self.ended, UTC):%Y-%m-%d %H:%M} UTC"
        return f"the site shows {self.commit[:10] or 'nothing'} of main, as of {when}"

    def warnings(self, now: float, *, with_mistakes: bool = True) -> list[str]:
        """Return a line for each thing that somebody has to do. All mistakes in content share one line.

        Args:
            now: the current time, in seconds since 1970.
            with_mistakes: whether to include mistakes in content.
        """
        lines = []
        if self.failure:
            lines.append(f"the latest change to the content could not be put on the site: {self.failure}")
        elif now - self.ended > OVERDUE:
            hours = (now - self.ended) // 3600
            lines.append(
                f"content has not been fetched from main for {hours:.0f} hours: rjsite update-content"
            )
        if self.not_shown and with_mistakes:
            lines.append(f"a mistake keeps merged content from being shown: {_first_of(self.not_shown)}")
        if self.program:
            files = _first_of(self.program)
            lines.append(
                f"main has changes to the program that have not been released: {files}; run release.sh"
            )
        return lines


_UPDATE = TypeAdapter(Update)  # reads and writes it as JSON


def _first_of(lines: tuple[str, ...]) -> str:
    """Return the first line and the number of further lines."""
    return lines[0] + (f" and {len(lines) - 1} more" if lines[1:] else "")


def read_result(data: Path) -> Update | None:
    """Return the result of the last run, or None if it is missing or unreadable."""
    try:
        return _UPDATE.validate_json((data / RESULT).read_bytes())
    except (OSError, ValueError):
        return None


def write_result(data: Path, update: Update) -> None:
    """Save the result of a run."""
    part = data / f"{RESULT}.part"
    part.write_bytes(_UPDATE.dump_json(update))
    part.replace(data / RESULT)


@contextmanager
def update_lock(data: Path) -> Iterator[None]:
    """Wait for any other run to end, keep new runs out, and delete the leftovers of interrupted runs."""
    versions = data / VERSIONS
    versions.mkdir(mode=0o755, exist_ok=True)
    with locked(versions):
        for part in versions.glob(f"{_UNFINISHED}*"):
            _delete(part)
        yield


def _delete(old: Path) -> None:
    """Delete a clone, or a file or link that somebody left beside the clones.

    What cannot be deleted, because root made it, stays. It must not keep changed content away.
    """
    with suppress(OSError):
        if old.is_dir() and not old.is_symlink():
            shutil.rmtree(old)
        else:
            old.unlink()


def fetch_content(repository: str, data: Path) -> str:
    """Fetch the content of main, point the link to it, and return the commit.

    Raises:
        CannotFetch: if Git fails, if main or its pages are missing, or if `content` is a folder instead of
            a link. `content` then stays unchanged.
    """
    heads = _git("ls-remote", "--", repository, "refs/heads/main").split()
    if not heads:
        raise CannotFetch("the repository has no branch main")
    clone = data / VERSIONS / heads[0]
    if not clone.is_dir():
        clone = _clone(repository, data / VERSIONS)
    before = (data / LINK).resolve().parent
    in_use = (clone.resolve(), before)  # requests may still read the previous clone
    for old in (data / VERSIONS).iterdir():
        if old.resolve() not in in_use:
            _delete(old)
    if clone.resolve() != before:
        _switch_link(data, clone)
    return clone.name


def _clone(repository: str, versions: Path) -> Path:
    """Clone main, check its content out, and return the clone's folder, which is named after the commit."""
    part = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=versions))
    try:
        _fill(part, repository)
        clone = versions / _git("-C", str(part), "rev-parse", "HEAD").strip()
        os.sync()
        return clone if clone.is_dir() else part.rename(clone)
    except BaseException:  # an unfinished clone may fill the disk, and then no form could be stored
        _delete(part)
        raise


def _fill(part: Path, repository: str) -> None:
    """Clone main into an empty folder, and check its content out."""
    shape = ["--no-checkout", "--depth=1", "--single-branch", "--branch=main", "--no-tags", "--template="]
    _git("clone", "--quiet", *shape, "--", repository, str(part))
    # Symbolic links become small text files, which are then reported like any mistake in the content.
    _git("-C", str(part), "-c", "core.symlinks=false", "checkout", "--quiet", "HEAD", "--", "content")
    if not any((part / "content" / "pages").glob("*.md")):
        raise CannotFetch("main has no pages in content/pages; put them back")
    _git("-C", str(part), "read-tree", "HEAD")


def _switch_link(data: Path, clone: Path) -> None:
    """Point the link to a clone in one atomic step."""
    part = data / f"{LINK}.part"
    part.unlink(missing_ok=True)
    part.symlink_to(Path(VERSIONS, clone.name, "content"))
    try:
        part.replace(data / LINK)
    except IsADirectoryError:
        raise CannotFetch(f"{data / LINK} is a folder, and has to be a link; move it away") from None


def program_on_main(data: Path, root: Path) -> tuple[str, ...]:
    """Return the files of the program that are different on main or exist only on main.

    Args:
        root: the folder of the running version.
    """
    clone = (data / LINK).resolve().parent
    folders = f"--git-dir={clone / '.git'}", f"--work-tree={root}"
    names = _git(*folders, "-c", "core.fileMode=false", "diff", "--name-only", "-z", "HEAD", "--", *PROGRAM)
    return tuple(filter(None, names.split("\0")))


def _git(*arguments: str) -> str:
    """Run Git without environment variables of the site or of a Git hook, and return the output.

    Raises:
        CannotFetch: if Git is not installed, fails or takes too long.
    """
    ours = ("GIT_", "RJSITE_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)} | GIT_ENV
    try:
        done = subprocess.run(  # noqa: S603 (no shell, and an address that looks like an option is refused)
            ["git", *arguments],  # noqa: S607 (where git is depends on the system)
            env=environment,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=GIT_TIMEOUT,
            check=False,
        )
    except FileNotFoundError:
        raise CannotFetch("git is not installed") from None
    except subprocess.TimeoutExpired:
        raise CannotFetch(f"git had no answer within {GIT_TIMEOUT // 60} minutes") from None
    if done.returncode:
        why = " ".join(done.stderr.split())[:300]
        raise CannotFetch("".join(filter(str.isprintable, why)) or "git failed without a word")
    return done.stdout


def warnings(data: Path, repository: str, *, with_mistakes: bool = True) -> list[str]:
    """Return the warnings about content updates, or an empty list if no repository is set."""
    if not repository:
        return []
    update = read_result(data)
    if update is None:
        return ["no content has been fetched from main yet: rjsite update-content"]
    return update.warnings(time.time(), with_mistakes=with_mistakes)
