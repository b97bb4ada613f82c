"""container: a Docker container of a service."""
