"""The mount table as the kernel gives it: /proc/self/mountinfo, line by line."""

import re
from typing import Final

from reconciler.host.errors import Permanent
from reconciler.host.linux import faults
from reconciler.host.ports import Mount

_OCTAL = re.compile(r"\\([0-7]{3})")
_LAST: Final[dict[str, Mount]] = {}
"""The lines of the last reading. Most are there the next time; one that is not never comes again, for mounts are numbered."""


def read_table() -> list[Mount]:
    """The mount table as the kernel gives it, without backing files."""
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as stream:
            text = stream.read()
    except OSError as error:
        raise faults.of_errno(error, "cannot read the mount table") from None
    found = {line: _LAST.get(line) or parse(line) for line in text.split("\n") if line}
    _LAST.clear()
    _LAST.update(found)
    return list(found.values())


def parse(line: str) -> Mount:
    """One line of mountinfo (proc(5)): id parent device root target options [optional…] - type source super-options."""
    words = line.split(" ")
    try:
        dash = words.index("-", 6)
        fstype, source, above = words[dash + 1], words[dash + 2], words[dash + 3] if len(words) > dash + 3 else ""
        options = tuple(dict.fromkeys(_plain(option) for option in [*words[5].split(","), *above.split(",")] if option))
        return Mount(
            id=int(words[0]),
            parent=int(words[1]),
            device=words[2],
            root=_plain(words[3]),
            target=_plain(words[4]),
            options=options,
            fstype=_plain(fstype),
            source=_plain(source),
        )
    except (ValueError, IndexError):
        raise Permanent(f"cannot understand a line of the mount table: {line!r}") from None


def _plain(text: str) -> str:
    return text if "\\" not in text else _OCTAL.sub(lambda found: chr(int(found[1], 8)), text)
