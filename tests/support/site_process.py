"""The site as a separate process that tests can kill and restart."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Self
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, build_opener

from cryptography.fernet import Fernet

from support.forked import RJSITE as RJSITE  # the tests import it from here, too
from support.processes import LOOPBACK, Program, free_port, run
from support.service import SERVICE

HTTP = build_opener(ProxyHandler({}))


def with_constants(module: str, **seconds: float) -> list[str]:
    """Return RJSITE with other values for a module's constants, to shorten times too long for a test."""
    *python, program = RJSITE
    changes = "".join(f"m.{name} = {value}; " for name, value in seconds.items())
    return [*python, f"import {module} as m; {changes}{program}"]


def production_settings(content: Path) -> dict[str, str]:
    """Return settings for production with the given content folder. No mail can be delivered with them."""
    return {
        "RJSITE_MODE": "production",
        "RJSITE_CONTENT_DIR": str(content),
        "RJSITE_SECRET_KEY": "kT4vQ8zL1xW6mN3bR9yC2hF7jD5gS0pA",
        "RJSITE_OUTBOX_KEYS": Fernet.generate_key().decode(),
        "RJSITE_PUBLIC_URL": f"https://{LOOPBACK}",
        "RJSITE_TEAM_EMAIL": "team@mending.example",
        "RJSITE_MAIL_SERVER": "localhost",
        "RJSITE_MAIL_PORT": "9",
        "RJSITE_MAIL_DEFAULT_SENDER": "site@mending.example",
    }


class Site:
    """`rjsite serve`, or another `command`, on a loopback port. The data folder is kept across restarts."""

    def __init__(self, folder: Path, env: Mapping[str, str] | None = None) -> None:
        """Choose a port. `env` has RJSITE_ settings; by default the mode is development."""
        self.port = free_port()
        self.base_url = f"http://{LOOPBACK}:{self.port}"
        self.data_dir = folder / "var"
        self.mail_folder = self.data_dir / "mail"
        self.data_dir.mkdir(mode=0o700, exist_ok=True)
        self._log = folder / "site.log"
        self.env = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(folder),
            "LC_ALL": "C.UTF-8",
            "HOST": LOOPBACK,
            "PORT": str(self.port),
            "RJSITE_MODE": "development",
            "RJSITE_DATA_DIR": str(self.data_dir),
            "RJSITE_CONTENT_DIR": str(SERVICE),
            "RJSITE_DELIVER_PER_MINUTE": "60000",  # by default, emails are 2.4 seconds apart
            **(env or {}),
        }
        self.command = [*RJSITE, "serve"]
        self.before: list[str] = []  # prefix of the command from the next start on
        self._server: Program | None = None
        self._log_from = 0

    def start(self, seconds: float = 30) -> Self:
        """Start the server, and return when it answers."""
        self._server = Program([*self.before, *self.command], self._log, self.env)
        self._server.wait_until(self._lives, "the site answered /healthz", seconds)
        return self

    def kill(self) -> None:
        """Kill the server with SIGKILL, as a power cut would."""
        self._stop(signal.SIGKILL)

    def terminate(self) -> int:
        """Ask the server to stop, and return its exit status."""
        return self._stop(signal.SIGTERM)

    def restart(self) -> Self:
        """Restart on the same port and data, whether or not the server is running."""
        self.terminate()
        return self.start()

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.terminate()

    def run(self, *arguments: str, seconds: float = 60) -> subprocess.CompletedProcess[str]:
        """Run another `rjsite` command with the same settings, such as `run("outbox", "list")`."""
        return run([*RJSITE, *arguments], self.env, seconds)

    def begin(self, *arguments: str) -> Program:
        """Start another `rjsite` command, such as `begin("deliver")`, which the caller has to stop."""
        return Program([*RJSITE, *arguments], self._log.with_name("-".join(arguments) + ".log"), self.env)

    @property
    def process_id(self) -> int:
        """Return the process ID of the running server."""
        assert self._server, "The site is not running"
        return self._server.process.pid

    @property
    def ended(self) -> bool:
        """Return whether the server has ended by itself."""
        return self._server is not None and self._server.process.poll() is not None

    @property
    def log(self) -> str:
        """Return the log since the first start, or since `forget_log`."""
        return self._log.read_bytes()[self._log_from :].decode(errors="replace")

    def forget_log(self) -> None:
        """Exclude earlier lines from `log`, because another test may have caused them."""
        self._log_from = self._log.stat().st_size

    @property
    def mails(self) -> list[Path]:
        """Return the .eml files written so far, sorted by name."""
        return sorted(self.mail_folder.glob("*.eml"))

    def _stop(self, how: signal.Signals) -> int:
        server, self._server = self._server, None
        return server.stop(how) if server else 0

    def _lives(self) -> bool:
        try:
            with HTTP.open(f"{self.base_url}/healthz", timeout=2) as answer:
                return bool(answer.status == 200)
        except HTTPError as refusal:
            raise RuntimeError(f"/healthz answered {refusal.code}") from refusal
        except (URLError, OSError):
            return False
