"""What the site says: reads files of Markdown and TOML, and gives typed pages, stories and forms."""
