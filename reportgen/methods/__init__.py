"""Attribution methods: NumPy in, NumPy out. A method is a function plus a row of the table in `attribution`."""
