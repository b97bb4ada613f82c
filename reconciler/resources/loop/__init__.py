"""loop: a loop device that shows a backing file."""
