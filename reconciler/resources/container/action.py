"""ContainerAction: the base of what can be done to a container, and how its effect on what was seen is written down."""

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence

from reconciler.core import shell
from reconciler.core.action import Action
from reconciler.core.observed import Present, Seen
from reconciler.resources.container.model import Around, Container, assemble, pieces


class ContainerAction(Action):
    """socket: the engine. home: the name that the resource's container has when all is done. service, rid, private: whose it is."""

    socket: str
    home: str
    service: str
    rid: str
    private: bool

    @abstractmethod
    def words(self) -> Sequence[str]:
        """The words after `docker -H …`."""

    def command(self) -> str:
        return shell.join((*self.client, *self.words()))

    @property
    def client(self) -> tuple[str, ...]:
        """The words of the client that speaks to the engine."""
        return ("docker", "-H", f"unix://{self.socket}")

    @property
    def secrets(self) -> Mapping[str, str]:
        return shell.variables(self.words())

    def find(self, seen: Seen, name: str) -> Container | None:
        """The container of this name on this engine, if it is the resource's."""
        return next((one for one in pieces(seen) if one.name == name and one.socket == self.socket), None)

    def swap(self, seen: Seen, name: str, *new: Container) -> Seen:
        """The same observation with another container, or none, in place of this one."""
        rest = (one for one in pieces(seen) if not (one.name == name and one.socket == self.socket))
        return self.gather((*rest, *new), seen)

    def gather(self, found: Iterable[Container], seen: Seen) -> Seen:
        around = seen.around
        assert isinstance(around, Around)
        main = seen.state.socket if isinstance(seen, Present) and isinstance(seen.state, Container) else self.socket
        return assemble(found, self.home, main, around)

    def turned(self, seen: Seen, container: str, **fields: object) -> Seen:
        """The same observation with these fields of one container changed."""
        found = self.find(seen, container)
        return seen if found is None else self.swap(seen, container, found.model_copy(update=fields))

    @property
    def whose(self) -> dict[str, object]:
        """The fields that every action on the same resource's containers on this engine has in common."""
        return {field: getattr(self, field) for field in ContainerAction.model_fields}
