"""Encryption of the rows of the outbox and of the mail for the team."""
