"""Turn a model and an image into a `Probe`, by intercepting every layer call of one forward pass."""
