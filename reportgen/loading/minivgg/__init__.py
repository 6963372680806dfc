"""The bundled model: MiniVGG's architecture, its training, its labels and the trained files."""
