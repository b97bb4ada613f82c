"""The resource type app: a program of the machine itself."""
