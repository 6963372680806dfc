"""The sections of a report, one folder each: how its data are found, checked, compared and described. See `section`."""
