"""fs: a mounted filesystem (tmpfs, bind, ext4 on a device or a backing file)."""
