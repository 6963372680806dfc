"""Compares two or more reports, using nothing but the reports. Refers to no section by name.

Report, Report ──matching──▶ pairs of layers ──each section's compare, changes, tell──▶ Diff
"""
