"""The only code that touches the machine: ports, their errors, and one adapter per port."""
