"""Two reports, or more, set against each other: what changed, worked out from the reports alone.

Report, Report ──align──▶ which layer is which ──answers, drift, first_filters, maps, attention──▶ Diff
                                               ──walk──▶ every figure that changed ───────────────▶
"""
