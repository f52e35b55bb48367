"""The web layer: views, middleware, and the files that are made from pages."""
