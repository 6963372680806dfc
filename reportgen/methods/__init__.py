"""The mathematics of explaining: numpy in, numpy out. A method is a function and a row of the table in `attribution`."""
