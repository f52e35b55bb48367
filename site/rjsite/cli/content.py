"""Commands about what the site says: check, consent, new-story and release-check."""

from __future__ import annotations

import os
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rjsite.content import clock
from rjsite.content.problem import Severity, Unreadable
from rjsite.encryption.smime import TeamCertificates
from rjsite.settings import ROOT, Settings, SettingsError

if TYPE_CHECKING:
    from rjsite.content.model import Story


@click.command()
@click.option(
    "--github",
    is_flag=True,
    envvar="GITHUB_ACTIONS",
    help="Also show each problem on its line in GitHub (the default in GitHub Actions).",
)
def check(github: bool) -> None:
    """Check the content. Each problem names the file, the line and what to write."""
    from rjsite.content import lint
    from rjsite.content.library import load
    from rjsite.content.lint.github_report import add_to_summary, annotation
    from rjsite.content.lint.server_examples import differences
    from rjsite.web.papers import out_of_date

    folder, today = Settings.folders()[0], clock.today()
    try:
        library = load(folder, drafts=True, today=today)
        copies = [*out_of_date(library, ROOT), *differences(library.facts, ROOT)]
        problems = sorted(
            {*library.problems, *library.expiry_notices, *lint.check(library, folder, today), *copies}
        )
        to_fix = sum(problem.severity is not Severity.ENDS for problem in problems)
        result = f"{len(library.pages)} pages, {len(library.stories)} stories, {to_fix} to fix"
    except Unreadable as unreadable:
        problems = list(unreadable.problems)
        result = "Until this is fixed, the site can start only with its last good version."
        to_fix = len(problems)
    annotations = map(annotation, problems) if github else ()
    click.echo("\n".join([*map(str, problems), *annotations, result]))
    if problems and (summary := os.environ.get("GITHUB_STEP_SUMMARY")):
        add_to_summary(Path(summary), problems)
    if to_fix:
        sys.exit(1)


@click.command()
def consent() -> None:
    """List the stories by the state of their permission: ended, ending soon, active, or none in force yet."""
    from rjsite.content.expiry import Permission, permission
    from rjsite.content.library import load

    today = clock.today()
    stories = load(Settings.folders()[0], drafts=True, today=today).stories
    in_order = sorted(stories, key=lambda story: (story.ask_again or date.max, story.slug))
    for state in Permission:
        lines = [_permission(story) for story in in_order if permission(story, today) is state]
        click.echo("\n".join([f"{state} ({len(lines)})", *lines]))


def _permission(story: Story) -> str:
    """Return a line that names the story, who agreed to it, when, and until when."""
    who = story.agreed_by or "who agreed is not stated"
    given = f", {story.permission:%-d %B %Y}" if story.permission else ""
    ends = f", ends on {story.ask_again:%-d %B %Y}" if story.ask_again else ""
    return f"  {story.document.display_path}: {who}{given}{ends}{' (a draft)' if story.draft else ''}"


@click.command()
@click.argument("title")
def new_story(title: str) -> None:
    """Write the file of a new story, with every field explained.

    Put the title in quotation marks.
    """
    from rjsite.content.library import STORIES
    from rjsite.content.story_file import write_story

    try:
        path = write_story(Settings.folders()[0], title, clock.today())
    except FileExistsError as error:
        click.echo(f"There is a story of that name already: {error.filename}. Choose another title.")
        sys.exit(1)
    except ValueError as error:
        raise click.UsageError(f"This title cannot be used: {error}.") from None
    click.echo(
        f"The story is in {os.path.relpath(path)}. What to do next:\n"
        "1. Fill in each field and write the words below; the file says how.\n"
        "2. Run `make check`. It names each line to fix, and what to write there.\n"
        f"3. See it with `make serve`, at {STORIES}{path.stem}. It is marked as a draft.\n"
        "4. When the people in the story have agreed, take out the line `draft: true`."
    )


@click.command()
@click.option(
    "--write", metavar="FILE", type=click.Path(path_type=Path), help="Write the open questions to a file."
)
def release_check(write: Path | None) -> None:
    """List the questions that the service still has to answer, and the settings that are missing."""
    from rjsite.content.library import load
    from rjsite.content.open_questions import as_document, open_questions

    folder = Settings.folders()[0]
    library = load(folder, drafts=True)
    questions = open_questions(library, folder, ROOT / "templates")
    if write:
        write.write_text(as_document(questions), encoding="utf-8")
        click.echo(f"The open questions are in {write}.")
        return
    lines = [*(str(question.problem) for question in questions), *_missing_settings()]
    click.echo(
        "\n".join([*lines, *map(str, library.expiry_notices), f"{len(lines)} to resolve before release"])
    )
    if lines:
        sys.exit(1)


def _missing_settings() -> list[str]:
    """Return a line for each setting that production lacks or cannot use, or that will soon expire."""
    try:
        settings = Settings.load(mode="production")
    except SettingsError as error:
        return error.faults
    lines = TeamCertificates(settings.team_certificates).warnings()
    if any(address.endswith(".cjsm.net") for address in settings.team) and not settings.mail_client_cert:
        lines.append(
            "RJSITE_TEAM_EMAIL: CJSM accepts mail only from servers with a client certificate; "
            "set RJSITE_MAIL_CLIENT_CERT (docs/mail.md)"
        )
    return lines
