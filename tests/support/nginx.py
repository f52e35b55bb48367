"""nginx with a given configuration, on a loopback port."""

from __future__ import annotations

import os
from pathlib import Path
from string import Template
from typing import Self

from support.needs import program
from support.processes import LOOPBACK, Program, free_port, listens

# Without these paths, nginx would write to the system's folders.
WHOLE = Template("""\
daemon off;
worker_processes 1;
pid $folder/pid;
error_log stderr warn;
load_module $brotli;
$user
events { worker_connections 256; }
http {
    access_log off;
    client_body_temp_path $folder/body;
    proxy_temp_path $folder/proxy;
    fastcgi_temp_path $folder/fastcgi;
    uwsgi_temp_path $folder/uwsgi;
    scgi_temp_path $folder/scgi;
$http
}
""")


class Nginx:
    """nginx for one test. `${address}` in the given text is replaced by the address to listen on."""

    def __init__(self, folder: Path, http: str, scheme: str = "http") -> None:
        """Use this text for `http { }`, and this folder for the files that nginx writes."""
        self.port = free_port()
        self.base_url = f"{scheme}://localhost:{self.port}"
        self._folder = folder
        # Otherwise the workers would give up root's rights and could not read pytest's folders.
        user = "user root;" if os.geteuid() == 0 else ""
        inside = Template(http).safe_substitute(address=f"{LOOPBACK}:{self.port}")
        self._file = folder / "nginx.conf"
        self._file.write_text(
            WHOLE.substitute(folder=folder, http=inside, user=user, brotli=program("nginx's Brotli"))
        )

    def __enter__(self) -> Self:
        """Start nginx."""
        command = [program("nginx"), "-p", str(self._folder), "-e", "stderr", "-c", str(self._file)]
        self._server = Program(command, self._folder / "log", {"PATH": os.defpath})
        self._server.wait_until(lambda: listens(self.port), "nginx answered")
        return self

    def __exit__(self, *_: object) -> None:
        """Stop nginx."""
        self._server.stop()

    def said(self) -> str:
        """Return the log."""
        return self._server.said()
