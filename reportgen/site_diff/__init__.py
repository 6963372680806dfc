"""The diff of two sites: which answers changed, and how far the models moved, over all images that both sites hold."""
