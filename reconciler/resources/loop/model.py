"""loop: a backing file that is attached to a loop device. Desired, State, Around."""

from typing import Annotated

from pydantic import Field

from reconciler.core.model import Model
from reconciler.core.rules import Impact, Rule
from reconciler.core.values import Flag, Path, Size


def _asked(want: int, have: int) -> bool:
    return not want or want == have


class Desired(Model):
    """A backing file that shall be attached."""

    file: Annotated[Path, Rule(Impact.REPLACE)] = Field(description="The backing file. A filesystem on it names it as its dev.")
    size: Annotated[Size, Rule(Impact.REFUSE, compare=_asked)] = Field(
        default=0, description="How large the file is made, where it is made. One that is there is neither grown nor shrunk."
    )
    provision: Annotated[Flag, Rule(Impact.NONE)] = Field(
        default=False,
        description="Whether a file that is not there is made, by a start with --provision; it takes room as it fills.",
    )


class State(Model):
    """An attached file. device: the loop device. fleeting: that goes when nobody uses it any more: somebody mounted it so."""

    file: str
    size: int = 0
    device: str = ""
    fleeting: bool = False


class Around(Model):
    """The file that shall be attached. kind: "file", "" for none, or what else it is. size: of the file. folder: whether the one
    that it lies in is there."""

    kind: str = "file"
    size: int = 0
    folder: bool = True

    @property
    def made(self) -> bool:
        """Whether there is a file with anything in it; an empty one is made still."""
        return bool(self.kind) and (self.kind != "file" or self.size > 0)
