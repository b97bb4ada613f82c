"""Common: the keywords that every resource has, whatever its type.

Nothing of it is ever compared with the machine: it steers what is done, and what is said of it.
"""

from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import BeforeValidator, Field, ValidationInfo

from reconciler.core.model import Model, changed
from reconciler.core.node import Place
from reconciler.core.nodes import same_node
from reconciler.core.rules import Impact, Keyword, Rule
from reconciler.core.values import FLAGS, Flag, Seconds, Text, to_flag, to_words

NO_ACTION: Final = "noaction"
"""A tag: nothing is done to the resource; its status counts."""
NO_STATUS: Final = "nostatus"
"""A tag: its status does not count; it is brought up and down as any other."""

_SIGNS: Final = frozenset(("|", "||", "&", "&&", ";", ">", ">>", "<", "2>", "2>&1", "&>"))
"""What a shell would act on, standing alone."""


def to_command(value: Any) -> tuple[str, ...]:
    """A command and its arguments. Raises ValueError for what only a shell understands: none is run unless the command is one."""
    words = to_words(value)
    if not words:
        return ()
    if not words[0] or words[0].startswith("-"):
        raise ValueError(f"expected a command first, not {words[0]!r}")
    sign = next((word for word in words if word in _SIGNS), None) if isinstance(value, str) else None
    if sign is not None:
        raise ValueError(f"{sign!r} means something to a shell only, and none is run; write sh -c '…', or a list of words")
    if any("\0" in word for word in words):
        raise ValueError("a word must not hold a zero byte")
    return words


def to_standby(value: Any, info: ValidationInfo) -> bool:
    """A flag, or the older form: names of the nodes on which it stands by."""
    words = to_words(value) if isinstance(value, (str, list, tuple)) else ()
    if not words or (len(words) == 1 and words[0].lower() in FLAGS):
        return to_flag(value)
    groups = [word for word in words if word in ("nodes", "drpnodes")]
    if groups:
        raise ValueError(f"expected true or false, not {groups[0]!r}; write standby@{groups[0]}: true")
    place = info.context
    return isinstance(place, Place) and any(same_node(word, place.node.name) for word in words)


def to_tags(value: Any) -> tuple[str, ...]:
    """Free words, sorted. Raises ValueError for signs that a selection by tags gives a meaning to."""
    words = to_words(value)
    for word in words:
        if not word or {"+", ","} & set(word):
            raise ValueError(f"a tag is a word without '+' and ',', not {word!r}")
    return tuple(sorted(set(words)))


_UNABLE: Final = {
    "switch": "there is no other node to switch to",
    "reboot": "osvc reboots no node",
    "crash": "osvc brings no node down",
}
"""What the reference's other actions come to here."""
FREEZESTOP: Final = "freezestop"


def to_monitor_action(value: Any) -> Any:
    """Raises ValueError for an action of the reference that osvc does not take."""
    first = value.split()[:1] if isinstance(value, str) else ()
    for word in first:
        if word in _UNABLE:
            raise ValueError(
                f"{word} is not supported: {_UNABLE[word]}; write freezestop, and have its event wake somebody, or none"
            )
    return value


MonitorAction: TypeAlias = Annotated[Literal["none", "freezestop"], BeforeValidator(to_monitor_action)]
Command: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(to_command, json_schema_input_type=str | list[str])]
Standby: TypeAlias = Annotated[bool, BeforeValidator(to_standby, json_schema_input_type=bool | str | list[str])]
Tags: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(to_tags, json_schema_input_type=str | list[str])]

_STEERS: Final = Rule(Impact.NONE)
_PASSED_ON: Final = Keyword(inherit=True)
_PROGRAM: Final = Keyword(program=True)


