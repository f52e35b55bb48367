"""The four forms for tests without a browser: good answers, mistakes, and a parser for the page.

INVALID_ANSWERS and STOPS are written by hand, never generated from the definitions in
tests/invented_service/forms, so that they check the site's behaviour independently of these definitions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import Element

import html5lib

from rjsite.forms.token import Signer
from rjsite.services import services_of

if TYPE_CHECKING:
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

Value = str | list[str]
Answers = Mapping[str, Value]

A, B, C, CONTACT = "/refer/a", "/refer/b", "/refer/c", "/contact"
STORY = "It was my shop.\nIt happened twice."

GOOD: dict[str, dict[str, Value]] = {
    A: {
        "name": "Zofia Ł",
        "adult": "yes",
        "contact_by": "phone",
        "phone": "01632 960 001",
        "leave_message": "no",
        "say_who": "no",
        "safe_notes": "Only before 3pm",
        "link": ["live", "happened"],
        "stage": "police",
        "about": STORY,
        "needs": ["interpreter", "large-print"],
        "needs_detail": "Polish",
        "agree": "yes",
    },
    B: {
        "adult": "yes",
        "victim_led": "not-sure",
        "name": "Sam",
        "living": "prison",
        "contact_by": "post",
        "address": "1 Long Lane\nNowhere",
        "say_who": "yes",
        "safe_notes": "Mark it private",
        "link": ["not-sure"],
        "stage": "court",
        "about": STORY,
        "needs": ["someone"],
        "needs_detail": "A worker",
        "agree": "yes",
    },
    C: {
        "consent": "yes",
        "knows": "work",
        "ref_org": "Help & Co",
        "ref_role": "Adviser",
        "ref_name": "Robin Worker",
        "ref_by": ["email", "phone"],
        "ref_email": "robin@example.com",
        "ref_phone": "01632 960 002",
        "side": "caused",
        "their_adult": "no",
        "yjs_reason": "They turn 18 soon",
        "victim_led": "yes",
        "harmed_asked": "yes",
        "link": ["supervised", "other-lives"],
        "stage": "finished",
        "about": STORY,
        "their_name": "Kim",
        "their_living": "prison",
        "their_contact_by": "person",
        "their_trusted_name": "Uncle Jo",
        "their_trusted_contact": "jo@example.com",
        "their_say_who": "yes",
        "their_safe_notes": "Ask for Jo",
        "risk": "A dog in the yard",
        "needs": ["bsl"],
        "needs_detail": "Evenings",
    },
    CONTACT: {
        "topic": "question",
        "message": STORY,
        "reply_by": "email",
        "email": "anna@example.com",
        "say_who": "yes",
        "name": "Anna",
    },
}


@dataclass(frozen=True)
class InvalidAnswer:
    """A change to good answers, and the error that it must cause at a field; {area} is the service's area."""

    form: str
    field: str
    message: str
    change: Answers

    def __str__(self) -> str:
        """Return the name of the case in the list of tests."""
        return f"{self.form}-{self.field}-{self.message[:30]}"


BAD_PHONE = "Enter a phone number, like 01632 960 001 or 07700 900 982"
BAD_EMAIL = "Enter an email address in the correct format, like name@example.com"
LONG_EMAIL = "a@" + ".".join(["b" * 60] * 5) + ".com"


def _too_long(form: str, field: str, noun: str, limit: int, also: Answers | None = None) -> InvalidAnswer:
    message = f"{noun} must be {limit:,} characters or less"
    return InvalidAnswer(form, field, message, {**(also or {}), field: "x" * (limit + 1)})


def _email(form: str, field: str, missing: str, also: Answers | None = None) -> list[InvalidAnswer]:
    return [
        InvalidAnswer(form, field, missing, {**(also or {}), field: " "}),
        InvalidAnswer(form, field, BAD_EMAIL, {**(also or {}), field: "anna at example"}),
        InvalidAnswer(form, field, BAD_EMAIL, {**(also or {}), field: LONG_EMAIL}),
    ]


def _phone(form: str, field: str, missing: str, also: Answers) -> list[InvalidAnswer]:
    return [
        InvalidAnswer(form, field, missing, {**also, field: ""}),
        InvalidAnswer(form, field, BAD_PHONE, {**also, field: "my usual number"}),
    ]


