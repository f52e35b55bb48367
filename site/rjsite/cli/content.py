"""Commands about what the site says: check, consent, new-story, release-check and hide."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rjsite.content import clock
from rjsite.content.list_file import HIDDEN_STORIES, PUBLISHED_FOLDERS, ListFile
from rjsite.content.problem import Problem, Severity, Unreadable
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
        problems, result = (
            list(unreadable.problems),
            "Until this is fixed, the site can start only with its last good version.",
        )
        to_fix = len(problems)
    annotations = map(annotation, problems) if github else ()
    click.echo("\n".join([*map(str, problems), *annotations, result]))
    if problems and (summary := os.environ.get("GITHUB_STEP_SUMMARY")):
        add_to_summary(Path(summary), problems)
    if to_fix:
        sys.exit(1)


@click.command()
def consent() -> None:
    """List the stories by the state of their permission: ended, ending soon, active or not yet in force."""
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


@click.command()
@click.argument("story", default="")
@click.option("--list", "show_list", is_flag=True, help="Name the stories that are hidden.")
@click.option("--undo", is_flag=True, help="Show the story again.")
def hide(story: str, show_list: bool, undo: bool) -> None:
    """Remove a story from the site immediately, and keep it off.

    STORY is its address, or the name of its file.
    """
    content, data = Settings.folders()
    hidden = ListFile(data, HIDDEN_STORIES)
    if show_list:
        click.echo("\n".join(sorted(hidden.read())) or "No story is hidden.")
        return
    slug = _slug(story)
    if not slug:
        raise click.UsageError("Name a story by its address, like /case-studies/a-story, or by its file.")
    if undo:
        _show_again(hidden, slug)
    else:
        _take_off(hidden, slug, content)


def _slug(story: str) -> str:
    """Return the name of a story from its address or file, or "" if no story can have that name."""
    name = re.split(r"[?#]", story.strip())[0].rstrip("/").rpartition("/")[2].lower()
    name = name.removesuffix(".md").removesuffix(".html")
    return name if re.fullmatch(r"[a-z0-9-]+", name) else ""


def _take_off(hidden: ListFile, slug: str, content: Path) -> None:
    from rjsite.web.publish import delete_stories

    hidden.add(slug)
    with suppress(OSError):  # if the story cannot be replaced either, `republish` says so
        for_each_published_folder(
            hidden.path.parent, lambda folder: delete_stories(folder, lambda s: s == slug)
        )
    click.echo(
        f"{slug} is hidden on this machine, and stays hidden after a release. “--undo” shows it again."
    )
    for folder in sorted(ListFile(hidden.path.parent, PUBLISHED_FOLDERS).read()):
        if not os.path.lexists(Path(folder, "current")):
            click.echo(
                f"There are no pages in {folder} any more. If they were moved, they still contain the story: "
                "run “rjsite publish” for their new folder.",
                err=True,
            )
    republish(hidden.path.parent)
    stories = [path.stem for path in (content / "case-studies").glob("*.md")]
    if slug not in stories:
        near = get_close_matches(slug, stories, 1)
        question = f" Did you mean {near[0]}?" if near else ""
        click.echo(f"There is no story of that name at present.{question}", err=True)
        sys.exit(1)


def _show_again(hidden: ListFile, slug: str) -> None:
    if slug not in hidden.read():
        click.echo(f"{slug} is not hidden. “rjsite hide --list” names those that are.", err=True)
        sys.exit(1)
    hidden.remove(slug)
    click.echo(f"{slug} is no longer hidden; it is shown if its file allows that.")
    republish(hidden.path.parent)


def for_each_published_folder(data: Path, change: Callable[[Path], None]) -> None:
    """Change each published folder, even if another cannot be changed, such as one on a full or failed disk.

    Raises:
        OSError: if a folder could not be changed. The message names the first of them.
    """
    errors = []
    for folder in map(Path, sorted(ListFile(data, PUBLISHED_FOLDERS).read())):
        try:
            if (folder / "current").is_dir():
                change(folder)
        except OSError as error:
            errors.append(OSError(error.errno, f"{folder} could not be changed: {error.strerror}"))
    if errors:
        raise errors[0]


def republish(data: Path) -> list[Problem]:
    """Publish again to each published folder, and return the problems that keep content from being shown.

    Raises:
        OSError: see `for_each_published_folder`.
    """
    from rjsite.web.publish import publish_content

    os.umask(0o022)  # nginx runs as another user and reads the files
    not_shown: list[Problem] = []

    def publish(folder: Path) -> None:
        _, _, not_shown[:] = publish_content(Settings.load(), folder)
        click.echo(f"The pages in {folder} have been published again.")

    for_each_published_folder(data, publish)
    return not_shown
