"""The outbox, which writes each form to disk before its sender is thanked, so that no form is lost."""
