"""No answer to any question of any form is lost, whatever goes wrong after Send."""

from __future__ import annotations

import time
from typing import Any

import pytest
import time_machine

from rjsite import create_app
from rjsite.content.library import load
from rjsite.forms.token import Signer
from rjsite.services import services_of
from rjsite.settings import Settings
from support.forms import GOOD, Page, Value, fresh, lost
from support.mail import copy_of
from support.service import SERVICE

FORMS = load(SERVICE).forms
PIECE = "It’s “mine” & <b> 👩🏽‍🦱 نعم "


def full(address: str, letters: str = "") -> dict[str, Value]:
    """Return an answer to every question, opened or not. If given, `letters` fill every text to its limit."""
    answers: dict[str, Value] = {}
    for question in FORMS[address].questions:
        going_on = [c.value for c in question.choices if not c.stop and c.value != question.alone]
        of_kind: dict[str, Value] = {
            "one": going_on[0] if going_on else "",
            "many": list(going_on),
            "tick": "yes",
            "phone": "+44 (0)1632 960 001",
            "email": f"{question.name}@example.com",
            "text": (letters * question.limit) or f"{PIECE}{question.name}"[: question.limit],
            "long": (letters * question.limit) or f"{PIECE}\r\n\r\n{question.name}"[: question.limit],
        }
        answers[question.name] = of_kind[question.kind]
    return answers


def arrived(answers: dict[str, Value], said: dict) -> bool:
    """Return whether the copy in an email has every answer that was asked for, as it was given."""
    given = {name: value if isinstance(value, list) else [value] for name, value in answers.items()}
    return bool(said["answers"]) and all(
        answer["values"] == [value.replace("\r\n", "\n") for value in given[name]]
        for name, answer in said["answers"].items()
    )


@pytest.fixture(scope="module")
def narrow(tmp_path_factory):
    """Return two sites that have accepted all they can: one form, by the rate limit or the outbox size."""
    folder = tmp_path_factory.mktemp("narrow")
    only_one: dict[str, dict[str, Any]] = {
        "429": {"ratelimit_forms": "1 per 10 minutes"},
        "503": {"outbox_max_waiting": 1},
    }
    sites = {
        kind: create_app(Settings.load(mode="development", data_dir=folder / kind, **setting))
        for kind, setting in only_one.items()
    }
    for site in sites.values():
        client = site.test_client()
        (form, good), *_ = GOOD.items()
        assert client.post(form, data={**fresh(client, form), **good}).status_code == 303
    return sites


@pytest.mark.parametrize("kind", ["429", "503"])
@pytest.mark.parametrize("form", GOOD)
def test_no_answer_is_lost_where_a_form_cannot_be_taken(narrow, form, kind):
    client, answers = narrow[kind].test_client(), full(form)
    token = fresh(client, form)

    back = client.post(form, data={**token, **answers})

    assert back.status_code == int(kind)
    assert lost({**token, **answers}, Page(back.text)) == {}


@pytest.mark.parametrize("form", GOOD)
def test_no_answer_is_lost_by_a_slip_at_any_question(calm, form):
    needed = [q for q in FORMS[form].questions if q.missing and not q.when]

    for question in needed:
        answers = full(form) | {question.name: ""}
        back = calm.post(form, data={**fresh(calm, form), **answers})

        assert back.status_code == 422
        assert lost(answers, Page(back.text)) == {}


def tokens(form: str, calm_app) -> dict[str, str]:
    """Return tokens that are not valid: too old, signed with a removed key, of another form, or missing."""
    keys = services_of(calm_app).settings.secrets
    with time_machine.travel(time.time() - 25 * 3600, tick=False):
        old = Signer(keys, FORMS[form].key).new_token()
    return {
        "25 hours old": old,
        "of a removed key": Signer(["a-key-that-was-taken-out-0123456789"], FORMS[form].key).new_token(),
        "of another form": Signer(keys, "another").new_token(),
        "none": "",
    }


@pytest.mark.parametrize("kind", ["25 hours old", "of a removed key", "of another form", "none"])
@pytest.mark.parametrize("form", GOOD)
def test_no_answer_is_lost_with_a_token_that_no_longer_does_and_sending_again_works(
    app, client, delivered, form, kind
):
    answers = full(form)

    back = client.post(form, data={**answers, "form_token": tokens(form, app)[kind]})
    page = Page(back.text)
    again = [client.post(form, data=page.answers).status_code for _ in range(2)]

    assert back.status_code == 422
    assert lost(answers, page) == {}
    assert again == [303, 303]
    (message,) = delivered()
    assert arrived(answers, copy_of(message))


@pytest.mark.parametrize("letters", ["😀", "x"])
@pytest.mark.parametrize("form", GOOD)
def test_the_longest_answers_to_every_question_are_never_too_large(calm, form, letters):
    assert calm.post(form, data={**fresh(calm, form), **full(form, letters)}).status_code == 303
