"""ip: an address of the service on a device of the machine."""
