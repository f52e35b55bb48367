"""The outbox, which writes each form to disk before anything else happens, so that nothing is lost."""
