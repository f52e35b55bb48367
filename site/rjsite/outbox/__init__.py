"""The outbox stores what people send on disk before anything else happens, so that nothing is lost."""
