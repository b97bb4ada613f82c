"""The bells of Linux: one file a source. Each is a descriptor that can be polled, and says which parts rang."""
