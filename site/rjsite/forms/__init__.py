"""What we ask, and the rules of an answer."""
