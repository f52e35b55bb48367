"""Reads the content of the site from Markdown and TOML files into typed objects."""
