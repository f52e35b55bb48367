"""A power cut loses what was written but not synced, so strace shows what the site syncs, and when."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.needs import program
from support.processes import wait_until
from support.site_process import Site
from support.visitor import Visitor

CALLS = "pwrite64,fsync,fdatasync,sendto"
LINE = re.compile(r"^\d+ +(?P<call>\w+)\(\d+<(?P<on>[^>]*)>(?P<rest>.*)")


@dataclass(frozen=True)
class Call:
    """One system call of the site."""

    name: str
    on: str  # the file or socket
    rest: str


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Run a site under strace from its start."""
    site = Site(tmp_path, {"RJSITE_DELIVER_IN_SERVER": "false"})
    options = ["-f", "--seccomp-bpf", "-y", "-s", "30", "-e", f"trace={CALLS}", "-o", str(tmp_path / "calls")]
    site.before = [program("strace"), *options]
    with site:
        yield site


def calls(file: Path) -> list[Call]:
    found = (LINE.match(line) for line in file.read_text(errors="replace").splitlines())
    return [Call(one["call"], Path(one["on"]).name, one["rest"]) for one in found if one]


def test_a_form_is_synced_to_disk_before_the_answer_leaves(site: Site, tmp_path: Path) -> None:
    assert Visitor(site.base_url).send().status == 303
    wait_until(lambda: "303 SEE OTHER" in (tmp_path / "calls").read_text(), "the answer to be seen")
    site.terminate()

    said = calls(tmp_path / "calls")
    answer = next(n for n, call in enumerate(said) if "303 SEE OTHER" in call.rest)
    log = "outbox.sqlite3-wal"
    written = [n for n, call in enumerate(said[:answer]) if call.name == "pwrite64" and call.on == log]
    synced = {call.on: n for n, call in enumerate(said[:answer]) if "sync" in call.name}

    assert written[-1] < synced[log] < answer
    assert synced[site.data_dir.name] < answer  # the log's name, in case the file is new
