"""network: a network of an engine, which containers of the service attach to by its rid."""
