"""Reads what the site says from Markdown and TOML files into typed pages, stories and forms."""
