"""`rjsite hide` takes a story off the site straight away."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path

import click

from rjsite.content.list_file import HIDDEN_STORIES, PUBLISHED_FOLDERS, ListFile
from rjsite.content.problem import Problem
from rjsite.settings import Settings


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
