"""Helpers for the tests. They start and stop the servers and browsers, all of which are real."""
