"""The agent: a watch that is the one of its node, and what it offers to others while it runs, each in a part of its own."""
