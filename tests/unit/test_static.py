"""Static files: a changed file has another name, so that browsers may keep each file for a year."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from rjsite.settings import ROOT
from rjsite.web.static import hashed, kind_of

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


def names(source: Path) -> dict[str, str]:
    return {own: name for own, (name, _) in hashed(source).items()}


def test_every_file_has_a_name_that_holds_its_hash(source):
    files = hashed(source)

    assert set(files) == set(FILES)
    for own, (name, body) in files.items():
        stem, _, ending = own.rpartition(".")
        assert name == f"{stem}.{hashlib.sha256(body).hexdigest()[:12]}.{ending}"


def test_files_come_out_as_they_went_in(source):
    same = [own for own, (_, body) in hashed(source).items() if body == FILES[own]]

    assert set(same) == set(FILES) - {"site.css"}


def test_style_sheets_name_fonts_by_their_hashed_names(source):
    css = hashed(source)["site.css"][1].decode()

    assert f'url("/static/{names(source)["fonts/one.woff2"]}")' in css
    assert 'url("data:image/png;base64,x")' in css


def test_a_changed_file_has_a_new_name_and_the_others_keep_theirs(source):
    before = names(source)
    (source / "site.js").write_bytes(b"changed")

    after = names(source)

    assert {name for name in FILES if before[name] != after[name]} == {"site.js"}


def test_a_changed_font_changes_the_name_of_the_style_sheet_too(source):
    before = names(source)
    (source / "fonts" / "one.woff2").write_bytes(b"changed")

    after = names(source)

    assert {n for n in FILES if before[n] != after[n]} == {"fonts/one.woff2", "site.css"}


def test_our_style_sheet_loads_nothing_but_our_own_files():
    files = hashed(ROOT / "static")
    served = {f"/static/{name}" for name, _ in files.values()}

    css = files["site.css"][1].decode()
    loaded = re.findall(r"url\(\s*[\"']?([^\"')]+)", css)
    assert loaded
    assert set(loaded) <= served
    assert "@import" not in css


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("site.css", "text/css; charset=utf-8"),
        ("site.js", "text/javascript; charset=utf-8"),
        ("icon.svg", "image/svg+xml"),
        ("one.woff2", "font/woff2"),
        ("form-a.pdf", "application/pdf"),
        ("share.png", "image/png"),
    ],
)
def test_every_machine_gives_a_file_the_same_type(name, kind):
    assert kind_of(name) == kind


def test_scripts_and_style_sheets_are_served_without_comments_and_indentation(tmp_path):
    source = tmp_path / "static"
    source.mkdir()
    script = [
        "// Why",
        "//",
        "/** Return",
        " * one. */",
        "if (b) {",
        '  let a = /** @type {string} */ ("https://x"); // here',
        "  // there",
        "}",
    ]
    (source / "a.js").write_text("\n".join(script) + "\n")
    (source / "a.css").write_text("/* Why */\n\nb\ni {\n  color: red; /* here */\n}\n")

    served = {own: body for own, (_, body) in hashed(source).items()}

    assert served["a.js"] == b'\nif (b) {\nlet a = ("https://x");\n}\n'
    assert served["a.css"] == b"b\ni {color: red; }"
