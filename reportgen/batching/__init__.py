"""Many reports at once: images gathered and named, models opened one after the other, and what is there not made again."""
