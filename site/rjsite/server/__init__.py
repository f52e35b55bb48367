"""The production server and its metrics."""