class Common(Model):
    """What is said of a resource beside its type's own keywords."""

    optional: Annotated[Flag | None, _STEERS, _PASSED_ON] = Field(
        default=None,
        description="Whether the service does without it: its failure is told and fails nothing else but what needs it, and it does"
        " not count for whether the service is up. Default: only with the tag noaction.",
    )
    disable: Annotated[Flag, _STEERS, _PASSED_ON] = Field(
        default=False,
        description="Nothing is done to it, whether it is up or not, and its status is n/a. What needs it takes it for the"
        " machine's own affair.",
    )
    standby: Annotated[Standby, _STEERS, Keyword(aliases=("always_on",), inherit=True)] = Field(
        default=False,
        description="It stays up, with what it needs, when its service is stopped; what brings it down is to name its very rid:"
        " osvc stop --rid RID. The older spelling takes names of nodes as well.",
    )
    restart: Annotated[Annotated[int, Field(ge=0, le=100)] | None, _STEERS, _PASSED_ON] = Field(
        default=None,
        description="How often a start that fails is tried again in the same run, and how often osvc watch restarts it when it"
        " died; then it is degraded, and restarted once an hour (with 0: never). The count begins anew once it has been up for 5"
        " minutes. Without it: not tried again in a run, and restarted for ever by watch, at growing intervals.",
    )
    restart_delay: Annotated[Seconds, _STEERS, _PASSED_ON] = Field(
        default=0.0, description="How long to wait between two of these tries."
    )
    monitor: Annotated[Flag, _STEERS, _PASSED_ON] = Field(
        default=False,
        description="Marked in the status; osvc watch tells of its loss by name, and does what monitor_action says once it is not"
        " restarted any more.",
    )
    monitor_action: Annotated[MonitorAction, _STEERS, _PASSED_ON] = Field(
        default="none",
        description="What osvc watch does when it is monitored, was lost, and has used up its restarts; without restart, at once."
        " none: goes on as it does for any other. freezestop: the service is stopped, and frozen once it is down, until somebody"
        " thaws and starts it. There is no switch, reboot or crash.",
    )
    tags: Annotated[Tags, _STEERS, _PASSED_ON] = Field(
        default=(),
        description="Free words, for --tags. noaction: nothing is done to it, but its status counts; nostatus: its status does not"
        " count.",
    )
    comment: Annotated[Text, _STEERS] = Field(default="", description="For people.")
    pre_start: Annotated[Command, _STEERS, _PROGRAM] = Field(
        default=(), description="A command that is run before it is brought up. That it fails is told, and changes nothing."
    )
    post_start: Annotated[Command, _STEERS, _PROGRAM] = Field(default=(), description="As pre_start, but run after it came up.")
    pre_stop: Annotated[Command, _STEERS, _PROGRAM] = Field(
        default=(), description="As pre_start, but run before it is taken down."
    )
    post_stop: Annotated[Command, _STEERS, _PROGRAM] = Field(default=(), description="As pre_start, but run after it went down.")
    blocking_pre_start: Annotated[Command, _STEERS, _PROGRAM] = Field(
        default=(), description="As pre_start, and after it; that it fails is a failure of the start."
    )
    blocking_post_start: Annotated[Command, _STEERS, _PROGRAM] = Field(
        default=(), description="As post_start, and after it; that it fails is a failure of the start, which is undone."
    )
    blocking_pre_stop: Annotated[Command, _STEERS, _PROGRAM] = Field(
        default=(), description="As pre_stop, and after it; that it fails is a failure of the stop: it stays up."
    )
    blocking_post_stop: Annotated[Command, _STEERS, _PROGRAM] = Field(
        default=(), description="As post_stop, and after it; that it fails is a failure of the stop, although it is down."
    )
    trigger_timeout: Annotated[Seconds, _STEERS, _PASSED_ON] = Field(
        default=60.0, gt=0, description="How long each of these commands may take; then it is killed with all that it started."
    )

    @property
    def orphaned(self) -> "Common":
        """What of it still holds when no spec names the resource any more: its triggers."""
        return changed(
            self, optional=None, disable=False, standby=False, restart=None, monitor=False, monitor_action="none", tags=()
        )

    @property
    def idle(self) -> bool:
        """Whether osvc leaves the resource alone, whatever becomes of it."""
        return self.disable or NO_ACTION in self.tags

    @property
    def dispensable(self) -> bool:
        """Whether the service does without it."""
        return self.optional if self.optional is not None else NO_ACTION in self.tags

    @property
    def counts(self) -> bool:
        """Whether its status does."""
        return not self.disable and NO_STATUS not in self.tags

    @property
    def fells(self) -> bool:
        """Whether its loss, where nothing is tried any more, brings its service down."""
        return self.monitor and self.monitor_action == FREEZESTOP

    @property
    def flags(self) -> str:
        """In the reference's places: monitored, disabled, optional, and encapsulated, which none is yet."""
        said = ((self.monitor, "M"), (self.disable, "D"), (self.dispensable, "O"), (False, "E"))
        return "".join(sign if holds else "." for holds, sign in said)

    def triggers(self, when: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """(keyword, command) of those that run at this moment ("pre_start"), in their order."""
        named = ((name, getattr(self, name)) for name in (when, f"{BLOCKING}{when}"))
        return tuple((name, words) for name, words in named if words)


BLOCKING: Final = "blocking_"

PLAIN: Final = Common.model_construct()
"""Of a resource that says nothing of all this."""
