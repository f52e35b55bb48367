"""`rjsite hide`: take a story off the site at once, and keep it off, whatever version runs."""

from __future__ import annotations

import argparse
import os
import re
import sys
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from rjsite.content.list_file import HIDDEN_STORIES, PUBLISHED_FOLDERS, ListFile
from rjsite.settings import Settings


def add_to(commands: Any) -> None:
    """Add the command to a parser's commands."""
    hide = commands.add_parser("hide", help="take a story off the site at once, and keep it off")
    hide.add_argument("story", nargs="?", help="its address, or the name of its file")
    hide.add_argument("--list", action="store_true", help="name the stories that are hidden")
    hide.add_argument("--undo", action="store_true", help="show the story again")
    hide.set_defaults(run=_hide)


def _hide(given: argparse.Namespace) -> int:
    content, data = Settings.folders()
    hidden = ListFile(data, HIDDEN_STORIES)
    if given.list:
        print(*(sorted(hidden.read()) or ["No story is hidden."]), sep="\n")
        return 0
    slug = _slug(given.story or "")
    if not slug:
        print("Name a story by its address, like /case-studies/a-story, or by its file.", file=sys.stderr)
        return 2
    return _undo(hidden, slug) if given.undo else _take_off(hidden, slug, content)


def _slug(story: str) -> str:
    """Return the name of a story from an address or a file; empty where it can be none."""
    name = re.split(r"[?#]", story.strip())[0].rstrip("/").rpartition("/")[2].lower()
    name = name.removesuffix(".md").removesuffix(".html")
    return name if re.fullmatch(r"[a-z0-9-]+", name) else ""


def _take_off(hidden: ListFile, slug: str, content: Path) -> int:
    from rjsite.web.publish import take_down

    hidden.add(slug)
    for folder in _published(hidden):
        take_down(folder, lambda story: story == slug)
    print(f"{slug} is hidden, on this machine and in whatever version runs. “--undo” shows it again.")
    _publish_again(hidden)
    stories = [path.stem for path in (content / "case-studies").glob("*.md")]
    if slug in stories:
        return 0
    near = get_close_matches(slug, stories, 1)
    words = f" Do you mean {near[0]}?" if near else ""
    print(f"There is no story of that name at present.{words}", file=sys.stderr)
    return 1


def _undo(hidden: ListFile, slug: str) -> int:
    if slug not in hidden.read():
        print(f"{slug} is not hidden. “rjsite hide --list” names those that are.", file=sys.stderr)
        return 1
    hidden.remove(slug)
    print(f"{slug} is no longer hidden; it is shown if its file allows that.")
    _publish_again(hidden)
    return 0


def _published(hidden: ListFile) -> list[Path]:
    """Return the folders that hold published pages."""
    folders = map(Path, sorted(ListFile(hidden.path.parent, PUBLISHED_FOLDERS).read()))
    return [folder for folder in folders if (folder / "current").is_dir()]


def _publish_again(hidden: ListFile) -> None:
    """Bring lists and links of the published pages up to date; a running site does so by itself."""
    from rjsite.web.publish import publish_content

    os.umask(0o022)  # nginx, another user, reads them
    for folder in _published(hidden):
        publish_content(Settings.load(), folder)
        print(f"The pages in {folder} are published again.")
