"""Where a value stands in a TOML file, which every problem in one names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from rjsite.content.toml import Lines, line_of


@pytest.mark.parametrize("name", ["a", "ab", '"a b"'])
def test_a_list_of_tables_may_be_in_a_table_of_its_own_name(name):
    key = name.strip('"')
    lines = Lines(f"[[{name}.{name}]]\nx = 1\n\n[[{name}.{name}]]\nx = 2\n[[{name}.{name}.c]]\ny = 3\n")

    assert [lines.of((key, key, number, "x")) for number in (0, 1)] == [2, 5]
    assert lines.of((key, key, 1, "c", 0, "y")) == 7


def test_the_first_line_with_a_text_is_found(tmp_path):
    file = tmp_path / "file.toml"
    file.write_bytes(b'\xef\xbb\xbfone = "x"\r\ntwo = "y"\r\nthree = "y"\r\n')

    assert [line_of(file, text) for text in ('"x"', '"y"', '"z"')] == [1, 2, 1]


@pytest.mark.parametrize("spoil", [Path.unlink, lambda file: file.write_bytes(b"\xff")])
def test_a_file_that_was_just_deleted_or_damaged_has_only_a_first_line(
    tmp_path, spoil: Callable[[Path], object]
):
    file = tmp_path / "file.toml"
    file.write_text('one = "x"\ntwo = "y"\n')
    spoil(file)

    assert line_of(file, '"y"') == 1
