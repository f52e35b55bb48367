"""Fetches what was merged to the branch main, and lets the site read the content of it but never the program.

The data folder has a clone for each commit in `content-versions`, and the link `content` leads into one of
them. The link is replaced in one step, so nobody reads one half of the old content and one half of the new.
It is in the data folder because that outlives releases: a story that was removed stays removed when an older
version of the program is put back.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

LINK, VERSIONS, RESULT = "content", "content-versions", "content-update"  # in the data folder
PROGRAM = ("site", "static", "templates", "deploy", "tools", "requirements.lock")  # what a release replaces
OVERDUE = 2 * 60 * 60  # seconds
SECONDS = 300  # in which git has to answer
QUIET = {
    "LC_ALL": "C",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_SSH_COMMAND": "ssh -o BatchMode=yes -o ConnectTimeout=20",
    "GIT_OPTIONAL_LOCKS": "0",
}
_UNFINISHED = "part-"


class CannotFetch(Exception):
    """The content of main cannot be fetched. The message says why in one line."""


@dataclass(frozen=True)
class Update:
    """How the last run of `rjsite update-content` ended.

    Attributes:
        ended: when, in seconds since 1970.
        commit: the commit of main whose content is shown and published; empty if there was none.
        failure: why the newest content was not taken up, or not published; empty if it was.
        not_shown: a line for each mistake because of which something is not shown as its file has it now.
        program: the files of the program that are different on main.
    """

    ended: float
    commit: str = ""
    failure: str = ""
    not_shown: tuple[str, ...] = ()
    program: tuple[str, ...] = ()

    def summary(self) -> str:
        """Return what is shown, in one line."""
        when = f"{datetime.fromtimestamp(self.ended, UTC):%Y-%m-%d %H:%M} UTC"
        return f"{self.commit[:10] or 'nothing'} of main is taken up, as of {when}"

    def warnings(self, now: float, *, with_mistakes: bool = True) -> list[str]:
        """Return a line for each thing that somebody has to do; mistakes in the content have one together."""
        lines = []
        if self.failure:
            lines.append(f"the last change of the content could not be taken up: {self.failure}")
        elif now - self.ended > OVERDUE:
            hours = (now - self.ended) // 3600
            lines.append(f"nobody has asked main for changed content for {hours:.0f} hours (update-content)")
        if self.not_shown and with_mistakes:
            lines.append(f"a mistake keeps merged content from being shown: {_first_of(self.not_shown)}")
        if self.program:
            files = _first_of(self.program)
            lines.append(f"main has changes of the program that nobody has released: {files}; run release.sh")
        return lines


def _first_of(lines: tuple[str, ...]) -> str:
    """Return the first line, and how many there are besides."""
    return lines[0] + (f" and {len(lines) - 1} more" if lines[1:] else "")


def read_result(data: Path) -> Update | None:
    """Return how the last run ended; None if there was none, or nobody can tell."""
    try:
        stored = json.loads((data / RESULT).read_text(encoding="utf-8"))
        return Update(**{**stored, **{name: tuple(stored[name]) for name in ("not_shown", "program")}})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def write_result(data: Path, update: Update) -> None:
    """Write how this run ended."""
    part = data / f"{RESULT}.part"
    part.write_text(json.dumps(asdict(update)), encoding="utf-8")
    part.replace(data / RESULT)


@contextmanager
def alone(data: Path) -> Iterator[None]:
    """Wait until no other run is under way, and delete what an interrupted one left."""
    versions = data / VERSIONS
    versions.mkdir(mode=0o755, exist_ok=True)
    handle = os.open(versions, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        for part in versions.glob(f"{_UNFINISHED}*"):
            shutil.rmtree(part)
        yield
    finally:
        os.close(handle)


def take_up(repository: str, data: Path) -> str:
    """Let the link lead to the content of main, and return the commit.

    Raises:
        CannotFetch: if it still leads where it led before.
    """
    heads = _git("ls-remote", "--", repository, "refs/heads/main").split()
    if not heads:
        raise CannotFetch("the repository has no branch main")
    clone = data / VERSIONS / heads[0]
    if not clone.is_dir():
        clone = _clone(repository, data / VERSIONS)
    before = (data / LINK).resolve().parent
    for old in (data / VERSIONS).iterdir():
        if old.resolve() not in (clone.resolve(), before):  # the one before may be read until the next run
            shutil.rmtree(old)
    if clone.resolve() != before:
        _lead_to(data, clone)
    return clone.name


def _clone(repository: str, versions: Path) -> Path:
    """Return a folder with the content of main, named after its commit, once all of it is on disk."""
    part = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=versions))
    shape = ["--no-checkout", "--depth=1", "--single-branch", "--branch=main", "--no-tags", "--template="]
    _git("clone", "--quiet", *shape, "--", repository, str(part))
    # A symbolic link becomes a small text file, which is a mistake in the content like any other.
    _git("-C", str(part), "-c", "core.symlinks=false", "checkout", "--quiet", "HEAD", "--", "content")
    if not any((part / "content" / "pages").glob("*.md")):
        raise CannotFetch("main has no pages in content/pages, so this cannot be meant")
    _git("-C", str(part), "read-tree", "HEAD")
    clone = versions / _git("-C", str(part), "rev-parse", "HEAD").strip()
    os.sync()
    return clone if clone.is_dir() else part.rename(clone)


def _lead_to(data: Path, clone: Path) -> None:
    """Replace the link in one step."""
    part = data / f"{LINK}.part"
    part.unlink(missing_ok=True)
    part.symlink_to(Path(VERSIONS, clone.name, "content"))
    try:
        part.replace(data / LINK)
    except IsADirectoryError:
        raise CannotFetch(f"{data / LINK} is a folder, and has to be a link; move it away") from None


def program_on_main(data: Path, root: Path) -> tuple[str, ...]:
    """Return the files of the program that are different on main, or that only main has.

    Args:
        root: the folder of the version that runs.
    """
    clone = (data / LINK).resolve().parent
    folders = f"--git-dir={clone / '.git'}", f"--work-tree={root}"
    names = _git(*folders, "-c", "core.fileMode=false", "diff", "--name-only", "-z", "HEAD", "--", *PROGRAM)
    return tuple(filter(None, names.split("\0")))


def _git(*arguments: str) -> str:
    """Run git and return what it printed. It gets no setting of ours, and none that a hook of git sets."""
    ours = ("GIT_", "RJSITE_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)} | QUIET
    try:
        done = subprocess.run(  # noqa: S603 (no shell, and an address that looks like an option is refused)
            ["git", *arguments],  # noqa: S607 (where git is depends on the system)
            env=environment,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=SECONDS,
            check=False,
        )
    except FileNotFoundError:
        raise CannotFetch("git is not installed") from None
    except subprocess.TimeoutExpired:
        raise CannotFetch(f"git had no answer within {SECONDS // 60} minutes") from None
    if done.returncode:
        why = " ".join(done.stderr.split())[:300]
        raise CannotFetch("".join(filter(str.isprintable, why)) or "git failed without a word")
    return done.stdout


def warnings(data: Path, repository: str, *, with_mistakes: bool = True) -> list[str]:
    """Return what somebody has to do so that merged content arrives; nothing if no repository is set."""
    if not repository:
        return []
    update = read_result(data)
    if update is None:
        return ["no content was fetched from main yet: rjsite update-content"]
    return update.warnings(time.time(), with_mistakes=with_mistakes)
