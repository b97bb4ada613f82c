"""The command line: parsing, what the verbs share, and in `verbs` one file for each."""
