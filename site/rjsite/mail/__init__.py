"""Composes mail for the team and delivers it safely, to the team alone."""
