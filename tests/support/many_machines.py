"""The site as on many machines: instances behind nginx as in deploy/, one database and a separate worker."""

from __future__ import annotations

import secrets
import signal
import socket
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from urllib.request import Request

from cryptography.fernet import Fernet

from rjsite.settings import ROOT
from support.authority import Authority
from support.nginx import Nginx
from support.processes import LOOPBACK, Program, free_port
from support.site_process import HTTP, Site
from support.visitor import Visitor

HOST = "www.example.org"  # the name in the examples in deploy/


class Instance(Site):
    """`rjsite serve` in production, which accepts requests only for its own host name."""

    def _lives(self) -> bool:
        try:
            with HTTP.open(Request(f"{self.base_url}/healthz", headers={"Host": HOST}), timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


class DistantVisitor(Visitor):
    """A visitor over HTTPS from a given address in 127.0.0.0/8."""

    def __init__(self, nginx: Nginx, authority: Authority, address: str) -> None:
        """Connect to this nginx from this address, and trust this authority."""
        super().__init__(nginx.base_url)
        self.address = address
        self.context = ssl.create_default_context(cafile=authority.ca_file)

    def _connection(self) -> HTTPConnection:
        line = socket.create_connection((LOOPBACK, self.port), 30, (self.address, 0))
        connection = HTTPSConnection(HOST, timeout=30, context=self.context)
        connection.sock = self.context.wrap_socket(line, server_hostname=HOST)
        return connection


def deployed_nginx(authority: Authority, *ports: int) -> str:
    """Return deploy/nginx.conf for `Nginx`, with a test certificate, for instances on these ports."""
    certificate = authority.sign(HOST)
    instance = "    server 127.0.0.1:8000 fail_timeout=2s;"
    changes = {
        instance: "\n".join(instance.replace("8000", str(port)) for port in ports),
        "/etc/rjsite/tls/fullchain.pem": str(certificate),
        "/etc/rjsite/tls/privkey.pem": str(certificate),
        "/var/log/nginx/error.log": "stderr",
        "/srv/rjsite/current": str(ROOT),
        "listen [": "# listen [",  # not every machine has IPv6
        "listen 80 ": f"listen {LOOPBACK}:{free_port()} ",
        "listen 443 ": "listen ${address} ",
    }
    text = (ROOT / "deploy" / "nginx.conf").read_text()
    for before, after in changes.items():
        assert before in text, f"deploy/nginx.conf has no {before}"
        text = text.replace(before, after)
    return text


class Machines:
    """Two instances and a worker, each of which can be restarted, and nginx."""

    def __init__(self, folder: Path, authority: Authority, **env: str) -> None:
        """Add these settings to the default ones on all machines."""
        self.authority = authority
        shared = {
            "RJSITE_MODE": "production",
            "RJSITE_SECRET_KEY": secrets.token_urlsafe(36),
            "RJSITE_OUTBOX_KEYS": Fernet.generate_key().decode(),
            "RJSITE_PUBLIC_URL": f"https://{HOST}",
            "RJSITE_TEAM_EMAIL": "team@example.org",
            "RJSITE_TRUSTED_PROXIES": "1",
            "RJSITE_DELIVER_IN_SERVER": "false",
            **env,
        }
        self.folder = folder
        self.instances: list[Instance] = []
        for name in ("one", "two"):
            (folder / name).mkdir()
            self.instances.append(Instance(folder / name, shared))
        self.worker: Program | None = None

    @contextmanager
    def running(self) -> Iterator[Machines]:
        """Start both instances at the same moment, then nginx. At the end, stop them and the worker."""
        ports = [instance.port for instance in self.instances]
        place = self.folder / "nginx"
        place.mkdir()
        try:
            with ThreadPoolExecutor() as pool:
                list(pool.map(Site.start, self.instances))
            with Nginx(place, deployed_nginx(self.authority, *ports), "https") as self.nginx:
                yield self
        finally:
            self.end_worker(signal.SIGTERM)
            for instance in self.instances:
                instance.terminate()

    def visitor(self, address: str) -> DistantVisitor:
        """Return a visitor from this address."""
        return DistantVisitor(self.nginx, self.authority, address)

    def start_worker(self) -> None:
        """Start `rjsite deliver`."""
        self.worker = self.instances[0].begin("deliver")

    def end_worker(self, how: signal.Signals) -> None:
        """Stop the worker if it was started."""
        if self.worker:
            self.worker.stop(how)

    def logs(self) -> str:
        """Return all logs."""
        return "".join(path.read_text(errors="replace") for path in self.folder.rglob("*log"))
