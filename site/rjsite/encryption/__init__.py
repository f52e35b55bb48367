"""Encryption of what waits in the outbox, and of mail for the team."""
