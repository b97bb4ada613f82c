"""The ports on a real Linux machine."""
