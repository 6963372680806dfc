"""From a reference to a model: names, files, labels and the scaling of pixels.

`references`, `applications`, `labels` and `schemes` need no TensorFlow, so that a mistake in a command is reported at once.
"""
