"""Inside: what the networks and the volumes of an engine have in common. Pure: inside_driver.py is the half that talks to it."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field, ValidationInfo, model_validator

from reconciler.core.bells import Bell, Source
from reconciler.core.facts import Bond, Fact, Kind, Need, within
from reconciler.core.kind import PlainKind
from reconciler.core.model import Model
from reconciler.core.node import Place
from reconciler.core.rules import Impact, Keyword, Rule
from reconciler.resources.whose_engine import OWN, DataDir, OwnEngine, chosen

_NONE = Rule(Impact.NONE)
_INTERNAL = Keyword(internal=True)


class Inside(Model):
    """Which engine a thing is inside of, and what it is called there."""

    container_data_dir: Annotated[DataDir, _NONE] = Field(None, description="The data root of the service's own engine.")
    docker_daemon_private: OwnEngine = Field(None, description=OWN)
    called: Annotated[str, _NONE, _INTERNAL] = Field(description="Its name in the engine.")
    socket: Annotated[str, _NONE, _INTERNAL] = Field(description="The engine's socket.")
    service: Annotated[str, _NONE, _INTERNAL] = Field(description="The service.")
    rid: Annotated[str, _NONE, _INTERNAL] = Field(description="The resource.")
    private: Annotated[bool, _NONE, _INTERNAL] = Field(description="Whether the engine is the service's own.")

    @model_validator(mode="before")
    @classmethod
    def _place(cls, data: Any, info: ValidationInfo) -> Any:
        """Fill the internal fields from the Place."""
        if not isinstance(data, Mapping) or not isinstance(info.context, Place):
            return data
        place, filled = info.context, chosen(data)
        private = bool(filled.get("container_data_dir"))
        return {
            **filled,
            "service": place.service,
            "rid": place.rid,
            "private": private,
            "called": place.inside(place.rid),
            "socket": place.node.socket(place.service, own=private),
        }


class Around(Model):
    """What planning has to know besides the thing. holder: the id (or name, where it has none) of what has its name and is not
    ours, or "". store: the uuid of the state folder that owns what is made; "" for none yet."""

    holder: str = ""
    store: str = ""


class InsideKind(PlainKind):
    """The contract of core/kind.py, as far as networks and volumes keep it alike. fact: what one of them provides."""

    fact: Kind
    rank = 45
    around = Around

    def holds(self, state: Any) -> bool:
        """An engine goes down with what is inside of it, and comes up with it."""
        return False

    def ours(self, state: Any) -> bool:
        return True

    def needs(self, desired: Inside) -> Sequence[Need]:
        return [Need(Fact(Kind.ENGINE, desired.socket), Bond.ORDER)]

    def provides(self, desired: Inside) -> Sequence[Fact]:
        return [Fact(self.fact, within(desired.socket, desired.called))]

    def bells(self, desired: Inside, state: Any | None) -> Sequence[Bell]:
        return [Bell(Source.ENGINE, desired.socket, f"{self.name} {desired.called}")]
