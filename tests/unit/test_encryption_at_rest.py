"""Mail at rest: only our keys open it, and only in the row it belongs to."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet

from rjsite.encryption.at_rest import CannotOpen, Seal

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
BODY = b"About?\r\nIt was my shop.\r\n\0\xff"


def test_a_sealed_body_opens_in_its_own_row():
    seal = Seal([NEW])

    assert seal.open("row/1", seal.close("row/1", BODY)) == BODY


def test_nothing_of_the_body_shows_in_what_is_sealed():
    sealed = Seal([NEW]).close("row/1", BODY)

    assert b"shop" not in sealed
    assert sealed != Seal([NEW]).close("row/1", BODY)


def test_a_key_that_came_later_opens_nothing_from_before():
    with pytest.raises(CannotOpen):
        Seal([NEW]).open("row/1", Seal([OLD]).close("row/1", BODY))


def test_rotation_opens_what_the_old_key_sealed_and_seals_with_the_new():
    both = Seal([NEW, OLD])

    assert both.open("row/1", Seal([OLD]).close("row/1", BODY)) == BODY
    assert Seal([NEW]).open("row/1", both.close("row/1", BODY)) == BODY


@pytest.mark.parametrize("identity", ["row/2", "row/", "row/1\0", "", "row/11"])
def test_a_body_moved_to_another_row_does_not_open(identity):
    seal = Seal([NEW])
    sealed = seal.close("row/1", BODY)

    with pytest.raises(CannotOpen):
        seal.open(identity, sealed)


@pytest.mark.parametrize("sealed", [b"", b"rubbish", b"gAAAA" + b"A" * 100])
def test_what_was_never_sealed_does_not_open(sealed):
    with pytest.raises(CannotOpen):
        Seal([NEW]).open("row/1", sealed)


def test_the_reason_says_nothing_of_the_body():
    seal = Seal([NEW])
    sealed = seal.close("row/1", BODY)

    with pytest.raises(CannotOpen) as raised:
        seal.open("row/2", sealed)

    assert str(raised.value) == ""
