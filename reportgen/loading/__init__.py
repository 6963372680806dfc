"""Turn a model reference into a model, with its labels and the scaling of its pixels.

`references`, `applications`, `labels` and `schemes` do not need TensorFlow, so that a mistake in a command is reported at once.
"""
