"""The program `rjsite`. For errors that can be expected, it prints a message instead of a traceback.

A command exits with 0 if all is well, 1 if something is wrong, or 2 if the command line or the settings
cannot be used.

Modules that are slow to import, such as Flask and SQLAlchemy, are imported only when a command runs.
Otherwise `rjsite --help`, `rjsite check` and the scripts in deploy/ would take half a second longer.
"""

from __future__ import annotations

import platform
import sys
from io import TextIOWrapper
from typing import Any, NoReturn

import click

from rjsite import full_version
from rjsite.cli import content, doctor, hide, outbox, serve, update_content
from rjsite.content.problem import Unreadable
from rjsite.settings import SettingsError


class Program(click.Group):
    """All commands of `rjsite`.

    This is not Flask's FlaskGroup, because FlaskGroup creates the app to list its commands, and these
    commands have to work even if the settings or the content cannot be used. Flask's own commands are
    available as `flask --app rjsite run`, `routes` and `shell`.
    """

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run a command and exit, with a message if settings, content, database or disk cannot be used."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):  # a terminal may not have every character
                stream.reconfigure(errors="replace")
        try:
            return super().main(*args, **extra)
        except SettingsError as error:
            _fail(2, "\n  ".join(["The settings cannot be used:", *error.faults]))
        except Unreadable as error:
            _fail(1, "\n".join(map(str, error.problems)))
        except Exception as error:
            from rjsite.outbox.database import DATABASE_ERRORS

            if not isinstance(error, DATABASE_ERRORS):
                raise
            name = f"the database of the outbox cannot be used ({type(error).__name__})"
            where = f"{file}: " if isinstance(file := getattr(error, "filename", ""), str) and file else ""
            _fail(1, f"That did not work: {where}{getattr(error, 'strerror', '') or name}.")


def _fail(status: int, message: str) -> NoReturn:
    click.echo(message, err=True)
    sys.exit(status)


_program = Program(
    "rjsite",
    help="The restorative justice website.",
    commands=[
        serve.serve,
        serve.staff,
        serve.deliver,
        serve.mail,
        serve.publish,
        serve.keys,
        serve.with_settings,
        content.check,
        content.consent,
        content.new_story,
        content.release_check,
        hide.hide,
        update_content.update_content,
        outbox.outbox,
        doctor.doctor,
    ],
)
_python = f"Python {platform.python_version()}"
main = click.version_option(full_version(), message=f"rjsite %(version)s on {_python}")(_program)

if __name__ == "__main__":
    main()
