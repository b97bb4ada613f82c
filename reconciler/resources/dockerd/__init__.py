"""dockerd: the Docker engine of a service, private or the system's."""
