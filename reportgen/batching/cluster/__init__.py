"""`batch` on a Dask cluster: the reports are made by its workers."""
