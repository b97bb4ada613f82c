"""rights: capabilities and security options, as a spec writes them and as engines keep them."""

import re
from collections.abc import Sequence
from typing import Final

from reconciler.resources.container.option import Shape, each

_CAPABILITY = re.compile(r"[A-Z][A-Z_]+")


def to_capability(text: str) -> str:
    """The name as the kernel has it, CAP_NET_ADMIN; or ALL. Raises ValueError."""
    name = text.strip().upper()
    if not _CAPABILITY.fullmatch(name):
        raise ValueError(f"{text!r} is not a capability such as NET_ADMIN")
    return _whole(name)


def _whole(name: str) -> str:
    return name if name == "ALL" or name.startswith("CAP_") else f"CAP_{name}"


def to_security(text: str) -> str:
    """NAME=VALUE; no-new-privileges stands alone. Raises ValueError."""
    name, _, value = text.partition("=") if "=" in text else text.partition(":")
    if name == "no-new-privileges":
        if value not in ("", "true"):
            raise ValueError(f"{text!r} switches nothing; leave it out")
        return name
    if name == "seccomp" and value not in ("unconfined", "builtin"):
        raise ValueError(f"{text!r}: a profile in a file is not supported yet; unconfined and builtin are")
    if name == "systempaths":
        raise ValueError(f"{text!r} is not supported yet")
    if name not in ("apparmor", "label", "seccomp") or not value:
        raise ValueError(f"{text!r} is not a security option; no-new-privileges, apparmor=…, label=… and seccomp=unconfined are")
    return f"{name}={value}"


def _kept(found: Sequence[str]) -> tuple[str, ...]:
    """What an engine keeps, in our spelling where it is one that we know."""
    texts: list[str] = []
    for text in found:
        try:
            texts.append(to_security(text))
        except ValueError:
            texts.append(text)
    return tuple(sorted(texts))


CAPABILITIES: Final = Shape(list, lambda found: tuple(sorted(_whole(name.upper()) for name in found)), each, many=True)
SECURITY: Final = Shape(list, _kept, each, many=True)
