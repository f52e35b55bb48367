"""The list of stories, and what feed readers and search engines read of it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from xml.etree.ElementTree import fromstring

import pytest
from flask import Flask
from flask.testing import FlaskClient

from rjsite.content.library import STORIES, Library
from rjsite.content.model import Story
from rjsite.content.stories import FACETS, PAGE_SIZE, StoryIndex
from rjsite.services import services_of
from rjsite.web.feeds import feed
from support.forms import Page, words

ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture
def content(app: Flask) -> Library:
    """Return the content of the site."""
    library: Library = services_of(app).content.now()
    return library


@pytest.fixture
def stories(content: Library) -> tuple[Story, ...]:
    """Return all stories, in order."""
    return content.stories


@pytest.mark.parametrize("facet", FACETS, ids=lambda facet: facet.name)
def test_each_choice_leads_to_just_as_many_stories_as_its_count_says(
    client: FlaskClient, stories: tuple[Story, ...], facet
) -> None:
    whole = StoryIndex(stories).listing("Stories", STORIES, {})
    assert whole is not None
    options = dict(whole.facets)[facet.title]

    for option in options:
        page = client.get(option.href)
        words = "story" if option.count == 1 else "stories"
        assert page.status_code == 200
        assert f"{option.count} {words}." in page.text

    said = [story for story in stories if set(facet.values_of(story)) != {"not known"}]
    assert sum(option.count for option in options) >= len(said)
    assert "Not known" not in [option.label for option in options]


def test_choices_combine_and_lead_back(stories: tuple[Story, ...]) -> None:
    told = next(story for story in stories if story.began_by != "not known")
    asked = {"harm": told.harm[0], "began": told.began_by}

    found = StoryIndex(stories).listing("Stories", STORIES, asked)

    assert found is not None
    assert told in found.stories
    assert all(told.harm[0] in story.harm and story.began_by == told.began_by for story in found.stories)
    (back,) = [option for _, options in found.facets for option in options if option.chosen][:1]
    assert told.harm[0] not in back.href


def test_each_list_has_a_title_and_heading_of_its_own(client: FlaskClient) -> None:
    page = client.get(f"{STORIES}?harm=theft&began=person+harmed").text

    assert "<title>Stories about theft, begun by the person harmed" in page
    assert "<h1>Stories about theft, begun by the person harmed</h1>" in page
    assert "<h1>Stories that ended with a meeting</h1>" in client.get(f"{STORIES}?ended=met").text


@pytest.mark.parametrize(
    ("asked", "true"),
    [
        (f"{STORIES}?ended=met&harm=theft", f"{STORIES}?harm=theft&ended=met"),
        (f"{STORIES}?ended=letter%20written", f"{STORIES}?ended=letter+written"),
        (f"{STORIES}?from=elsewhere", STORIES),
        (f"{STORIES}?page=1", STORIES),
        (STORIES.rstrip("/"), STORIES),
    ],
)
def test_another_spelling_of_a_list_leads_to_its_one_true_address(
    client: FlaskClient, asked: str, true: str
) -> None:
    answer = client.get(asked)

    assert (answer.status_code, answer.headers["Location"]) == (301, true)


@pytest.mark.parametrize("query", ["harm=arson", "page=99", "page=0", "harm=theft&ended=letter+written"])
def test_a_list_without_stories_is_not_found(client: FlaskClient, query: str) -> None:
    assert client.get(f"{STORIES}?{query}").status_code == 404


@pytest.mark.parametrize("digits", ["9" * 5000, "0" * 5000, "٣" * 5000])
def test_a_page_number_that_nobody_counts_to_is_answered_as_any_unknown_one(
    client: FlaskClient, digits: str
) -> None:
    for harm in ("", "harm=theft&"):
        assert client.get(f"{STORIES}?{harm}page={digits}").status_code == 404


def test_a_long_list_comes_in_pages_of_twelve(stories: tuple[Story, ...]) -> None:
    many = [replace(stories[0], slug=f"story-{n}", address=f"{STORIES}story-{n}") for n in range(30)]

    pages = [StoryIndex(many).listing("Stories", STORIES, {"page": str(n)}) for n in (1, 2, 3, 4)]

    assert [len(page.stories) if page else None for page in pages] == [PAGE_SIZE, PAGE_SIZE, 6, None]
    assert pages[1] is not None
    assert (pages[1].before, pages[1].after) == (STORIES, f"{STORIES}?page=3")


def test_what_may_upset_stands_before_the_link_of_a_story(
    client: FlaskClient, stories: tuple[Story, ...]
) -> None:
    pages = client.get(STORIES).text + client.get(f"{STORIES}?page=2").text

    for story in stories:
        card = pages[: pages.index(f'href="{story.address}"')].rpartition('<li class="card">')[2]
        assert all(f"<b>Note:</b> {note}" in card for note in story.content_notes), story.slug


def test_a_story_is_linked_with_its_content_notes_as_the_description(
    client: FlaskClient, stories: tuple[Story, ...]
) -> None:
    pages = [Page(client.get(address).text) for address in (STORIES, f"{STORIES}?page=2", "/")]

    described = {}
    for page in pages:
        for link in page.all("a"):
            ids = link.get("aria-describedby", "").split()
            described[link.get("href")] = " ".join(words(page.by_id[name]) for name in ids)

    assert {story.address: described[story.address] for story in stories} == {
        story.address: " ".join(f"Note: {note}." for note in story.content_notes) for story in stories
    }


def test_a_card_is_no_list_within_the_list_and_names_each_harm_once(
    client: FlaskClient, stories: tuple[Story, ...]
) -> None:
    page = Page(client.get(STORIES).text)

    for card in page.all("li", class_="card"):
        tags = [words(part) for part in card.iter("p") if part.get("class") == "tags"]
        named = [said.removeprefix("Note: ").lower() for text in tags for said in text.split(". ")]
        assert list(card.iter("ul")) == []
        assert len(named) == len(set(named)), named


def test_the_link_of_a_choice_says_how_many_stories_and_whether_it_is_chosen(client: FlaskClient) -> None:
    page = Page(client.get(f"{STORIES}?harm=theft").text)

    (choose,) = page.all("nav", aria_label="Filter stories")
    links = [(words(link), link.get("aria-current")) for link in choose.iter("a")]

    assert ("Theft 1 story, chosen: select to remove", "true") in links
    assert all(re.search(r" \d+ (story|stories)(, chosen: .*)?$", said) for said, _ in links)
    assert [words(item) for item in choose.iter("li")] == [said for said, _ in links]  # nothing else


def test_a_story_leads_to_no_other_story(client: FlaskClient, stories: tuple[Story, ...]) -> None:
    for story in stories:
        links = client.get(story.address).text.split('href="')[1:]
        led = {
            link.split('"')[0]
            for link in links
            if link.startswith(STORIES) and not link.startswith(f'{STORIES}"')
        }
        assert led == set(), story.slug


def test_the_feed_holds_every_story_with_its_notes(client: FlaskClient, stories: tuple[Story, ...]) -> None:
    told = fromstring(client.get("/feed.xml").data)

    assert {told.find(f"{ATOM}{name}") is not None for name in ("id", "title", "updated", "author")} == {True}
    entries = {entry.findtext(f"{ATOM}title"): entry for entry in told.iter(f"{ATOM}entry")}
    assert set(entries) == {story.title for story in stories}
    for story in stories:
        entry = entries[story.title]
        assert entry.findtext(f"{ATOM}id", "").endswith(story.address)
        assert all(f"Note: {note}." in entry.findtext(f"{ATOM}summary", "") for note in story.content_notes)


def test_a_story_that_waited_for_its_day_is_new_on_that_day_in_the_feed(app: Flask, content: Library) -> None:
    waited = replace(content.stories[-1], last_checked=date(2026, 1, 2), published=date(2027, 1, 1))
    others = [story for story in content.stories if story.slug != waited.slug]

    with app.app_context():
        told = fromstring(feed(replace(content, stories=(waited, *others)), "https://x.example"))

    first = next(told.iter(f"{ATOM}entry"))
    assert first.findtext(f"{ATOM}published") == first.findtext(f"{ATOM}updated") == "2027-01-01T00:00:00Z"
    assert told.findtext(f"{ATOM}updated") == "2027-01-01T00:00:00Z"
    assert all(
        entry.findtext(f"{ATOM}updated", "") >= entry.findtext(f"{ATOM}published", "")
        for entry in told.iter(f"{ATOM}entry")
    )


def test_the_sitemap_holds_every_page_that_may_be_indexed_and_no_form(
    client: FlaskClient, content: Library
) -> None:
    root = fromstring(client.get("/sitemap.xml").data)

    listed = {
        str(found.text).removeprefix("http://localhost") for found in root.iter() if found.tag.endswith("loc")
    }
    wanted = {page.address for page in content.pages.values() if page.listed}
    assert listed == wanted | {story.address for story in content.stories}
    assert not listed & set(content.forms)
    assert "Sitemap: http://localhost/sitemap.xml" in client.get("/robots.txt").text


def test_a_page_says_its_one_address_and_what_a_passed_on_link_shows(client: FlaskClient) -> None:
    page = client.get("/how-it-works").text

    assert '<link rel="canonical" href="http://localhost/how-it-works">' in page
    assert 'property="og:title" content="How it works' in page
    assert 'rel="canonical"' not in client.get("/refer/a").text


def test_search_engines_are_told_of_the_service_and_of_the_way_to_a_story(
    client: FlaskClient, content: Library
) -> None:
    page = client.get(content.stories[0].address).text

    assert 'itemtype="https://schema.org/GovernmentService"' in page
    assert f'<meta itemprop="telephone" content="{content.facts["phone"]}">' in page
    crumbs = page.partition('itemtype="https://schema.org/BreadcrumbList"')[2].partition("</ol>")[0]
    assert crumbs.count('itemprop="itemListElement"') == 2
    assert f'href="{STORIES}" itemprop="item"' in crumbs


def test_nothing_written_on_the_private_page_can_be_sent_or_kept(client: FlaskClient) -> None:
    answer = client.get("/think-it-through")

    assert answer.headers["Cache-Control"] == "no-store"
    assert "<form" not in answer.text
    areas = answer.text.split("<textarea")[1:]
    assert len(areas) == 3
    assert all('autocomplete="off"' in area.split(">")[0] for area in areas)
    assert not any(" name=" in area.split(">")[0] for area in areas)
