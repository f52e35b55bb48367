"""tools/prepare.py prepares .venv again if it does not fit this Python or these packages."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import pytest

from rjsite.settings import ROOT

OTHER_MINOR = "3.10.9 (main, Jan  1 2023, 00:00:00) [GCC 12.2.0]"
OTHER_PATCH = sys.version.replace(f".{sys.version_info.micro}", f".{sys.version_info.micro + 1}", 1)
OTHER_BUILD = sys.version.replace("(", "(rebuilt ", 1)


@pytest.fixture
def script() -> Any:
    """Return the script as a module."""
    spec = importlib.util.spec_from_file_location("prepare", ROOT / "tools" / "prepare.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def prepare(script: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the script after a first run for its own project. It only counts how often it would install."""
    venv = tmp_path / ".venv"
    for name, value in {
        "VENV": venv, "PYTHON": venv / "bin" / "python", "STAMP": venv / "prepared.json", "ROOT": tmp_path,
        "LOCKS": {"run": tmp_path / "run.lock", "dev": tmp_path / "dev.lock"}, "made": 0, "installed": 0,
    }.items():  # fmt: skip
        monkeypatch.setattr(script, name, value, raising=False)
    for lock in script.LOCKS.values():
        lock.write_text(f"package of {lock.name}")

    def make_venv(_uv: str | None) -> None:
        script.made += 1
        packages = venv / "lib" / "python3.99" / "site-packages"
        (packages / "pip").mkdir(parents=True, exist_ok=True)
        (packages / "pip" / "__init__.py").touch()
        script.PYTHON.parent.mkdir(exist_ok=True)
        script.PYTHON.unlink(missing_ok=True)
        script.PYTHON.symlink_to(sys.executable)

    def install(_lock: Path, _uv: str | None) -> None:
        script.installed += 1

    monkeypatch.setattr(script, "make_venv", make_venv)
    monkeypatch.setattr(script, "install", install)
    script.prepare("run")
    return cast(ModuleType, script)


@pytest.fixture
def programs(script: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the list of the programs that the script runs, with what they install. None of them is run."""
    ran: list[str] = []

    def works(command: list[str]) -> bool:
        ran.append(" ".join([Path(command[0]).name, *command[1:3], command[-1].rpartition("/")[2]]))
        return ran[-1] != script.fails

    monkeypatch.setattr(script, "fails", "", raising=False)
    monkeypatch.setattr(script, "works", works)
    monkeypatch.setattr(script, "VENV", tmp_path)
    return ran


def test_the_release_script_of_the_version_before_finds_it() -> None:
    assert (ROOT / "deploy" / "prepare.py").resolve() == ROOT / "tools" / "prepare.py"


def test_what_fits_is_left_alone(prepare: ModuleType) -> None:
    assert prepare.is_prepared("run")
    assert (prepare.made, prepare.installed) == (1, 1)


@pytest.mark.parametrize("version", [OTHER_MINOR, OTHER_PATCH, OTHER_BUILD])
def test_another_python_has_a_venv_of_its_own(prepare: ModuleType, version: str) -> None:
    assert version != sys.version
    stamp = json.loads(prepare.STAMP.read_text())
    prepare.STAMP.write_text(json.dumps({**stamp, "python": version}))

    assert not prepare.is_prepared("run")
    prepare.prepare("run")
    assert (prepare.made, prepare.installed) == (2, 2)
    assert prepare.is_prepared("run")


def test_a_venv_whose_python_is_gone_is_made_anew(prepare: ModuleType, tmp_path: Path) -> None:
    prepare.PYTHON.unlink()
    prepare.PYTHON.symlink_to(tmp_path / "python3.10")

    assert not prepare.is_prepared("run")
    prepare.prepare("run")
    assert (prepare.made, prepare.installed) == (2, 2)
    assert prepare.is_prepared("run")


def test_other_packages_are_installed_into_the_venv_that_there_is(prepare: ModuleType) -> None:
    prepare.LOCKS["run"].write_text("another package")

    assert not prepare.is_prepared("run")
    prepare.prepare("run")
    assert prepare.installed == 2
    assert prepare.is_prepared("run")


@pytest.mark.parametrize("stamp", ["", "{", "[]", "\0\0"])
def test_a_venv_that_was_not_finished_is_made_anew(prepare: ModuleType, stamp: str) -> None:
    prepare.STAMP.write_text(stamp)

    assert not prepare.is_prepared("run")
    prepare.prepare("run")
    assert (prepare.made, prepare.installed) == (2, 2)


PIP_TAKES_UV = "python -m pip uv.txt"
PIP_TAKES_ALL = "python -m pip requirements-dev.lock"
UV_TAKES_ALL = "uv pip install requirements-dev.lock"
OWN_UV_TAKES_ALL = "python -m uv requirements-dev.lock"


def test_the_uv_that_the_lock_pins_installs_what_the_tests_need(
    script: Any, programs: list[str], tmp_path: Path
) -> None:
    script.install(script.LOCKS["dev"], None)

    assert programs == [PIP_TAKES_UV, OWN_UV_TAKES_ALL]
    first, *others = (tmp_path / "uv.txt").read_text().splitlines()
    assert first.startswith("uv==")
    assert "--hash=sha256:" in others[0]
    assert all(line.startswith(" ") for line in others)
    assert "\n".join([first, *others]) in script.LOCKS["dev"].read_text()


def test_where_only_pip_reaches_the_packages_pip_installs_them(script: Any, programs: list[str]) -> None:
    script.fails = OWN_UV_TAKES_ALL

    script.install(script.LOCKS["dev"], None)

    assert programs == [PIP_TAKES_UV, OWN_UV_TAKES_ALL, PIP_TAKES_ALL]


def test_where_there_is_no_uv_for_the_machine_pip_installs_all(script: Any, programs: list[str]) -> None:
    script.fails = PIP_TAKES_UV

    script.install(script.LOCKS["dev"], None)

    assert programs == [PIP_TAKES_UV, PIP_TAKES_ALL]


def test_a_uv_that_is_there_already_is_not_installed_again(script: Any, programs: list[str]) -> None:
    script.install(script.LOCKS["dev"], "/usr/bin/uv")

    assert programs == [UV_TAKES_ALL]


def test_a_server_gets_no_uv(script: Any, programs: list[str]) -> None:
    script.install(script.LOCKS["run"], None)

    assert programs == ["python -m pip requirements.lock"]
    assert "uv==" not in script.LOCKS["run"].read_text()
