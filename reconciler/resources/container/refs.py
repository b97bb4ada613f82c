"""refs: which image an image's name means. Pure text; the images are those of one engine's list."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

_HEX = re.compile(r"[0-9a-f]{4,64}")


def familiar(ref: str) -> str:
    """The reference as the engine's own lists write it: without docker.io and library/, with a tag (or a digest instead)."""
    if ref.startswith("sha256:"):
        return ref
    name, at, digest = ref.partition("@")
    head, slash, tail = name.rpartition("/")
    base, _, tag = tail.partition(":")
    path = f"{head}{slash}{base}"
    for prefix in ("docker.io/", "index.docker.io/", "registry-1.docker.io/"):
        path = path.removeprefix(prefix)
    if path.startswith("library/") and path.count("/") == 1:
        path = path.removeprefix("library/")
    return f"{path}@{digest}" if at else f"{path}:{tag or 'latest'}"


def is_id(ref: str) -> bool:
    """Whether the reference can only be an image's id."""
    return ref.startswith("sha256:") or (len(ref) == 64 and bool(_HEX.fullmatch(ref)))


def may_be_id(ref: str) -> bool:
    """Whether the reference may be an image's id, whole or short. A repository may be named like that, too."""
    return bool(_HEX.fullmatch(ref.removeprefix("sha256:")))


def names_id(ref: str, image_id: str) -> bool:
    """Whether the reference is this image's id, whole or short."""
    return may_be_id(ref) and bool(image_id) and image_id.removeprefix("sha256:").startswith(ref.removeprefix("sha256:"))


def on_platform(wanted: str, has: str) -> bool:
    """Whether an image of the one platform will do for the other: os/architecture, and the variant where one is wanted."""
    return not wanted or not has or has == wanted or has.startswith(f"{wanted}/")


def resolve(ref: str, images: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The image that the reference means, or None. Names go before short ids, as with the engine; a short id must be unique."""
    if not is_id(ref):
        wanted = familiar(ref)
        field = "RepoDigests" if "@" in wanted else "RepoTags"
        for image in images:
            if wanted in (image.get(field) or ()):
                return image
    found = [image for image in images if names_id(ref, image["Id"])]
    return found[0] if len(found) == 1 else None


def name_of(ref: str, images: Sequence[Mapping[str, Any]]) -> str:
    """The first name of the image that the reference means, or ""."""
    image = resolve(ref, images) or {}
    return next((name for name in image.get("RepoTags") or () if name != "<none>:<none>"), "")
