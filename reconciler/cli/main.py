"""osvc: parsing only. The named verb's module is imported once the command line is known to be right."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence

from reconciler import __version__
from reconciler.cli.exits import Exit
from reconciler.cli.options import Usage, fail_usage, overview, parse, verb_called


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line (without the program's name). The exit code; never raises for a user's mistake."""
    words = sys.argv[1:] if argv is None else list(argv)
    try:
        code = _run(words)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        return _silence()
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
        verb = verb_called(words[0])
        options = parse(verb, words[1:])
    except Usage as err:
        return fail_usage(err)
    except SystemExit as end:  # argparse has printed a help text
        return Exit.OK if not end.code else Exit.USAGE

    from reconciler.cli.failures import guarded

    return guarded(verb, options)


def _silence() -> int:
    """Whoever read our output has left: say nothing more, and end as a program that SIGPIPE ended."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 128 + signal.SIGPIPE


if __name__ == "__main__":
    sys.exit(main())
