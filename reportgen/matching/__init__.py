"""Which layer of an old model is which of a new one, and which figures of two records differ. Knows no section."""
