"""directory: a folder that has to be there, with its owner and mode."""
