"""Remote: whether a block device is another machine's, or lies on one: what it holds may then never answer."""

import os
import re
from collections.abc import Callable
from typing import Final

from reconciler.host.linux.sysfs import names, word

_REMOTE: Final = re.compile(r"/session\d+/|/rport-|/nvme-fabrics/|/(?:nbd|rbd|drbd)\d+(?:/|$)")
"""In the path that sysfs has for a device: it comes by iSCSI, Fibre Channel, NVMe over fabrics, or a network block device."""


def is_remote(number: str, is_far: Callable[[str], bool], sys: str = "/sys") -> bool:
    """Whether a device (major:minor) is another machine's, as a whole or in a part: by where it is attached, by the devices that it
    is made of, or because it is a loop device of a file for which `is_far` holds. sys: where sysfs is."""
    here = os.path.realpath(f"{sys}/dev/block/{number}")
    if _REMOTE.search(here.removeprefix(os.path.realpath(sys))):
        return True
    whole = os.path.dirname(here) if os.path.exists(f"{here}/partition") else here
    file = word(f"{whole}/loop/backing_file")
    if file and is_far(file):
        return True
    parts = (word(f"{whole}/slaves/{name}/dev") for name in names(f"{whole}/slaves"))
    return any(is_remote(part, is_far, sys) for part in parts if part)
