"""One file a verb, named after it: `run` takes the options (cli/takes.py) and gives the exit code."""
