"""Static files: one name for one content, so that a browser may keep it for a year."""

from __future__ import annotations

import gzip
import hashlib
import re

import brotli
import pytest

from rjsite.settings import ROOT
from rjsite.static_files import prepare

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

    assert [path.name for path in target.rglob("*.part")] == []


def test_our_style_sheet_loads_nothing_but_our_own_files(tmp_path):
    names = prepare(ROOT / "static", tmp_path)

    css = (tmp_path / names["site.css"].removeprefix("/static/")).read_text()
    loaded = re.findall(r"url\(\s*[\"']?([^\"')]+)", css)
    assert loaded
    assert [address for address in loaded if address not in names.values()] == []
    assert "@import" not in css
