"""Composes mail for the team and delivers it to the team only."""
