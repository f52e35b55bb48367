"""A form in a plain Flask app, for comparison with the site (`make bench`).

    python plain_form.py PORT DATABASE

It uses the same libraries: Flask-WTF, Flask-Limiter in memory, SQLAlchemy with one synced insert, and a
composed email. It encrypts nothing.
"""

from __future__ import annotations

import sys
from email.message import EmailMessage

from flask import Flask, abort, redirect, request
from flask.typing import ResponseReturnValue
from flask_limiter import Limiter
from flask_wtf import FlaskForm
from sqlalchemy import Column, Engine, Integer, LargeBinary, MetaData, Table, create_engine, event, insert
from waitress import serve
from wtforms import StringField
from wtforms.validators import DataRequired, Length

from support.visitor import FORM_A

_metadata = MetaData()
_mails = Table(
    "mails", _metadata, Column("number", Integer, primary_key=True), Column("message", LargeBinary)
)


class PlainForm(FlaskForm):  # type: ignore[misc]
    """A line of text for each question of form A."""

    class Meta:
        csrf = False  # it is tested without a browser


for _name in FORM_A:
    setattr(PlainForm, _name, StringField(_name, [DataRequired(), Length(max=4000)]))


def database(file: str) -> Engine:
    """Return an engine for a new SQLite file, which syncs each commit to disk."""
    engine = create_engine(f"sqlite:///{file}", connect_args={"timeout": 30})

    @event.listens_for(engine, "connect")
    def sync(connection: object, _record: object) -> None:
        connection.execute("PRAGMA journal_mode=WAL")  # type: ignore[attr-defined]
        connection.execute("PRAGMA synchronous=FULL")  # type: ignore[attr-defined]

    _metadata.create_all(engine)
    return engine


def compose(form: PlainForm) -> bytes:
    """Return an email with a line for each answer."""
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = "A form", "website@example.org", "team@example.org"
    mail.set_content("\n".join(f"{field.name}: {field.data}" for field in form))
    return mail.as_bytes()


def make_app(engine: Engine) -> Flask:
    """Return an app that stores an email for each form that is sent to it."""
    app = Flask("plain")
    limiter = Limiter(lambda: request.remote_addr or "", storage_uri="memory://")
    limiter.init_app(app)

    @app.get("/")
    def show() -> str:
        return "A form"

    @app.post("/")
    @limiter.limit("1000000 per minute")
    def take() -> ResponseReturnValue:
        form = PlainForm()
        if not form.validate():
            abort(422)
        with engine.begin() as connection:
            connection.execute(insert(_mails).values(message=compose(form)))
        return redirect("/", 303)

    return app


if __name__ == "__main__":
    serve(make_app(database(sys.argv[2])), host="127.0.0.1", port=int(sys.argv[1]), threads=8)
