"""Turns the errors that pydantic finds in a content file into messages for the people who write the file."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

_MESSAGES = {
    "int_parsing": "write a whole number, without quotes",
    "int_type": "write a whole number, without quotes",
    "int_from_float": "write a whole number, without quotes",
    "float_parsing": "write a number, without quotes",
    "float_type": "write a number, without quotes",
    "bool_parsing": "write true or false, without quotes",
    "bool_type": "write true or false, without quotes",
    "string_pattern_mismatch": "write some words in the quotes",
    "string_type": "write words in straight quotes",
    "greater_than_equal": "write a number that is {ge} or more",
    "less_than_equal": "write a number that is {le} or less",
    "literal_error": "write one of: {expected}",
}


def correction_message(fault: ErrorDetails, kind: Any, line: str) -> str:
    """Return a message that says how to correct an error.

    Args:
        fault: the error from pydantic.
        kind: the expected type.
        line: the format of a line in this kind of file, with {} for the field's name.
    """
    *around, name = (str(part) for part in fault["loc"] or ("",))
    given = fault.get("ctx", {})
    match fault["type"]:
        case "missing":
            return f"add a line {line.format(name)}"
        case "extra_forbidden":
            return unknown_field_message(name, _within(kind, around))
        case "string_too_long" | "too_long":
            return f"use {given['max_length']} characters at most; these are {len(str(fault['input']))}"
        case "tuple_type" if isinstance(fault["input"], dict):
            return f"begin each of them with a line of its own: [[{name}]]"
        case "tuple_type" | "list_type":
            return 'write a list, like ["one", "two"]'
        case "dict_type":
            return f'write it as {name} = {{ name = ["value"] }}'
        case "model_type" | "model_attributes_type" if name.isdecimal():
            return 'write each of them as { value = "...", label = "..." }'
        case "model_type" | "model_attributes_type":
            return f"begin it with a line of its own: [{name}]"
    message = _MESSAGES.get(fault["type"], fault["msg"].removeprefix("Value error, "))
    return re.sub(r"\{(\w+)\}", lambda match: str(given.get(match[1], "")), message)


def unknown_field_message(name: str, kind: Any) -> str:
    """Return a message about an unknown name in a table, with the names that the type of the table allows."""
    known = list(_fields(kind))
    near = get_close_matches(name, known, 1)
    message = f"“{name}” is not a field; use one of: {', '.join(known)}"
    return f"{message}; perhaps you mean “{near[0]}”" if near else message


def _within(kind: Any, around: list[str]) -> Any:
    """Return the type of a table, found by following a path of names from an outer type."""
    for name in around:
        if hasattr(kind, "model_fields"):
            kind = _fields(kind)[name].annotation
        else:  # the type of the items of a dict or list
            kind = next(item for item in reversed(get_args(kind)) if item is not Ellipsis)
    return kind


def _fields(kind: type[BaseModel]) -> dict[str, FieldInfo]:
    """Return the fields that a table can have, by their names in the file."""
    return {field.alias or name: field for name, field in kind.model_fields.items() if not field.exclude}
