"""Checks the examples for nginx and Caddy in deploy/.

The examples repeat two facts, so that the web server can use these facts while the site is unavailable.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from rjsite.content import fact_formats
from rjsite.content.facts import Facts
from rjsite.content.problem import Problem, Severity

FOLDER = Path("deploy")
FILES = ("Caddyfile", "*.conf")
_NUMBER = re.compile(r"(?<![\w./:-])(?:\+44|0)[\d ()-]{7,}\d(?![\w/:-])")
_EXIT = re.compile(r"\b(?:redir (https://\S+) 303|return 303 (https://[^\s;]+))")


def differences(facts: Facts, root: Path) -> Iterator[Problem]:
    """Yield a problem for each phone number or exit address in an example that service.toml contradicts.

    Args:
        facts: the facts of the service.
        root: the folder of the project.
    """
    phone, leave = facts["phone"].value, facts["exit_url"].link
    for path in sorted(path for name in FILES for path in (root / FOLDER).glob(name)):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            display_path = path.relative_to(root)
            for other in _NUMBER.findall(line):
                if fact_formats.digits(other) != fact_formats.digits(phone):
                    message = f"write “{phone}”, the phone number of the service, in place of “{other}”"
                    yield Problem(display_path, number, message, Severity.PLEASE_FIX)
            if (way := _EXIT.search(line)) and (way[1] or way[2]) != leave:
                message = f"write {leave}, where the exit leads, in place of {way[1] or way[2]}"
                yield Problem(display_path, number, message, Severity.PLEASE_FIX)
