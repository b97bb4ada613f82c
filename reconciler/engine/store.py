"""Store: what this node remembers."""


class Store:
    """Placeholder of the next commit."""
