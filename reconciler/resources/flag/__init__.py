"""flag: a marker file in the run folder: what is up as long as nobody stops it, and costs nothing."""
