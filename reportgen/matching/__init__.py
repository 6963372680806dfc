"""Matches the layers of an old model to those of a new one, and finds the figures that differ. Independent of sections."""
