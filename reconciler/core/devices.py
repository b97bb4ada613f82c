"""devices: one spelling for each block device that has several, so that who provides it and who needs it find each other.

A logical volume is /dev/VG/LV and /dev/mapper/VG-LV; device-mapper writes a `-` inside either name as `--`.
"""

import re
from typing import Final

_MAPPER: Final = "/dev/mapper/"
_JOINT: Final = re.compile(r"(?<!-)-(?!-)")


def canonical(path: str) -> str:
    """The path of a device as facts and claims spell it: /dev/mapper/a--b-c is /dev/a-b/c. Others stay as they are."""
    name = path.removeprefix(_MAPPER)
    if name == path or "/" in name:
        return path
    parts = _JOINT.split(name)
    if len(parts) != 2 or not all(parts):
        return path
    return "/dev/" + "/".join(part.replace("--", "-") for part in parts)


def mapper_path(group: str, volume: str) -> str:
    """Where device-mapper has a logical volume."""
    return _MAPPER + group.replace("-", "--") + "-" + volume.replace("-", "--")
