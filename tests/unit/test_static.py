"""Static files: one name for one content, so that a browser may keep it for a year."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from subprocess import PIPE

import brotli
import pytest

from rjsite.settings import ROOT
from rjsite.web.static import hashed, prepare

FILES = {
    "site.css": b'@font-face { src: url("fonts/one.woff2") }\nb { cursor: url("data:image/png;base64,x") }\n',
    "site.js": b"export {};\n" * 50,
    "icon.svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "fonts/one.woff2": b"\0\1\2not text\xff",
    "fonts/OFL.txt": b"licence\n",
}


@pytest.fixture
def source(tmp_path):
    for name, body in FILES.items():
        path = tmp_path / "static" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    return tmp_path / "static"


@pytest.fixture
def target(tmp_path):
    return tmp_path / "var" / "static"


def test_every_file_has_a_name_that_holds_its_hash(source, target):
    names = prepare(source, target)

    assert set(names) == set(FILES)
    for name, address in names.items():
        stem, _, ending = name.rpartition(".")
        assert re.fullmatch(rf"/static/{re.escape(stem)}\.[0-9a-f]{{12}}\.{ending}", address)
        body = (target / address.removeprefix("/static/")).read_bytes()
        assert hashlib.sha256(body).hexdigest()[:12] in address


def test_files_come_out_as_they_went_in(source, target):
    names = prepare(source, target)

    same = [n for n, a in names.items() if (target / a.removeprefix("/static/")).read_bytes() == FILES[n]]
    assert set(same) == set(FILES) - {"site.css"}


def test_style_sheets_name_fonts_by_their_hashed_names(source, target):
    names = prepare(source, target)

    css = (target / names["site.css"].removeprefix("/static/")).read_text()
    assert f'url("{names["fonts/one.woff2"]}")' in css
    assert 'url("data:image/png;base64,x")' in css


def test_compressed_copies_hold_the_same_bytes(source, target):
    names = prepare(source, target)

    for name, address in names.items():
        plain = target / address.removeprefix("/static/")
        packed = {ending: plain.with_name(plain.name + ending) for ending in (".br", ".gz")}
        if name.endswith(".woff2"):
            assert not any(path.exists() for path in packed.values())  # packed already
        else:
            assert brotli.decompress(packed[".br"].read_bytes()) == plain.read_bytes()
            assert gzip.decompress(packed[".gz"].read_bytes()) == plain.read_bytes()


def test_a_changed_file_has_a_new_name_and_the_others_keep_theirs(source, target):
    before = prepare(source, target)
    (source / "site.js").write_bytes(b"changed")

    after = prepare(source, target)

    assert {name for name in FILES if before[name] != after[name]} == {"site.js"}


def test_a_changed_font_changes_the_name_of_the_style_sheet_too(source, target):
    before = prepare(source, target)
    (source / "fonts" / "one.woff2").write_bytes(b"changed")

    after = prepare(source, target)

    assert {n for n in FILES if before[n] != after[n]} == {"fonts/one.woff2", "site.css"}


def test_preparing_again_gives_the_same_names_and_leaves_no_parts(source, target):
    assert prepare(source, target) == prepare(source, target)

    assert [path.name for path in target.parent.rglob("*.part")] == []


def test_processes_that_start_at_once_on_an_empty_folder_make_the_same_files(tmp_path):
    at_a_sign = (
        "import sys; from pathlib import Path; from rjsite.web.static import hashed, prepare; "
        "print(flush=True); [(prepare(Path(sys.argv[1]), Path(line.strip())), print(flush=True)) "
        "for line in sys.stdin]"
    )
    source, targets = tmp_path / "static", [tmp_path / f"var-{turn}" / "static" for turn in range(3)]
    source.mkdir()
    for number in range(20):
        (source / f"{number}.js").write_bytes(b"export {};\n" * number * 50)
    command = [sys.executable, "-c", at_a_sign, str(source)]
    with ExitStack() as running:
        processes = [
            running.enter_context(subprocess.Popen(command, stdin=PIPE, stdout=PIPE, stderr=PIPE, text=True))
            for _ in range(2)
        ]
        for target in ["", *targets]:
            for process in processes:
                if target:
                    print(target, file=process.stdin, flush=True)
            assert [process.stdout.readline() for process in processes if process.stdout] == ["\n"] * 2, (
                processes
            )
        assert [process.communicate(timeout=60)[1] for process in processes] == [""] * 2

    for target in targets:
        for name, address in prepare(source, target).items():
            plain = target / address.removeprefix("/static/")
            assert plain.read_bytes() == (source / name).read_bytes()
            assert gzip.decompress(plain.with_name(f"{plain.name}.gz").read_bytes()) == plain.read_bytes()
            assert brotli.decompress(plain.with_name(f"{plain.name}.br").read_bytes()) == plain.read_bytes()
        assert [path.name for path in target.parent.rglob("*.part")] == []


def test_a_file_that_is_not_whole_never_lies_where_files_are_served(source, target, monkeypatch):
    moved = []
    replace = Path.replace
    monkeypatch.setattr(Path, "replace", lambda part, to: moved.append(part) or replace(part, to))

    prepare(source, target)

    assert len(moved) > len(FILES)
    assert [part for part in moved if target in part.parents] == []


def test_nothing_is_compressed_again_at_the_next_start(source, target, monkeypatch):
    names = prepare(source, target)

    def never(*_args, **_named):
        raise AssertionError

    monkeypatch.setattr(brotli, "compress", never)
    monkeypatch.setattr(gzip, "compress", never)

    assert prepare(source, target) == names


def test_every_user_may_read_what_was_written(source, target):
    before = os.umask(0o022)
    try:
        prepare(source, target)
    finally:
        os.umask(before)

    assert {path.stat().st_mode & 0o777 for path in target.rglob("*") if path.is_file()} == {0o644}


def test_our_style_sheet_loads_nothing_but_our_own_files(tmp_path):
    names = prepare(ROOT / "static", tmp_path)

    css = (tmp_path / names["site.css"].removeprefix("/static/")).read_text()
    loaded = re.findall(r"url\(\s*[\"']?([^\"')]+)", css)
    assert loaded
    assert [address for address in loaded if address not in names.values()] == []
    assert "@import" not in css


def test_scripts_and_style_sheets_are_served_without_their_comments(tmp_path):
    source = tmp_path / "static"
    source.mkdir()
    (source / "a.js").write_text(
        '// Why\n/** Return\n * one. */\nlet a = "https://x";  // here\n  // there\n'
    )
    (source / "a.css").write_text("/* Why */\nb {\n  color: red; /* here */\n}\n")

    served = {own: body for own, (_, body) in hashed(source).items()}

    assert served["a.js"] == b'let a = "https://x";  // here\n'
    assert served["a.css"] == b"b {\n  color: red; }\n"
