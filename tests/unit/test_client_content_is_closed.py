"""Tests of the engine cannot read the client's content, so that no change to that content makes one fail."""

from __future__ import annotations

import pytest

from rjsite.content.library import load
from support.service import CLIENT


def test_a_test_of_the_engine_that_reads_the_clients_content_fails() -> None:
    with pytest.raises(AssertionError, match="only tests/content may read"):
        (CLIENT / "service.toml").read_text()
    with pytest.raises(AssertionError, match="only tests/content may read"):
        load(CLIENT)


@pytest.mark.client_content
def test_a_test_that_is_marked_reads_it() -> None:
    assert (CLIENT / "service.toml").read_text()
