"""The HTML page: `render` writes it, `read` reads it back, and `environment` holds the templates and their filters."""
