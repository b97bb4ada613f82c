"""Files to services: sources, the document tree, validation."""
