"""Finds the programs that the tests run, and installs missing ones.

    python3 tests/support/needs.py           for `make test`
    python3 tests/support/needs.py listen    for `make listen`

As root, or if sudo needs no password, it installs them with apt. Otherwise it prints the command to run and
fails, because a test without its program would prove nothing. It uses only the standard library.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Need:
    """A program, the packages that contain it (the first one that apt knows is used) and how to find it."""

    what: str
    packages: tuple[str, ...]
    find: Callable[[], str | None]


def on_path(*names: str) -> Callable[[], str | None]:
    """Return a function that finds the first of these programs, in the folders of root's path too."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"])
    return lambda: next((found for name in names if (found := shutil.which(name, path=path))), None)


def find_postgres() -> str | None:
    """Find the newest PostgreSQL server. Debian does not put its programs on the path."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return str(found[-1]) if found else on_path("initdb")()


def find_brotli() -> str | None:
    """Find the nginx module that sends files compressed with Brotli in advance."""
    path = Path("/usr/lib/nginx/modules/ngx_http_brotli_static_module.so")
    return str(path) if path.is_file() else None


def find_accessibility_bus() -> str | None:
    """Find the program that connects browsers with screen readers. The session bus starts it."""
    return shutil.which("at-spi-bus-launcher", path="/usr/libexec:/usr/lib/at-spi2-core")


find_chromium = on_path("chromium", "chromium-browser", "google-chrome")


def find_windowless() -> str | None:
    """Find headless Chromium, which is three times as fast, or any Chromium if apt lists no headless one."""
    found = on_path("chromium-headless-shell")()
    return found or (None if apt_knows("chromium-headless-shell") else find_chromium())


CHROMIUM = Need("Chromium", ("chromium", "chromium-browser"), find_chromium)
FIREFOX = Need("Firefox", ("firefox-esr", "firefox"), on_path("firefox-esr", "firefox"))
NEEDS = (
    CHROMIUM,
    Need("Chromium without windows", ("chromium-headless-shell",), find_windowless),
    FIREFOX,
    Need("PostgreSQL server", ("postgresql",), find_postgres),
    Need("Redis server", ("redis-server",), on_path("redis-server")),
    Need("nginx", ("nginx-light", "nginx"), on_path("nginx")),
    Need("nginx's Brotli", ("libnginx-mod-http-brotli-static",), find_brotli),
    Need("npm", ("npm",), on_path("npm")),
    Need("openssl", ("openssl",), on_path("openssl")),
    Need("strace", ("strace",), on_path("strace")),
    Need("Caddy", ("caddy",), on_path("caddy")),
    Need("rsync", ("rsync",), on_path("rsync")),
    Need("sqlite3", ("sqlite3",), on_path("sqlite3")),
    Need("curl", ("curl",), on_path("curl")),
    Need("shellcheck", ("shellcheck",), on_path("shellcheck")),
    Need("systemd-analyze", ("systemd",), on_path("systemd-analyze")),
)
TO_LISTEN = (
    CHROMIUM,
    FIREFOX,
    Need("Orca", ("orca",), on_path("orca")),
    Need("Xvfb", ("xvfb",), on_path("Xvfb")),
    Need("dbus-daemon", ("dbus",), on_path("dbus-daemon")),
    Need("at-spi2-core", ("at-spi2-core",), find_accessibility_bus),
    Need("matchbox-window-manager", ("matchbox-window-manager",), on_path("matchbox-window-manager")),
    Need("xdotool", ("xdotool",), on_path("xdotool")),
)


def program(what: str) -> str:
    """Return the path of one of the programs above, or fail if it is missing."""
    need = next(need for need in NEEDS + TO_LISTEN if need.what == what)
    found = need.find()
    if not found:
        job = "" if need in NEEDS else " listen"
        raise FileNotFoundError(f"{what} is not installed. Run: python3 tests/support/needs.py{job}")
    return found


def missing(needs: tuple[Need, ...]) -> list[Need]:
    """Return the needs that are missing."""
    return [need for need in needs if not need.find()]


def main(job: str = "") -> int:
    """Find or install everything that `make test`, or another job, needs, and return the exit status."""
    needs = TO_LISTEN if job == "listen" else NEEDS
    lacking = missing(needs)
    if not lacking:
        return 0
    print("The tests need " + ", ".join(need.what for need in lacking) + ".", flush=True)
    as_root = how_to_become_root()
    if as_root is not None and shutil.which("apt-get"):
        script = Path(__file__).with_name("install.sh")
        subprocess.run([*as_root, "sh", str(script), *packages(lacking)], check=False)
        lacking = missing(needs)
    if lacking:
        command = "sudo apt-get install --no-install-recommends " + " ".join(packages(lacking))
        print(
            f"Still missing. Run this, then try again:\n  sudo apt-get update\n  {command}", file=sys.stderr
        )
    return 1 if lacking else 0


def packages(needs: list[Need]) -> list[str]:
    """Return the packages to install: for each need, the first one that apt knows."""
    return [next(filter(apt_knows, need.packages), need.packages[0]) for need in needs]


def apt_knows(package: str) -> bool:
    """Return whether apt lists this package; Ubuntu's names for the browsers differ from Debian's."""
    asked = ["apt-cache", "show", "--quiet=2", package]
    return bool(
        shutil.which("apt-cache") and subprocess.run(asked, capture_output=True, check=False).returncode == 0
    )


def how_to_become_root() -> list[str] | None:
    """Return the prefix that runs a command as root, or None if that is not possible."""
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if sudo and subprocess.run([sudo, "-n", "true"], capture_output=True, check=False).returncode == 0:
        return [sudo, "-n"]
    return None


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
