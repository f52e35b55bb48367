"""Starts programs, waits until they answer, and stops them without touching other processes."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from support.forked import Forked, can_fork

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    """Return a loopback port that nothing listens on.

    The port is below the range for outgoing connections on Linux (from 32768), so that no browser is given
    the port before the server has started.
    """
    while True:
        port = random.randrange(11_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind((LOOPBACK, port))
            return port


def wait_until(true: Callable[[], bool], what: str, seconds: float = 20) -> None:
    """Return as soon as a condition is true, or fail and name the condition if that takes too long."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise TimeoutError(f"Waited {seconds:g} s for {what}")
        time.sleep(0.02)


def listens(port: int) -> bool:
    """Return whether something accepts connections on this port."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1):
            return True
    except OSError:
        return False


def in_a_child(work: Callable[[], bool]) -> bool:
    """Fork, call a function in the child, and return its result."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # about the other threads of the tests
        child = os.fork()
    if child == 0:
        done = False
        try:
            done = work()
        finally:
            os._exit(0 if done else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def run(
    command: Sequence[str], env: Mapping[str, str], seconds: float = 60, umask: int = -1
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    if not can_fork(command):
        return subprocess.run(
            list(command),
            env=dict(env),
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
            stdin=subprocess.DEVNULL,
            umask=umask,
        )
    with tempfile.TemporaryDirectory() as folder:
        output, errors = Path(folder, "output"), Path(folder, "errors")
        process = Forked(command, env, (output, errors), umask=umask)
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        return subprocess.CompletedProcess(list(command), status, output.read_text(), errors.read_text())


class Program:
    """A program in its own process group, with all its output in one file."""

    process: subprocess.Popen[bytes] | Forked

    def __init__(self, command: Sequence[str], log: Path, env: Mapping[str, str], user: str | None = None):
        """Start the program, as `user` if the program refuses to run as root."""
        self.log = log
        if can_fork(command):
            self.process = Forked(command, env, (log, log), log.parent)
            return
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=log.parent,
                env=dict(env),
                user=user,
                group=user,
                extra_groups=[] if user else None,
                start_new_session=True,
            )

    def wait_until(self, true: Callable[[], bool], what: str, seconds: float = 20) -> None:
        """Wait until a condition is true. If the program ends first, fail immediately with its output."""

        def true_or_ended() -> bool:
            if self.process.poll() is not None:
                raise RuntimeError(f"It ended before {what}. It said:\n{self.said()}")
            return true()

        try:
            wait_until(true_or_ended, what, seconds)
        except BaseException:
            self.stop(signal.SIGKILL)
            raise

    def said(self) -> str:
        """Return all output so far."""
        return self.log.read_text(errors="replace")

    def stop(self, how: signal.Signals = signal.SIGTERM, seconds: float = 20) -> int:
        """Stop the program and its children, and return the exit status."""
        if self.process.poll() is None:
            with suppress(ProcessLookupError):  # if it has just ended
                os.killpg(self.process.pid, how)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(seconds)
            raise
