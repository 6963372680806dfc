"""Reports of many images under many models: `batch`."""
