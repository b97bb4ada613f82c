"""volume: a volume of an engine, which containers of the service mount by its rid. Its data is never removed."""
