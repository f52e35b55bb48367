"""`rjsite` without the second that a new Python needs to import it: forked from a process that has done so.

The fork server is that of the standard library. What it forks is a process of its own: in a group of its own,
with the environment, folder and files that it is given, to be signalled, killed and waited for as any other.
All of them share their compiled templates, which take another third of a second.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from flask import Flask
from jinja2 import FileSystemBytecodeCache

# -P: the folder one stands in must not be on the import path.
RJSITE = [sys.executable, "-P", "-c", "import sys; from rjsite.cli import main; sys.exit(main())"]

_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(
    ["rjsite.app", "rjsite.cli", "rjsite.mail.check", "rjsite.server.serve", "sqlalchemy.dialects.sqlite"]
)


@cache
def _templates() -> str:
    """Return a folder for compiled templates; it goes when the tests have ended."""
    folder = mkdtemp(prefix="rjsite-templates-")
    atexit.register(shutil.rmtree, folder)
    return folder


def is_rjsite(command: Sequence[str]) -> bool:
    """Return whether a command is `rjsite` as it is, to be forked."""
    return list(command[: len(RJSITE)]) == RJSITE


class Forked:
    """A running `rjsite`, with what the tests use of `subprocess.Popen`."""

    def __init__(
        self,
        command: Sequence[str],
        env: Mapping[str, str],
        files: tuple[Path, Path],
        cwd: Path | None = None,
        umask: int = -1,
    ) -> None:
        """Start it; it adds its output to the first file and its errors to the second."""
        arguments = list(command[len(RJSITE) :])
        given = (arguments, dict(env), files, cwd or Path.cwd(), umask, _templates())
        self._process = _SERVER.Process(target=_run, args=given, daemon=True)
        self._process.start()
        self.pid = self._process.pid or 0
        with suppress(ProcessLookupError):  # where it has ended already
            while self.poll() is None and os.getpgid(self.pid) != self.pid:
                self._process.join(0.005)

    def poll(self) -> int | None:
        """Return its exit status, or None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Return its exit status once it has ended."""
        self._process.join(timeout)
        status = self.poll()
        if status is None:
            raise subprocess.TimeoutExpired("rjsite", timeout or 0)
        return status

    def send_signal(self, how: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self.pid, how)

    def kill(self) -> None:
        """End it with kill -9."""
        self.send_signal(signal.SIGKILL)


def _run(
    arguments: list[str], env: dict[str, str], files: tuple[Path, Path], cwd: Path, umask: int, templates: str
) -> None:
    """Become `rjsite`, in the process that was forked."""
    for number, file in enumerate(files, 1):
        os.dup2(os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644), number)
    os.chdir(cwd)
    if umask >= 0:
        os.umask(umask)
    os.setsid()  # last of these: whoever started it waits for this
    os.environ.clear()
    os.environ.update(env)
    sys.argv = ["-c", *arguments]
    Flask.jinja_options = {"bytecode_cache": FileSystemBytecodeCache(templates)}
    from rjsite.cli import main

    sys.exit(main())
