"""PostgreSQL and Redis servers, each on a loopback port with its own folder."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from itertools import count
from pathlib import Path
from typing import Self

import psycopg

from support.needs import program
from support.processes import LOOPBACK, Program, free_port

ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C.UTF-8"}


class Postgres:
    """A PostgreSQL server. Each call of `new_database` creates an empty database."""

    def __init__(self) -> None:
        """Choose a port, a folder and, because PostgreSQL refuses to run as root, a user."""
        self.port = free_port()
        self._user = "postgres" if os.geteuid() == 0 else None
        # This is not pytest's folder, which other users cannot read and whose path is too long for a socket.
        self._folder = Path(tempfile.mkdtemp(prefix="rjsite-pg-"))
        self._numbers = count(1)

    def __enter__(self) -> Self:
        """Create the cluster and start the server."""
        if self._user:
            owner = pwd.getpwnam(self._user)
            os.chown(self._folder, owner.pw_uid, owner.pw_gid)
        data = self._folder / "data"
        initdb = Path(program("PostgreSQL server"))
        # No password is needed: the server listens on loopback only, and has only the data of one test run.
        self._run([str(initdb), "-D", str(data), "-U", "rjsite", "-A", "trust", "-E", "UTF8", "--no-sync"])
        quick = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
        places = (f"listen_addresses={LOOPBACK}", f"unix_socket_directories={self._folder}")
        options = [part for setting in (*quick, *places) for part in ("-c", setting)]
        command = [str(initdb.with_name("postgres")), "-D", str(data), "-p", str(self.port), *options]
        self._server = Program(command, self._folder / "log", ENVIRONMENT, self._user)
        self._server.wait_until(self._answers, "PostgreSQL answered")
        return self

    def __exit__(self, *_: object) -> None:
        """Stop without waiting for open connections, and delete the folder."""
        self._server.stop(signal.SIGINT)
        shutil.rmtree(self._folder)

    def new_database(self) -> str:
        """Create an empty database and return its SQLAlchemy URL."""
        name = f"rjsite_{next(self._numbers)}"
        with psycopg.connect(self._address("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        return self._address(name).replace("postgresql://", "postgresql+psycopg://")

    def _address(self, database: str) -> str:
        return f"postgresql://rjsite@{LOOPBACK}:{self.port}/{database}"

    def _answers(self) -> bool:
        try:
            psycopg.connect(self._address("postgres"), connect_timeout=1).close()
        except psycopg.OperationalError:
            return False
        return True

    def _run(self, command: list[str]) -> None:
        done = subprocess.run(
            command,
            user=self._user,
            group=self._user,
            extra_groups=[] if self._user else None,
            cwd=self._folder,
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{command[0]} failed:\n{done.stdout}{done.stderr}")


class Redis:
    """A Redis server that writes nothing to disk."""

    def __init__(self, folder: Path) -> None:
        """Choose a port. The server's log is written to the folder."""
        self.port = free_port()
        self.url = f"redis://{LOOPBACK}:{self.port}/0"
        self._folder = folder

    def __enter__(self) -> Self:
        """Start the server."""
        keep_nothing = ["--save", "", "--appendonly", "no", "--dir", str(self._folder)]
        place = ["--bind", LOOPBACK, "--port", str(self.port)]
        command = [program("Redis server"), *place, *keep_nothing]
        self._server = Program(command, self._folder / "log", ENVIRONMENT)
        self._server.wait_until(lambda: self._ask("PING") == b"+PONG\r\n", "Redis answered")
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the server."""
        self.stop()

    def empty(self) -> None:
        """Delete all keys."""
        self._ask("FLUSHALL")

    def stop(self) -> None:
        """Stop the server; safe to call twice."""
        self._server.stop()

    def signal(self, what: signal.Signals) -> None:
        """Make the server hang (SIGSTOP), continue (SIGCONT) or die. Nothing happens if it has ended."""
        self._server.process.send_signal(what)

    def _ask(self, words: str) -> bytes:
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=2) as line:
                line.sendall(words.encode() + b"\r\n")
                return line.recv(100)
        except OSError:
            return b""
