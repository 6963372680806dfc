"""A site, which is a folder of reports with an index: its layout, its journal and its pages."""
