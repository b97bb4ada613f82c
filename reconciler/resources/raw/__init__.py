"""raw: block devices that have to be there; nothing is done to them."""
