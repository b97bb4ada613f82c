"""`python -m reconciler` is osvc."""

from reconciler.cli.main import process

process()
