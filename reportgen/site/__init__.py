"""A folder of reports with an index over them: what lies in it, its journal, its pages."""
