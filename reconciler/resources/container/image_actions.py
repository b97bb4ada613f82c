"""Image actions: having the image that a container is made of. What was fetched is never taken away again."""

import shlex
from collections.abc import Sequence
from hashlib import sha256
from typing import ClassVar

from reconciler.core.action import Action, Barrier, Brought, Facet
from reconciler.core.observed import Absent, Present, Seen
from reconciler.resources.container.action import ContainerAction
from reconciler.resources.container.model import Around, ImageFacts


def _with_image(seen: Seen, ref: str) -> Seen:
    """The image is there; which one it is will be known when it is."""
    around = seen.around
    assert isinstance(around, Around)
    if around.image is not None and not around.moved:
        return seen
    digests = (around.remote,) if around.remote else ()
    facts = ImageFacts(id="sha256:" + sha256(f"the image that {ref} will be".encode()).hexdigest(), digests=digests)
    around = around.model_copy(update={"image": facts})
    return Present(seen.state, around) if isinstance(seen, Present) else Absent(around)


def _has_image(seen: Seen) -> bool:
    around = seen.around
    assert isinstance(around, Around)
    return around.image is not None


class Fetch(ContainerAction):
    """Have the image that `ref` names, wherever it comes from. timeout: seconds."""

    ref: str
    timeout: float
    facets: ClassVar[frozenset[Facet]] = frozenset({Facet.IMAGE})

    def after(self, seen: Seen) -> Seen:
        return _with_image(seen, self.ref)

    def shown(self, seen: Seen) -> bool:
        return _has_image(seen)

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        return ()

    @property
    def brings(self) -> Brought:
        return Brought(self.socket, self.ref)

    def came(self, seen: Seen) -> str:
        around = seen.around
        assert isinstance(around, Around)
        return around.image.id if around.image is not None else ""


class Pull(Fetch):
    """platform: "" for the engine's own. credentials: a file like the docker client's config.json, or "" for that one.

    digest: what the reference meant in its registry when this was planned; "" where nobody knows.
    """

    op = "pull"
    platform: str = ""
    credentials: str = ""
    digest: str = ""

    def says(self) -> str:
        return f"pull {self.ref}"

    @property
    def client(self) -> tuple[str, ...]:
        docker, *rest = super().client
        return (docker, "--config", self.credentials.rpartition("/")[0], *rest) if self.credentials else (docker, *rest)

    def words(self) -> Sequence[str]:
        return ("pull", *(("--platform", self.platform) if self.platform else ()), self.ref)

    def script(self) -> str:
        there = shlex.join((*self.client, "image", "inspect", self.ref))
        return self.command() if self.blind else f"{there} >/dev/null 2>&1 || {self.command()}"


class PullAgain(Pull):
    """Also when the engine has an image of that name: that one is there proves nothing, unless it is the one of `digest`."""

    blind = True


class Load(Fetch):
    op = "load"
    archive: str

    def says(self) -> str:
        return f"load {self.ref} from {self.archive}"

    def words(self) -> Sequence[str]:
        return ("load", "-i", self.archive)

    def script(self) -> str:
        """A root filesystem is imported; what an archive does not name as wanted is tagged."""
        docker, archive, ref = (shlex.join(words) for words in (self.client, (self.archive,), (self.ref,)))
        return "\n".join(
            (
                f"if {docker} image inspect {ref} >/dev/null 2>&1; then :",
                f"elif tar -tf {archive} | grep -qE '^(\\./)?(manifest\\.json|oci-layout)$'; then",
                f"  loaded=$({docker} load -q -i {archive} | sed -n 's/^Loaded image\\( ID\\)*: //p')",
                f'  {docker} image inspect {ref} >/dev/null 2>&1 || {docker} tag "$loaded" {ref}',
                f"else {docker} import {archive} {ref}",
                "fi",
            )
        )
