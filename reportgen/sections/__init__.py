"""A module a section: its frozen dataclass, and `find_NAME(probe, options)` that fills it. Numpy only."""
