"""vg: a volume group of LVM, claimed for this node by a tag, and active."""
