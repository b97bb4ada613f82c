"""The pure core: diff, order, plan, simulate. No I/O, no clock, no threads."""
