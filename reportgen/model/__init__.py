"""The only rooms that know TensorFlow: from a reference to a model, and from a model and a batch to a `Probe`.

`references`, `applications`, `labels` and `schemes` do without it, so that a mistake in the command is told at once.
"""
