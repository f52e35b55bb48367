"""Runs Python commands quickly, by forking a process that has already imported the site.

The fork server is the standard library's. Each forked process has its own process group, environment,
folder and files, and can be signalled, killed and waited for like any other. They share compiled templates,
which saves another third of a second.
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

# Commands that begin like this are forked. -P keeps the current folder off the import path.
PYTHON = [sys.executable, "-P"]
RJSITE = [*PYTHON, "-c", "import sys; from rjsite.cli import main; sys.exit(main())"]

_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(
    [
        *("rjsite.app", "rjsite.cli", "rjsite.mail.check", "rjsite.server.serve", "rjsite.web.publish"),
        # what they import only when it is needed
        *("email_validator", "encodings.idna", "flask.testing", "redis"),
        *("sqlalchemy.dialects.sqlite", "sqlalchemy.dialects.postgresql.psycopg", "psycopg"),
    ]
)


@cache
def _templates() -> str:
    """Return a folder for compiled templates, which is deleted after the tests."""
    folder = mkdtemp(prefix="rjsite-templates-")
    atexit.register(shutil.rmtree, folder)
    return folder


def can_fork(command: Sequence[str]) -> bool:
    """Return whether a command runs Python with -c or -m, and so can be forked."""
    return list(command[:2]) == PYTHON and command[2] in ("-c", "-m")


class Forked:
    """A running Python command, with the methods of `subprocess.Popen` that the tests use."""

    def __init__(
        self,
        command: Sequence[str],
        env: Mapping[str, str],
        files: tuple[Path, Path],
        cwd: Path | None = None,
        umask: int = -1,
    ) -> None:
        """Start the command. It appends its output to the first file and its errors to the second."""
        self._command = list(command)
        given = (self._command[2:], dict(env), files, cwd or Path.cwd(), umask, _templates())
        self._process = _SERVER.Process(target=_run, args=given, daemon=True)
        self._process.start()
        self.pid = self._process.pid or 0
        with suppress(ProcessLookupError):  # if it has already ended
            while self.poll() is None and os.getpgid(self.pid) != self.pid:
                self._process.join(0.005)

    def poll(self) -> int | None:
        """Return the exit status, or None while the process is running."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the process to end, and return its exit status."""
        self._process.join(timeout)
        status = self.poll()
        if status is None:
            raise subprocess.TimeoutExpired(self._command, timeout or 0)
        return status

    def send_signal(self, how: signal.Signals) -> None:
        """Send a signal to the process."""
        os.kill(self.pid, how)

    def kill(self) -> None:
        """Kill the process with SIGKILL."""
        self.send_signal(signal.SIGKILL)


def _run(
    command: list[str], env: dict[str, str], files: tuple[Path, Path], cwd: Path, umask: int, templates: str
) -> None:
    """Run the command in the forked process."""
    for number, file in enumerate(files, 1):
        os.dup2(os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644), number)
    os.chdir(cwd)
    if umask >= 0:
        os.umask(umask)
    os.setsid()  # last, because the parent waits for this
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
        atexit._run_exitfuncs()  # multiprocessing does not run them
