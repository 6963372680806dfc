"""From a model and an image to a `Probe`: one forward pass in which every layer call is heard."""
