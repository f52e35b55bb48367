"""Install exactly what the lock files pin into .venv, and add the command `rjsite`.

    python3 tools/prepare.py run    packages for the site
    python3 tools/prepare.py dev    packages for the site, the tests and the checks

It is quick if nothing has changed. It uses only the standard library, because it runs before anything is
installed, and only syntax that an old Python can parse, so that an old Python can say that it is too old.
deploy/prepare.py links here, because the release.sh of each version looks for it there.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, NoReturn  # noqa: UP035 - Python 3.8 must be able to read this file

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "prepared.json"
LOCKS = {"run": ROOT / "requirements.lock", "dev": ROOT / "requirements-dev.lock"}
OLDEST = (3, 11)
OTHERS = ("python3.13", "python3.12", "python3.11")  # tried in this order if python3 is too old

# Unlike a #! line with the path of Python, this works in a folder with a name of any length. -P keeps the
# current folder off the import path.
COMMAND = """#!/bin/sh
'''exec' "$(dirname -- "$(realpath -- "$0")")/python" -P "$0" "$@"
' '''
import sys

from rjsite.cli import main

sys.argv[0] = "rjsite"
sys.exit(main())
"""


def main() -> None:
    """Prepare .venv for the purpose given on the command line."""
    if len(sys.argv) != 2 or sys.argv[1] not in LOCKS:
        stop("Use: python3 tools/prepare.py run|dev", status=2)
    need_new_enough_python()
    with only_one():
        if not is_prepared(sys.argv[1]):
            prepare(sys.argv[1])


def need_new_enough_python() -> None:
    """If this Python is too old, restart in a newer one, or stop if none is found."""
    if sys.version_info[:2] >= OLDEST:
        return
    for name in OTHERS:
        newer = shutil.which(name)
        if newer:
            os.execv(newer, [newer, *sys.argv])
    stop(
        f"This site needs Python 3.11 or newer, and {sys.executable} is {sys.version.split()[0]}. "
        "Install a newer one, for example: sudo apt install python3.11 python3.11-venv"
    )


@contextmanager
def only_one() -> Iterator[None]:
    """Make a second run wait for the first, for example `make serve` during `make test`."""
    with open(__file__) as handle:  # noqa: PTH123
        fcntl.flock(handle, fcntl.LOCK_EX)
        # pip inherits the lock: if only this script is killed, the next run waits until pip has ended.
        os.set_inheritable(handle.fileno(), True)
        yield


def is_prepared(purpose: str) -> bool:
    """Return whether .venv already has the packages for this purpose."""
    stamp = read_stamp()
    if not PYTHON.exists() or stamp.get("python") != sys.version:
        return False
    # The packages for the tests include those for the site.
    wanted = ("run", "dev") if purpose == "run" else ("dev",)
    return any(stamp.get(lock) == fingerprint(lock) for lock in wanted)


def prepare(purpose: str) -> None:
    """Install the lock file of a purpose into .venv, which is rebuilt unless it is known to be complete."""
    stamp = read_stamp()
    whole = PYTHON.exists() and stamp.get("python") == sys.version
    # The stamp is written last, so that after an interruption the next run starts again.
    STAMP.unlink(missing_ok=True)
    print(f"Preparing .venv from {LOCKS[purpose].name} ...", flush=True)
    uv = shutil.which("uv")
    if not whole or not (uv or has_pip()):
        make_venv(uv)
    install(LOCKS[purpose], uv)
    add_our_own()
    write_stamp(purpose)


def make_venv(uv: str | None) -> None:
    """Make an empty .venv."""
    shutil.rmtree(VENV, ignore_errors=True)
    if uv:
        run([uv, "venv", "--quiet", "--no-project", "--python", sys.executable, str(VENV)])
    elif importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip"):
        run([sys.executable, "-m", "venv", str(VENV)])
    else:
        version = "{}.{}".format(*sys.version_info[:2])
        stop(
            "This Python came without venv. Install it with: sudo apt install python3-venv\n"
            f"(where python3 is not the system's own: sudo apt install python{version}-venv)"
        )


def install(lock: Path, uv: str | None) -> None:
    """Install the packages of a lock file from wheels only, each checked against its hash."""
    flags = ["--require-hashes", "--no-deps", "--only-binary", ":all:", "-r"]
    with_uv = ["pip", "install", "--quiet", "--no-config", "--python", str(PYTHON), *flags, str(lock)]
    pip = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "-qq"]
    if uv:
        run([uv, *with_uv])
    elif lock == LOCKS["run"]:
        # On a server, .venv may be read-only later, so modules are compiled now. Elsewhere, Python compiles
        # what it imports.
        run([*pip, *flags, str(lock)])
    else:
        pip.append("--no-compile")
        has_uv = works([*pip, *flags, str(only_uv(lock))])
        if not (has_uv and works([str(PYTHON), "-m", "uv", *with_uv])):
            print("uv could not install the packages, so pip does, which takes a minute ...", flush=True)
            run([*pip, *flags, str(lock)])


def only_uv(lock: Path) -> Path:
    """Write the lines of a lock file that pin uv to a file, for pip, and return it."""
    pinned = re.search(r"^uv==.+\n(?:[ ].+\n)+", lock.read_text(), re.MULTILINE)
    file = VENV / "uv.txt"
    file.write_text(pinned[0] if pinned else "")
    return file


def add_our_own() -> None:
    """Add the command `rjsite`, and site/ to the import path, relative in case the folder is moved."""
    packages = next(VENV.glob("lib/python3.*/site-packages"))
    (packages / "rjsite.pth").write_text(os.path.relpath(ROOT / "site", packages) + "\n")
    command = VENV / "bin" / "rjsite"
    command.write_text(COMMAND)
    command.chmod(0o755)


def has_pip() -> bool:
    """Return whether .venv has pip. A .venv made by uv has none."""
    return any(VENV.glob("lib/python3.*/site-packages/pip/__init__.py"))


def fingerprint(purpose: str) -> str:
    """Return the hash of a lock file and of this script, which decides how it is installed."""
    return hashlib.sha256(LOCKS[purpose].read_bytes() + Path(__file__).read_bytes()).hexdigest()


def read_stamp() -> dict[str, str]:
    """Return what `write_stamp` wrote, or an empty value if .venv is incomplete."""
    try:
        stamp = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def write_stamp(purpose: str) -> None:
    """Record atomically that .venv is complete."""
    part = STAMP.with_suffix(".part")
    part.write_text(json.dumps({"python": sys.version, purpose: fingerprint(purpose)}))
    part.replace(STAMP)


def run(command: list[str]) -> None:
    """Run a command. If it fails, exit with a message that names it."""
    if not works(command):
        stop(f"{Path(command[0]).name} failed; its message is above. Fix that and run this again.")


def works(command: list[str]) -> bool:
    """Run a command, and return whether it succeeded."""
    # Otherwise the packages could be installed into another venv that happens to be active.
    kept = {name: value for name, value in os.environ.items() if name not in {"VIRTUAL_ENV", "PYTHONPATH"}}
    return subprocess.run(command, env=kept, close_fds=False, check=False).returncode == 0


def stop(message: str, status: int = 1) -> NoReturn:
    """Print an error message and exit."""
    print(message, file=sys.stderr)
    sys.exit(status)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        stop("\nInterrupted. Run it again; it starts afresh.", status=130)
