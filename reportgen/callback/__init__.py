"""`ReportCallback`: makes reports during the training of a model, and a site that shows how it changes over the epochs."""
