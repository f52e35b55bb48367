"""Helpers for the tests, which start and stop real servers and browsers."""
