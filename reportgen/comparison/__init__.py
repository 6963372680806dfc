"""Two reports, or more, set against each other, from the reports alone. Knows no section by name.

Report, Report ──matching──▶ which layer is which ──each section's compare, changes, tell──▶ Diff
"""
