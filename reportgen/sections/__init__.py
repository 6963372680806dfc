"""A folder a section, each with its whole life: its data and how they are found, checked, compared and told. See `section`."""
