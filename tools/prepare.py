"""Make .venv hold exactly what the lock files pin, and put `rjsite` into it.

    python3 tools/prepare.py run    what the site needs
    python3 tools/prepare.py dev    the same, and what tests and checks need

It is quick if nothing changed. It uses only the standard library, because it runs before anything is
installed, and only grammar that an old Python can read, so that one can say that it is too old.
deploy/prepare.py is a link to it, because each version's release.sh looks for it there.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import json
import os
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
OTHERS = ("python3.13", "python3.12", "python3.11")  # tried, in this order, where python3 is too old

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
    """Prepare .venv for the purpose that the command line names."""
    if len(sys.argv) != 2 or sys.argv[1] not in LOCKS:
        stop("Use: python3 tools/prepare.py run|dev", status=2)
    need_new_enough_python()
    with only_one():
        if not is_prepared(sys.argv[1]):
            prepare(sys.argv[1])


def need_new_enough_python() -> None:
    """Run in a newer Python if this one is too old; stop if there is none."""
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
    """Make a second call wait for the first, for example `make serve` beside `make test`."""
    with open(__file__) as handle:  # noqa: PTH123
        fcntl.flock(handle, fcntl.LOCK_EX)
        # pip inherits the lock: if only this script is killed, the next call waits until pip has ended.
        os.set_inheritable(handle.fileno(), True)
        yield


def is_prepared(purpose: str) -> bool:
    """Return whether .venv already holds what this purpose needs."""
    stamp = read_stamp()
    if not PYTHON.exists() or stamp.get("python") != sys.version:
        return False
    # What tests need includes what the site needs.
    wanted = ("run", "dev") if purpose == "run" else ("dev",)
    return any(stamp.get(lock) == fingerprint(lock) for lock in wanted)


def prepare(purpose: str) -> None:
    """Install the lock file of a purpose into .venv, which is made anew unless it is known to be whole."""
    stamp = read_stamp()
    whole = PYTHON.exists() and stamp.get("python") == sys.version
    # There is no stamp until the last line, so that after an interruption the next call starts again.
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
    """Install every package of a lock file, each checked against its hash, none built here."""
    flags = ["--require-hashes", "--no-deps", "--only-binary", ":all:", "-r", str(lock)]
    if uv:
        run([uv, "pip", "install", "--quiet", "--no-config", "--python", str(PYTHON), *flags])
    else:
        pip = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "--no-input"]
        run([*pip, "install", "-qq", *flags])


def add_our_own() -> None:
    """Put site/ on the import path, relative so that the folder can be moved, and add `rjsite`."""
    packages = next(VENV.glob("lib/python3.*/site-packages"))
    (packages / "rjsite.pth").write_text(os.path.relpath(ROOT / "site", packages) + "\n")
    command = VENV / "bin" / "rjsite"
    command.write_text(COMMAND)
    command.chmod(0o755)


def has_pip() -> bool:
    """Return whether .venv has pip; if uv made it, it has none."""
    return any(VENV.glob("lib/python3.*/site-packages/pip/__init__.py"))


def fingerprint(purpose: str) -> str:
    """Return the hash of a lock file and of this script, which decides how it is installed."""
    return hashlib.sha256(LOCKS[purpose].read_bytes() + Path(__file__).read_bytes()).hexdigest()


def read_stamp() -> dict[str, str]:
    """Return what `write_stamp` wrote; empty if .venv is not whole."""
    try:
        stamp = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def write_stamp(purpose: str) -> None:
    """Record that .venv is whole, in one step."""
    part = STAMP.with_suffix(".part")
    part.write_text(json.dumps({"python": sys.version, purpose: fingerprint(purpose)}))
    part.replace(STAMP)


def run(command: list[str]) -> None:
    """Run a command. If it fails, stop with its name."""
    # Otherwise the packages could be installed into another venv that happens to be active.
    kept = {name: value for name, value in os.environ.items() if name not in {"VIRTUAL_ENV", "PYTHONPATH"}}
    if subprocess.run(command, env=kept, close_fds=False, check=False).returncode:
        stop(f"{Path(command[0]).name} failed; its words are above. Put that right and run this again.")


def stop(message: str, status: int = 1) -> NoReturn:
    """Print what is wrong and exit."""
    print(message, file=sys.stderr)
    sys.exit(status)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        stop("\nInterrupted. Run it again; it starts afresh.", status=130)
