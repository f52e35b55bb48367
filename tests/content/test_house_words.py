"""The check finds each word that the service does not use, and no document contains any of these words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rjsite.content.lint.rules import Rules, load_rules
from rjsite.settings import ROOT
from support.service import CLIENT

# What nobody may write, and a part of the check's advice on what to write instead.
HOUSE_WORDS = [
    ("what it did to you", "how it affected you"),
    ("both sides", "both of you"),
    ("neither side", "neither person"),
    ("the 2 sides", "both people"),
    ("goes on", "goes ahead"),
    ("want to go on", "want to carry on"),
    ("no crime was done", "there was no crime"),
    ("binds you", "you have to keep to it"),
    ("regret it", "say sorry"),
    ("the man harmed", "the man who got the messages"),
    ("the man responsible", "the man who got the messages"),
    ("told of", "told us about"),
    ("need not", "do not have to"),
    ("all the same", "still"),
    ("charged over", "charged for what he did to"),
    ("script", "JavaScript"),
    ("leave this form out", "call us instead"),
    ("is emptied", "you will lose your answers"),
    ("choose by kind of harm", "Filter stories"),
    ("the outline only", "This is a short version"),
    ("what we can tell", "This is a short version"),
    ("taken this page away", "this page has been removed"),
    ("first page", "home page"),
    ("take this form", "accept this form"),
]
PATTERN = re.compile(rf"(?<![\w-])(?:{'|'.join(words for words, _ in HOUSE_WORDS)})(?![\w-])", re.IGNORECASE)
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("templates/**/*.md")])
# The texts of emails, and the advice to operators.
MAIL = [ROOT / "site/rjsite/mail/message.py", ROOT / "site/rjsite/mail/advice.toml"]


@pytest.fixture(scope="module")
def rules() -> Rules:
    return load_rules(CLIENT / "house-rules.toml", Path("house-rules.toml"))


@pytest.mark.parametrize(("words", "instead"), HOUSE_WORDS, ids=[words for words, _ in HOUSE_WORDS])
def test_the_check_names_a_word_that_is_not_ours_and_says_what_to_write(rules, words, instead):
    (only,) = rules.banned_words(f"We say {words} here.")

    assert only[0] == words
    assert instead in only[1]


@pytest.mark.parametrize("path", [*DOCUMENTS, *MAIL], ids=lambda path: str(path.relative_to(ROOT)))
def test_no_document_and_no_mail_has_a_word_that_is_not_ours(path):
    assert PATTERN.findall(path.read_text(encoding="utf-8")) == []
