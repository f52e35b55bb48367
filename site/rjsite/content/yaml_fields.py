"""Reads the fields above a page's text as YAML, and finds lines that YAML cannot read or would misread."""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml

_CURLY = "“”„‟‘’‚‛«»"
_ENCLOSED = re.compile(rf"[{_CURLY}][^“”\"]*[{_CURLY}\"']")
_ESCAPED = re.compile(r"(?<!\\)(?:\\\\)*(\\[^\"\\/])")

# What to write instead of a line that YAML cannot read. The first pattern that matches the line counts.
_ADVICE = {
    r".*\t": "there is a tab here; use spaces instead",
    r"\s+\w+\s*(?::|$)": "take out the spaces before “{name}”",
    rf"[^:]*:\s*[{_CURLY}]": "the quotes “ ” around the {known} are curly; write straight ones: {straight}",
    r"[^:]*:\s*[\[{]": "this line cannot be read; write the list like [one, two], with both brackets",
    r"[^:]*:\s*[\"']": (
        "write one straight quote before the {known}, one after it, and none within: {straight}"
    ),
    r".*:.*:": "put the {known} in quotes, because it holds a colon: {straight}",
    r"[^:]*:\S": "write a space after the colon: {name}: {value}",
    r".*:": "this line cannot be read; put the {known} in straight quotes: {straight}",
    "": "this line cannot be read; write “name: words”; or, if the text begins here, a line --- above it",
}


def nodes(text: str) -> Iterator[tuple[str, int, yaml.Node]]:
    """Yield the name, the line index and the YAML node of each field.

    Raises:
        yaml.YAMLError: if YAML cannot read the text as fields.
    """
    node = yaml.compose(text, Loader=yaml.CBaseLoader)
    if not isinstance(node, yaml.MappingNode | None):
        raise yaml.MarkedYAMLError(problem_mark=node.start_mark)
    for key, value in node.value if node else ():
        if not isinstance(key, yaml.ScalarNode):
            raise yaml.MarkedYAMLError(problem_mark=key.start_mark)
        yield "_".join(key.value.lower().replace("-", " ").split()), key.start_mark.line, value


def find_unreadable_line(text: str) -> tuple[int, str]:
    """Return the index of the line that YAML cannot read, with a message. The text has such a line."""
    # Without a field above it, YAML would read a first line that is not a field together with the next line.
    text = f"a: b\n{text}"
    line = 1
    try:
        list(nodes(text))
    except yaml.reader.ReaderError as error:  # a character that YAML does not allow
        line = text.encode()[: error.position].count(b"\n")
    except yaml.MarkedYAMLError as error:
        # If brackets or quotes are not closed, their context says where they begin.
        unclosed = not re.search("block|plain", error.context or "")
        mark = (unclosed and error.context_mark) or error.problem_mark
        line = mark.line if mark else line
    lines = text.splitlines()
    line = min(line, len(lines) - 1)
    return line - 1, _advice(lines[line])


def _advice(line: str) -> str:
    """Return a message that says why a line cannot be read, and what to write instead."""
    name, _, value = (part.strip() for part in line.partition(":"))
    known = name if re.fullmatch(r"\w+", name) else "title"
    message = next(message for pattern, message in _ADVICE.items() if re.match(pattern, line))
    return message.format(name=name, value=value, known=known, straight=f'{known}: "..."')


def misread_fields(text: str) -> dict[str, str]:
    """Return a correction for each field that readers would not see as intended, by field name."""
    scalars = [(name, node) for name, _, node in nodes(text) if isinstance(node, yaml.ScalarNode)]
    messages = {name: _misread_correction(name, node, text.splitlines()) for name, node in scalars}
    return {name: message for name, message in messages.items() if message}


def _misread_correction(name: str, node: yaml.ScalarNode, lines: list[str]) -> str:
    start, end = node.start_mark, node.end_mark
    if node.style == '"':
        escaped = _ESCAPED.search(lines[start.line][start.column :])
        return (
            f"{name}: {escaped[1]} is not shown as it is written; take the backslash out" if escaped else ""
        )
    if node.style:
        return ""
    straight = f'write the {name} in straight quotes: {name}: "..."'
    after = lines[end.line][end.column :].strip()
    if after.startswith("#"):
        return f"“{after}” is not shown, because # begins a note here; {straight}, or take that out"
    written = lines[start.line][start.column :] if start.line == end.line else node.value
    if written[: end.column - start.column].split() != node.value.split() and start.line == end.line:
        return f"“{written.strip()}” is shown as “{node.value}”; {straight}"
    if _ENCLOSED.fullmatch(node.value):
        return f"readers see the curly quotes around this; {straight}, with “ ” inside only for a quotation"
    return ""
