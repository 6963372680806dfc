"""The HTML page: `render` writes it, `read` reads it back; `environment` holds the templates, `formats` their filters."""
