"""Kept on disk first: what someone sent is never lost. Knows no questions and no Flask."""
