"""Measured beside the floor or a bare interpreter, in one run, as a ratio. Never part of the tests."""