def _contact_block(form: str) -> list[InvalidAnswer]:
    """Return mistakes in the contact questions. In form C the words differ and names begin with their_."""
    c = form == C
    p = "their_" if c else ""
    by, you, your = (
        f"{p}contact_by",
        "they want us to contact them" if c else "you want us to contact you",
        ("their" if c else "your"),
    )
    trust = f"the person {'they' if c else 'you'} trust"
    person, post = {by: "person"}, {by: "post"}
    phone = {by: "phone", f"{p}phone": "01632 960 001", f"{p}leave_message": "yes"}
    trusted = {**person, f"{p}trusted_name": "Jo", f"{p}trusted_contact": "01632 960 003"}
    return [
        InvalidAnswer(form, by, f"Select how {you}, or that {'they' if c else 'you'} will call us", {by: ""}),
        _too_long(form, f"{p}word", "The word", 40, {by: "call"}),
        *_phone(form, f"{p}phone", f"Enter {your} phone number", phone),
        *_email(form, f"{p}email", f"Enter {your} email address", {by: "email"}),
        InvalidAnswer(form, f"{p}address", f"Enter {your} address", {**post, f"{p}address": " \r\n "}),
        _too_long(form, f"{p}address", "Address", 500, post),
        InvalidAnswer(
            form, f"{p}trusted_name", f"Enter the name of {trust}", {**trusted, f"{p}trusted_name": ""}
        ),
        _too_long(form, f"{p}trusted_name", f"Name of {trust}", 100, trusted),
        InvalidAnswer(
            form,
            f"{p}trusted_contact",
            f"Enter a phone number or email address for {trust}",
            {**trusted, f"{p}trusted_contact": ""},
        ),
        _too_long(form, f"{p}trusted_contact", "Phone number or email address", 254, trusted),
        InvalidAnswer(
            form,
            f"{p}leave_message",
            "Select yes if we can leave a message",
            {**phone, f"{p}leave_message": ""},
        ),
        InvalidAnswer(form, f"{p}say_who", "Select yes if we can say who we are", {f"{p}say_who": ""}),
        _too_long(form, f"{p}safe_notes", "What makes this safer", 300),
    ]


def _what_it_is_about(form: str) -> list[InvalidAnswer]:
    return [
        InvalidAnswer(form, "link", 'Select the connection with {area}, or "I am not sure"', {"link": []}),
        InvalidAnswer(
            form, "link", 'Select what applies, or select "None of these"', {"link": ["live", "none"]}
        ),
        _too_long(form, "about", "What this is about", 1000),
        _too_long(form, "needs_detail", f"Help {'they' if form == C else 'you'} need", 300),
    ]


def _person(form: str) -> list[InvalidAnswer]:
    return [
        InvalidAnswer(form, "name", "Enter what we should call you", {"name": " \t "}),
        _too_long(form, "name", "Name", 100),
        InvalidAnswer(form, "adult", "Select yes if you are 18 or over", {"adult": ""}),
        *_contact_block(form),
        *_what_it_is_about(form),
        InvalidAnswer(
            form,
            "agree",
            "Select the box if you agree that the team can use what you have written",
            {"agree": []},
        ),
    ]


INVALID_ANSWERS: list[InvalidAnswer] = [
    *_person(A),
    _too_long(A, "trusted_adult", "The adult you trust", 300, {"adult": "no"}),
    *_person(B),
    InvalidAnswer(B, "victim_led", 'Select yes, no or "I am not sure"', {"victim_led": ""}),
    InvalidAnswer(C, "consent", "Select yes if the person has agreed to this referral", {"consent": ""}),
    InvalidAnswer(C, "knows", "Select how you know the person", {"knows": ""}),
    InvalidAnswer(C, "ref_name", "Enter your name", {"ref_name": ""}),
    _too_long(C, "ref_name", "Your name", 100),
    InvalidAnswer(C, "ref_org", "Enter your organisation", {"ref_org": ""}),
    _too_long(C, "ref_org", "Organisation", 100),
    *_email(C, "ref_email", "Enter your email address"),
    InvalidAnswer(C, "ref_phone", "Enter your phone number", {"ref_phone": ""}),
    InvalidAnswer(C, "ref_phone", BAD_PHONE, {"ref_phone": "12"}),
    InvalidAnswer(C, "ref_by", "Select how we can reach you", {"ref_by": []}),
    _too_long(C, "ref_role", "Your role", 100),
    InvalidAnswer(
        C, "side", "Select whether they were harmed, caused harm or are in a dispute", {"side": ""}
    ),
    InvalidAnswer(C, "their_adult", "Select yes if they are 18 or over", {"their_adult": ""}),
    InvalidAnswer(
        C, "yjs_reason", "Enter why the Youth Justice Service is not dealing with this", {"yjs_reason": ""}
    ),
    _too_long(C, "yjs_reason", "Reason", 500),
    InvalidAnswer(C, "victim_led", 'Select yes, no or "Not sure"', {"victim_led": ""}),
    InvalidAnswer(
        C, "harmed_asked", "Select yes if the person harmed has asked for this", {"harmed_asked": ""}
    ),
    *_what_it_is_about(C),
    InvalidAnswer(C, "their_name", "Enter what we should call them", {"their_name": ""}),
    _too_long(C, "their_name", "Name", 100),
    *_contact_block(C),
    _too_long(C, "risk", "Risk", 1000),
    InvalidAnswer(CONTACT, "message", "Enter your message", {"message": "\r\n"}),
    _too_long(CONTACT, "message", "Message", 2000),
    _too_long(CONTACT, "reference", "Reference", 40, {"topic": "change"}),
    InvalidAnswer(CONTACT, "reply_by", "Select how you would like us to reply", {"reply_by": ""}),
    *_email(CONTACT, "email", "Enter your email address"),
    *_phone(CONTACT, "phone", "Enter your phone number", {"reply_by": "phone", "leave_message": "yes"}),
    InvalidAnswer(
        CONTACT,
        "leave_message",
        "Select yes if we can leave a message",
        {"reply_by": "phone", "phone": "01632 960 001", "leave_message": ""},
    ),
    InvalidAnswer(CONTACT, "say_who", "Select yes if we can say who we are", {"say_who": ""}),
    _too_long(CONTACT, "name", "Name", 100),
]

