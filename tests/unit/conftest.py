"""Fixtures: a small content folder. These tests try one module at a time, without a database or a server."""

from support.small_content import content, make_content

__all__ = ["content", "make_content"]
