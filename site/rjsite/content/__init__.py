"""What the site says: Markdown files in, typed pages and stories out. Knows nothing of Flask."""
