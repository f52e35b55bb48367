"""Encryption of the bodies in the outbox and of the mail for the team."""
