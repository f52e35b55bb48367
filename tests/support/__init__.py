"""Helpers of the tests. Every server and browser they use is real, and is started and stopped here."""
