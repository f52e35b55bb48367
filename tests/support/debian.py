"""A small Debian server, made with debootstrap and booted with systemd-nspawn.

It has its own network, which slirp4netns connects to the outside, so that its firewall and ports are separate
from those of this machine. Its packages come from the sources of this machine's apt and pip.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from support.authority import Authority

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = {"debootstrap": "debootstrap", "systemd-nspawn": "systemd-container", "slirp4netns": "slirp4netns"}
HOST_AS_SEEN_INSIDE = "10.0.2.2"  # slirp4netns maps it to this machine's loopback
NAME_SERVER = "10.0.2.3"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
Done = subprocess.CompletedProcess[str]


def need_programs() -> None:
    """Fail with the command to run if a program is missing or the user is not root."""
    missing = [package for program, package in PROGRAMS.items() if not shutil.which(program)]
    if missing:
        raise FileNotFoundError(f"Run: sudo apt-get install --no-install-recommends {' '.join(missing)}")
    if os.geteuid():
        raise PermissionError("This job makes servers, which only root can do: sudo make install-test")


def empty_debian(suite: str) -> Path:
    """Return a folder with a minimal Debian, which is made on first use and kept in var/."""
    tree = ROOT / "var" / "install" / suite
    if not tree.exists():
        part = tree.with_name(f"{suite}.part")
        shutil.rmtree(part, ignore_errors=True)
        part.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["debootstrap", "--include=dbus,openssh-server", suite, part], check=True)
        part.rename(tree)
    return tree


def pip_settings(tree: Path) -> dict[str, str]:
    """Return this machine's pip settings as environment variables, and copy pip's CA file into the tree."""
    listed = [sys.executable, "-m", "pip", "config", "list"]
    lines = subprocess.run(listed, capture_output=True, text=True, check=True).stdout.splitlines()
    values = {line.partition("=")[0].rpartition(".")[2]: line.partition("=")[2].strip("'") for line in lines}
    settings = {}
    if index := values.get("index-url"):
        settings["PIP_INDEX_URL"] = index
    if certificates := values.get("cert"):
        shutil.copy(certificates, tree / "etc" / "pip.pem")
        settings["PIP_CERT"] = "/etc/pip.pem"
    return settings


class Machine:
    """A server, which is deleted when it is stopped."""

    def __init__(self, suite: str, folder: Path, authority: Authority) -> None:
        """Make the server from a minimal Debian, and make it trust this authority."""
        self.tree = folder / suite
        subprocess.run(["cp", "--archive", "--reflink=auto", empty_debian(suite), self.tree], check=True)
        self.env = {"PATH": PATH, "HOME": "/root", "LANG": "C.UTF-8", **pip_settings(self.tree)}
        self.env |= {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}
        self.write("/etc/resolv.conf", f"nameserver {NAME_SERVER}\n")
        self.write("/usr/local/share/ca-certificates/test.crt", authority.ca_file.read_text())
        self._programs: list[subprocess.Popen[bytes]] = []
        self.leader = 0

    def write(self, name: str, text: str) -> None:
        """Write a file on the server."""
        file = self.tree / name.lstrip("/")
        file.unlink(missing_ok=True)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def start(self) -> None:
        """Boot the server, and return when it is up and has a network."""
        options = "--quiet --boot --register=no --keep-unit --private-network --resolv-conf=off"
        options += " --console=read-only"
        nspawn = ["systemd-nspawn", *options.split(), "--directory", str(self.tree)]
        self._start(nspawn, SYSTEMD_NSPAWN_UNIFIED_HIERARCHY="1")
        self.leader = int(self._wait_for(self._child))
        self._start(["slirp4netns", "--configure", "--mtu=65520", str(self.leader), "tap0"])
        self._wait_for(lambda: self.run("ip", "-brief", "address", "show", "tap0", check=False).stdout)
        self.run("systemctl", "is-system-running", "--wait", check=False)

    def _start(self, command: list[str], **env: str) -> None:
        with self.tree.with_suffix(".log").open("ab") as log:
            program = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **env},
                start_new_session=True,
            )  # fmt: skip
        self._programs.append(program)

    def _child(self) -> str:
        return Path(f"/proc/{self._programs[0].pid}/task/{self._programs[0].pid}/children").read_text()

    def _wait_for(self, what: Callable[[], str], seconds: float = 90) -> str:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if answer := what():
                return answer
            time.sleep(0.5)
        raise TimeoutError(f"{self.tree.name} did not come up: see its log beside {self.tree}")

    def run(self, *command: str, check: bool = True, seconds: float = 900) -> Done:
        """Run a program on the server as root."""
        inside = ["nsenter", "-t", str(self.leader), "-m", "-u", "-i", "-p", "-n", "-r", "-w", *command]
        done = subprocess.run(
            inside, env=self.env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds,
            check=False,
        )  # fmt: skip
        if check and done.returncode:
            raise AssertionError(
                f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
            )
        return done

    def stop(self) -> None:
        """Stop and delete the server."""
        for program in reversed(self._programs):
            os.kill(program.pid, signal.SIGTERM)
            program.wait(60)
        subprocess.run(["rm", "--recursive", "--force", "--one-file-system", self.tree], check=False)
