"""Reading: what of a machine is read as a whole, by a program, however much of it is looked at."""

from enum import Enum


class Reading(Enum):
    """LVM's report, and the rules of the firewall."""

    GROUPS = "groups"
    RULES = "rules"
