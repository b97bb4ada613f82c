"""osvc: parsing only. A verb's options are imported when it is named, and its module once they are known to be right."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Sequence

from reconciler import __version__
from reconciler.cli.asking import answered
from reconciler.cli.exits import Exit
from reconciler.cli.streams import Unwritten, open_streams, silence
from reconciler.cli.verb import Usage, fail_usage, overview, verb_called

_UNREAD = 141
"""128 and SIGPIPE, as a shell has it: whoever read the result has gone."""

_MANY = 100_000
"""New objects before cycles are looked for: what a verb imports, reads and plans stays until it ends."""


def process() -> None:
    """The whole life of an osvc process."""
    live(main)


def live(program: Callable[[], int]) -> None:
    """The whole life of a process. At its end nothing is searched for what could be freed: it all goes with the process,
    which takes a tenth of a second less."""
    code = program()
    gc.freeze()
    sys.exit(code)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line (without the program's name). The exit code; never raises for a user's mistake."""
    words = sys.argv[1:] if argv is None else list(argv)
    return contained(lambda: _run(words))


def contained(program: Callable[[], int]) -> int:
    """Run a program with streams that can be written, and with an end for whatever may happen to them. The exit code."""
    gc.set_threshold(_MANY)
    open_streams()
    try:
        code = program()
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        silence()
        return _UNREAD
    except Unwritten as err:
        silence()
        print(f"error: cannot write the result: {(err.strerror or str(err)).lower()}", file=sys.stderr)
        return Exit.ERROR
    except KeyboardInterrupt:
        return Exit.INTERRUPTED


def _run(words: Sequence[str]) -> Exit:
    try:
        if not words:
            raise Usage(f"a verb is missing; see osvc --help\n{overview().splitlines()[0]}")
        if words[0] in ("-h", "--help", "help"):
            if words[0] == "help" and len(words) > 1:
                return _run([words[1], "--help"])
            sys.stdout.write(overview())
            return Exit.OK
        if words[0] == "--version":
            print(f"osvc {__version__}")
            return Exit.OK
        if words[0].startswith("-"):
            raise Usage(f"options come after the verb, and {words[0]} comes before one; see osvc --help")
        code = answered(words)
        if code is not None:
            return code
        verb = verb_called(words[0])

        from reconciler.cli.parser import parse

        options = parse(verb, words[1:])
    except Usage as err:
        return fail_usage(err)
    except SystemExit as end:  # argparse has printed a help text
        return Exit.OK if not end.code else Exit.USAGE

    from reconciler.cli.failures import guarded

    return guarded(verb, options)


if __name__ == "__main__":
    process()