# Optional questions without an error message.
SILENT: dict[str, set[str]] = {
    A: {"other_under_18", "stage", "needs"},
    B: {"living", "stage", "needs"},
    C: {"stage", "their_living", "needs"},
    CONTACT: {"topic"},
}

# A form, answers, and the outcome that is shown instead of sending the form.
STOPS: list[tuple[str, Answers, str]] = [
    (A, {"link": ["none"]}, "outside"),
    (B, {"adult": "no"}, "under-18"),
    (B, {"victim_led": "yes"}, "victim-led"),
    (B, {"link": ["none"]}, "outside"),
    (C, {"consent": "no"}, "no-consent"),
    (
        C,
        {"knows": "family", "ref_org": [], "ref_role": [], "their_adult": "no", "yjs_reason": []},
        "their-under-18",
    ),
    (C, {"harmed_asked": "no"}, "not-asked"),
    (C, {"link": ["none"]}, "outside"),
]


class Page:
    """A parsed page, without the parts that are only for JavaScript or only for paper."""

    def __init__(self, html: str) -> None:
        """Parse the page by the rules of the HTML standard."""
        self.root: Element = html5lib.parse(html, namespaceHTMLElements=False)
        for element in list(self.root.iter()):
            if element.tag == "template" or "paper" in element.get("class", "").split():
                after = element.tail
                element.clear()
                element.tail = after

    def all(self, *tags: str, **attributes: str) -> list[Element]:
        """Return every element with one of these tags (by default any) and with these attributes."""
        wanted = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
        return [
            element
            for element in self.root.iter()
            if isinstance(element.tag, str)
            and (not tags or element.tag in tags)
            and all(element.get(name) == value for name, value in wanted.items())
        ]

    @cached_property
    def by_id(self) -> dict[str, Element]:
        """Return each element by its id."""
        return {element.attrib["id"]: element for element in self.all() if "id" in element.attrib}

    @property
    def title(self) -> str:
        """Return the title of the document."""
        return words(self.all("title")[0])

    @property
    def text(self) -> str:
        """Return all words, with single spaces."""
        return words(self.all("body")[0])

    @property
    def form(self) -> Element:
        """Return the only form with method POST."""
        (form,) = self.all("form", method="post")
        return form

    def fields(self, name: str) -> list[Element]:
        """Return the controls with this name."""
        return [element for element in self.controls() if element.get("name") == name]

    def controls(self) -> Iterator[Element]:
        """Return the controls that a person can fill in, and the hidden fields."""
        return (element for element in self.form.iter() if element.tag in ("input", "textarea", "select"))

    @property
    def answers(self) -> dict[str, list[str]]:
        """Return the data that a browser would send if the page were submitted unchanged."""
        given: dict[str, list[str]] = {}
        for control in self.controls():
            chooses = control.get("type") in ("radio", "checkbox")
            if not chooses or "checked" in control.attrib:
                value = control.text or "" if control.tag == "textarea" else control.get("value", "on")
                given.setdefault(control.attrib["name"], []).append(value)
        return given

    @property
    def parents(self) -> dict[Element, Element]:
        """Return the parent of each element."""
        return {child: parent for parent in self.root.iter() for child in parent}


def words(element: Element) -> str:
    """Return the words in an element, with single spaces."""
    return " ".join("".join(element.itertext()).split())


def fresh(client: FlaskClient, form: str) -> dict[str, list[str]]:
    """Return the data of a newly opened, empty form: its token. The page is not rendered."""
    services = services_of(client.application)
    key = services.content.now().forms[form].key
    return {"form_token": [Signer(services.settings.secrets, key).new_token()]}


def send(client: FlaskClient, form: str, answers: Answers | None = None, **more: Any) -> TestResponse:
    """Send a newly opened form with the GOOD answers and the given changes."""
    return client.post(form, data={**fresh(client, form), **GOOD[form], **(answers or {})}, **more)


def lost(sent: Answers, page: Page) -> dict[str, list[str]]:
    """Return the sent answers that are missing from the page, if any."""
    kept = page.answers
    given = {name: value if isinstance(value, list) else [value] for name, value in sent.items()}
    typed = {name: [_plain(value) for value in values if _plain(value)] for name, values in given.items()}
    return {
        name: values
        for name, values in typed.items()
        if values and sorted(values) != sorted(map(_plain, kept.get(name, [])))
    }


def _plain(value: str) -> str:
    return value.replace("\r\n", "\n").strip()
