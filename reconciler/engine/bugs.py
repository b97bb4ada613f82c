"""bugs: internal errors. Where one happened is kept in a file for whoever mends it."""

import os
from typing import Final

from reconciler import __version__

THIS_IS_A_BUG: Final = "This is a bug, and nothing that you did wrong."


class Bugs:
    """The internal errors of one watch: each is kept and told once, however often it happens. called: what had it. count: how many
    there were."""

    def __init__(self, called: str) -> None:
        self._called = called
        self.count = 0
        self._said: dict[frozenset[str], str] = {}

    def says(self, err: Exception) -> str:
        """What is to be told of it, with where it happened."""
        import traceback

        self.count += 1
        frames = traceback.format_tb(err.__traceback__)
        place = frozenset({type(err).__name__, *frames} - {*frames[:1]})  # whoever caught it aside
        if place not in self._said:
            try:
                where = f"Where it happened is kept in {keep(err, self._called)}; please report it."
            except OSError:
                where = "".join(traceback.format_exception(err))
            notes = getattr(err, "__notes__", ())
            self._said[place] = "\n".join(
                [f"internal error in {self._called}: {type(err).__name__}. {THIS_IS_A_BUG}", where, *notes]
            )
        return self._said[place]


def keep(err: Exception, called: str) -> str:
    """Keep it in a new file that only its owner can read; the path. Raises OSError."""
    import tempfile
    import time
    import traceback

    handle, path = tempfile.mkstemp(prefix=f"osvc-bug-{time.strftime('%Y%m%d-%H%M%S')}-", suffix=".txt")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(f"osvc {__version__}, {called}\n{''.join(traceback.format_exception(err))}")
    return path
