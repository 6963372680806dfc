"""`batch`: makes the reports of several models on many images."""
