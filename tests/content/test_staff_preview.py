"""Staff see every story and page exactly as readers do, byte for byte, except for the banner."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from werkzeug.datastructures import MultiDict

from rjsite.content.library import STORIES, Library, load
from rjsite.content.stories import PAGE_SIZE
from rjsite.web.pages import OTHERS
from rjsite.web.story_form import sent_form
from support.service import CLIENT
from support.staff import BANNER, URL, make_public_app, make_staff_app, typed


@pytest.fixture(scope="module")
def edited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the content in which each story was saved in the form and nothing is a draft."""
    folder = tmp_path_factory.mktemp("edited")
    staff = make_staff_app(folder, content_dir=CLIENT).test_client()
    shutil.copytree(CLIENT, folder / "content")
    for path in sorted((folder / "content" / "case-studies").glob("*.md")):
        sent = typed(staff.get(f"/staff/story/{path.stem}").text)
        path.write_text(sent_form(MultiDict(sent)).text, encoding="utf-8")
    for path in (folder / "content").rglob("*.md"):  # readers would not see a draft
        path.write_text(re.sub("(?m)^draft:.*\n", "", path.read_text(encoding="utf-8")), encoding="utf-8")
    return folder / "content"


@pytest.fixture(scope="module")
def library(edited: Path) -> Library:
    """Return the copy as it is shown."""
    return load(edited)


@pytest.fixture(scope="module")
def staff(edited: Path, tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    """Return a test client of the staff copy."""
    return make_staff_app(tmp_path_factory.mktemp("staff"), content_dir=edited).test_client()


@pytest.fixture(scope="module")
def public(edited: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Return a function that returns the page that readers see at an address."""
    reader = make_public_app(tmp_path_factory.mktemp("public"), content_dir=edited).test_client()
    return lambda address: reader.get(address, base_url=URL).text


def see(staff: FlaskClient, slug: str, do: str) -> str:
    """Return the response to a button of the story form."""
    sent = typed(staff.get(f"/staff/story/{slug}").text)
    return staff.post(f"/staff/story/{slug}", data={**sent, "do": do}).text


def test_every_page_is_the_published_one(
    staff: FlaskClient, public: Callable[[str], str], library: Library
) -> None:
    for address in library.pages:
        if address not in OTHERS:
            seen = staff.get(address).text
            assert BANNER.sub("", seen) == public(address) != seen, address


def test_the_preview_of_every_story_is_the_published_page(
    staff: FlaskClient, public: Callable[[str], str], library: Library
) -> None:
    for story in library.stories:
        seen = see(staff, story.slug, "page")
        assert BANNER.sub("", seen) == public(story.address) != seen, story.slug
    assert library.stories


def test_the_list_with_the_card_of_a_story_is_the_published_list(
    staff: FlaskClient, public: Callable[[str], str], library: Library
) -> None:
    for number in (0, len(library.stories) - 1):
        seen = see(staff, library.stories[number].slug, "list")

        page = number // PAGE_SIZE + 1
        assert BANNER.sub("", seen) == public(STORIES if page == 1 else f"{STORIES}?page={page}")
