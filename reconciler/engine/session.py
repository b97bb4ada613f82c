"""Session: everything a verb may ask of the engine. The CLI and the watch are thin over it.

A verb does: `Session.open` → `load` → `targets` → `survey` or `plans` → (consent) → `converge`.
"""

from collections.abc import Mapping, Sequence
from types import TracebackType

from reconciler.core.node import Node
from reconciler.core.observed import Snapshot
from reconciler.core.outcome import OnEvent, Result, silent
from reconciler.core.plan import Plan
from reconciler.core.policy import Aim, Goal, Policy, Selection
from reconciler.engine.config import Config
from reconciler.engine.signals import Stop
from reconciler.engine.store import Store
from reconciler.engine.target import Survey, Target
from reconciler.host.ports import Host
from reconciler.spec.load import Loaded


class Session:
    """The node's configuration, its host and its store, opened for one verb (or for a watch)."""

    config: Config
    node: Node
    host: Host
    store: Store
    stop: Stop

    @classmethod
    def open(cls, config: Config, *, write: bool, stop: Stop | None = None, host: Host | None = None) -> "Session":
        """Open the store (made when `write`) and the host.

        write: False for plan, status, snapshot: nothing is made or changed, and a read-only state folder will do.
        host: the Linux host unless given. Raises StoreError.
        """
        raise NotImplementedError

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the store."""

    def load(self, paths: Sequence[str] = ()) -> Loaded:
        """Read specs from files and folders; () is the node's specs folder. Errors are in the answer."""
        raise NotImplementedError

    def targets(
        self, loaded: Loaded, globs: Sequence[str] = (), *, aim: Aim | None = None, stored: bool = True
    ) -> tuple[Target, ...]:
        """The services to work on, in natural order of names.

        Those of `loaded`, and (stored) those that only the store knows: orphans of the loaded folders; with `aim`
        DOWN also any service of the store that a glob names, as it was last applied, wherever its spec was.
        globs: shell patterns of names; () is all. aim: the goal of the verb; None leaves each service's own goal.
        Raises Unselected when a glob names nothing.
        """
        raise NotImplementedError

    def observe(self, targets: Sequence[Target]) -> Snapshot:
        """See every resource of these services, wanted or owned, in bulk."""
        raise NotImplementedError

    def plans(
        self,
        targets: Sequence[Target],
        *,
        selection: Selection = Selection(),  # noqa: B008 frozen
        policy: Policy = Policy(),  # noqa: B008 frozen
        prune_all: bool = False,
        snapshot: Snapshot | None = None,
    ) -> tuple[Plan, ...]:
        """One plan a target, in the order in which they will be worked (who releases a claim goes first).

        snapshot: a recorded one instead of a fresh observation. Raises Refused: a swap of claims in both directions, or
        pruning that would lose more than half of what is owned, or all of an empty folder, without `prune_all`.
        """
        raise NotImplementedError

    def survey(
        self,
        targets: Sequence[Target],
        *,
        selection: Selection = Selection(),  # noqa: B008 frozen
        policy: Policy = Policy(),  # noqa: B008 frozen
        prune_all: bool = False,
        snapshot: Snapshot | None = None,
    ) -> tuple[Survey, ...]:
        """As `plans`, with what each plan was made from: for status, `plan --json` and a recorded snapshot."""
        raise NotImplementedError

    def converge(
        self,
        targets: Sequence[Target],
        shown: Mapping[str, Plan] | None = None,
        *,
        selection: Selection = Selection(),  # noqa: B008 frozen
        policy: Policy = Policy(),  # noqa: B008 frozen
        prune_all: bool = False,
        exact: bool = False,
        verb: str = "apply",
        lock_wait: float = 30.0,
        whole_undo: bool = False,
        on_event: OnEvent = silent,
    ) -> tuple[Result, ...]:
        """Bring each service to its goal, one after the other; a Result each, also for those that failed or are locked.

        shown: service -> the plan that was consented to; None consents to whatever is planned (`--yes`). A disruptive
        step that was not shown ends that service as REFUSED. exact: the first plan must have the digest of the shown
        one (`apply FILE`). whole_undo: a failure undoes the whole service, not only a lane (`start`).
        Raises Refused as `plans` does, and StoreError when the state folder is read-only; nothing is done then.
        """
        raise NotImplementedError

    def set_goal(self, names: Sequence[str], goal: Goal) -> None:
        """Remember what the operator wants of these services (start, stop, shutdown). Durable before it returns."""
        raise NotImplementedError

    def goal(self, name: str) -> Goal:
        """What is remembered for a service; UP when nothing is."""
        raise NotImplementedError
