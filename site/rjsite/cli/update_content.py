"""`rjsite update-content` shows the content that was merged to main."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import click

from rjsite.cli.hide import for_each_published_folder, republish
from rjsite.content import git_update
from rjsite.content.last_good import is_withdrawn
from rjsite.content.problem import Problem, Unreadable
from rjsite.settings import ROOT, Settings


@click.command()
def update_content() -> None:
    """Show the content that was merged to main; the program stays as it is.

    Removed stories disappear first. A file with a problem is left out or stays as it was.
    """
    settings, _ = Settings.read()
    if not settings.content_repository:
        raise click.UsageError("Set RJSITE_CONTENT_REPOSITORY to the address of the project.")
    data = settings.data_dir
    with git_update.update_lock(data):
        before = git_update.read_result(data) or git_update.Update(0)
        try:
            update = _updated(before, settings.content_repository, data)
        except (git_update.CannotFetch, OSError) as error:
            update = replace(before, failure=str(error))
        except Unreadable as unreadable:
            update = replace(before, failure=str(unreadable.problems[0]))
        update = replace(update, ended=time.time())
        git_update.write_result(data, update)
    if update.commit != before.commit:
        click.echo(f"{update.summary()}.")
    if update.failure or update.not_shown:
        click.echo("\n".join(filter(None, [update.failure, *update.not_shown])), err=True)
        sys.exit(1)


def _updated(before: git_update.Update, repository: str, data: Path) -> git_update.Update:
    """Show and publish the content of main unless it is already shown, and return the result.

    Problems are checked again each time, because a new day or a new release can resolve them. After a
    failure, the published pages may be those of any commit.
    """
    commit, not_shown = git_update.fetch_content(repository, data), before.not_shown
    if commit != before.commit or before.not_shown or before.failure:
        _delete_withdrawn_stories(data)
        # If this run is killed, the next one publishes again, even if main has not changed.
        git_update.write_result(data, replace(before, failure="the last run was interrupted"))
        not_shown = tuple(map(str, republish(data) or _not_shown(Settings.load())))
    program = git_update.program_on_main(data, ROOT)
    return replace(before, commit=commit, failure="", not_shown=not_shown, program=program)


def _delete_withdrawn_stories(data: Path) -> None:
    """Delete withdrawn stories from the published pages, even if the other pages cannot be published."""
    from rjsite.web.publish import delete_stories

    stories = data / git_update.LINK / "case-studies"
    with suppress(OSError):  # `republish` says which folder cannot be changed
        for_each_published_folder(
            data, lambda folder: delete_stories(folder, lambda slug: is_withdrawn(stories / f"{slug}.md"))
        )


def _not_shown(settings: Settings) -> list[Problem]:
    """Save the last good versions, and return the problems that prevent content from being shown."""
    from rjsite.web.live_content import LiveLibrary

    live = LiveLibrary(settings.content_dir, production=settings.production, data=settings.data_dir)
    live.keep_last_good()
    return live.now().not_shown
