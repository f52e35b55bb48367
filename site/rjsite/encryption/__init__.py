"""Encryption of the bodies in the outbox and, if the team has certificates, of the emails with forms."""
