"""What the specs of volume groups and of single volumes may say in common: options of vgcreate and lvcreate, none of which makes
LVM write over what is there; and tags that claim a group for nobody."""

import re
from typing import Final

NO_CLAIM: Final = "write a tag that is no node's into keep_tags"
"""What helps where a tag was taken for a claim."""
_WRITES: Final = ("yes", "force", "zero", "wipesignatures", "config", "profile", "commandprofile")
"""The long options that do so, or may; LVM takes every beginning of them as well."""
_SHORT: Final = re.compile(r"-[qvtdh]*[yfWZ].*")
"""The short ones, also behind others that take no value (-qy)."""


def guarded(words: tuple[str, ...]) -> tuple[str, ...]:
    """The same words. Raises ValueError, naming the one that has to be left out."""
    for word in words:
        name = word[2:].partition("=")[0]
        long = word.startswith("--") and any(option.startswith(name) for option in _WRITES)
        if long or _SHORT.fullmatch(word):
            raise ValueError(f"option {word!r} would write over what is there; leave it out")
    return words
