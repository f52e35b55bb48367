"""Python without the second that it needs to import the site: forked from a process that has done so.

The fork server is that of the standard library. What it forks is a process of its own: in a group of its own,
with the environment, folder and files that it is given, to be signalled, killed and waited for as any other.
All of them share their compiled templates, which take another third of a second.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import runpy
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

# Commands that begin so are forked. -P: the folder one stands in must not be on the import path.
PYTHON = [sys.executable, "-P"]
RJSITE = [*PYTHON, "-c", "import sys; from rjsite.cli import main; sys.exit(main())"]

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


def can_fork(command: Sequence[str]) -> bool:
    """Return whether a command is one of Python, with -c or -m, to be forked."""
    return list(command[:2]) == PYTHON and command[2] in ("-c", "-m")


class Forked:
    """A command of Python that runs, with what the tests use of `subprocess.Popen`."""

    def __init__(
        self,
        command: Sequence[str],
        env: Mapping[str, str],
        files: tuple[Path, Path],
        cwd: Path | None = None,
        umask: int = -1,
    ) -> None:
        """Start it; it adds its output to the first file and its errors to the second."""
        self._command = list(command)
        given = (self._command[2:], dict(env), files, cwd or Path.cwd(), umask, _templates())
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
            raise subprocess.TimeoutExpired(self._command, timeout or 0)
        return status

    def send_signal(self, how: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self.pid, how)

    def kill(self) -> None:
        """End it with kill -9."""
        self.send_signal(signal.SIGKILL)


def _run(
    command: list[str], env: dict[str, str], files: tuple[Path, Path], cwd: Path, umask: int, templates: str
) -> None:
    """Become the command, in the process that was forked."""
    for number, file in enumerate(files, 1):
        os.dup2(os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644), number)
    os.chdir(cwd)
    if umask >= 0:
        os.umask(umask)
    os.setsid()  # last of these: whoever started it waits for this
    os.environ.clear()
    os.environ.update(env)
    Flask.jinja_options = {"bytecode_cache": FileSystemBytecodeCache(templates)}
    option, program, *sys.argv[1:] = command
    sys.argv[0] = option
    try:
        if option == "-m":
            runpy.run_module(program, run_name="__main__", alter_sys=True)
        else:
            exec(program, {"__name__": "__main__"})
    finally:
        atexit._run_exitfuncs()  # what multiprocessing starts ends without them
