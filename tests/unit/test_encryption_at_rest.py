"""Mail at rest: only our keys open it, and only in the row it belongs to."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet

from rjsite.encryption.at_rest import CannotDecrypt, RowCipher

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
BODY = b"About?\r\nIt was my shop.\r\n\0\xff"


def test_a_sealed_body_opens_in_its_own_row():
    cipher = RowCipher([NEW])

    assert cipher.decrypt("row/1", cipher.encrypt("row/1", BODY)) == BODY


def test_nothing_of_the_body_shows_in_what_is_sealed():
    stored = RowCipher([NEW]).encrypt("row/1", BODY)

    assert b"shop" not in stored
    assert stored != RowCipher([NEW]).encrypt("row/1", BODY)


def test_a_key_that_came_later_opens_nothing_from_before():
    with pytest.raises(CannotDecrypt):
        RowCipher([NEW]).decrypt("row/1", RowCipher([OLD]).encrypt("row/1", BODY))


def test_rotation_opens_what_the_old_key_sealed_and_seals_with_the_new():
    both = RowCipher([NEW, OLD])

    assert both.decrypt("row/1", RowCipher([OLD]).encrypt("row/1", BODY)) == BODY
    assert RowCipher([NEW]).decrypt("row/1", both.encrypt("row/1", BODY)) == BODY


@pytest.mark.parametrize("identity", ["row/2", "row/", "row/1\0", "", "row/11"])
def test_a_body_moved_to_another_row_does_not_open(identity):
    cipher = RowCipher([NEW])
    stored = cipher.encrypt("row/1", BODY)

    with pytest.raises(CannotDecrypt):
        cipher.decrypt(identity, stored)


@pytest.mark.parametrize("stored", [b"", b"rubbish", b"gAAAA" + b"A" * 100])
def test_what_was_never_sealed_does_not_open(stored):
    with pytest.raises(CannotDecrypt):
        RowCipher([NEW]).decrypt("row/1", stored)


def test_the_reason_says_nothing_of_the_body():
    cipher = RowCipher([NEW])
    stored = cipher.encrypt("row/1", BODY)

    with pytest.raises(CannotDecrypt) as raised:
        cipher.decrypt("row/2", stored)

    assert str(raised.value) == ""
