"""The loop: observe, execute, retry, undo, remember."""
