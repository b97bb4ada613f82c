"""Failures: every way in which a verb can end that is not a result, as a message and an exit code."""

from __future__ import annotations

import argparse
import os
from importlib import import_module

from reconciler.cli.exits import Exit
from reconciler.cli.streams import Unwritten
from reconciler.cli.verb import Usage, Verb, fail_usage
from reconciler.cli.voice import aside, in_json, speak, wrong


class Told(Exception):
    """What is wrong has been said; only the exit code is left."""

    def __init__(self, code: Exit) -> None:
        super().__init__(code.name)
        self.code = code


def guarded(verb: Verb, options: argparse.Namespace) -> Exit:
    """Run a verb. Raises BrokenPipeError, Unwritten and KeyboardInterrupt only: everything else has become a message."""
    speak(getattr(options, "log_format", None) or "console")
    code = _guarded(verb, options)
    if code in _RIGHTS and os.geteuid() != 0 and verb.machine:
        aside(f"note: uid {os.geteuid()} is not root, and that may be why → sudo {verb.called}")
    return code


_RIGHTS = (Exit.ERROR, Exit.ROLLED_BACK, Exit.UNKNOWN, Exit.UNSETTLED)
"""What lacking rights can come to."""


def _guarded(verb: Verb, options: argparse.Namespace) -> Exit:
    try:
        return Exit(import_module(verb.module).run(options))
    except Usage as err:
        message = str(err).partition("\n")[0]
        _answer(verb, options, message, Exit.USAGE)
        if not in_json():
            return fail_usage(err)
        complain(message)
        return Exit.USAGE
    except Told as err:
        return err.code
    except (BrokenPipeError, Unwritten, KeyboardInterrupt):
        raise
    except Exception as err:
        known = _known(err)
        if known is None:
            return _bug(err, verb.called, debug=options.debug)
        code, message = known
        _answer(verb, options, message, code)
        complain(message)
        output = getattr(err, "output", "")
        if output:
            wrong("\n".join(f"    {line}" for line in output.splitlines()))
        return code


def _answer(verb: Verb, options: argparse.Namespace, message: str, code: Exit) -> None:
    """With `--json` whoever reads stdout learns as well why there is no result."""
    if not getattr(options, "json", False):
        return
    from reconciler.cli.display import show_document, show_line
    from reconciler.report.json_out import error_record, failure_document, results_record

    error = error_record(None, message)
    if verb.lines:
        show_line(results_record((), (error,), code))
    else:
        show_document(failure_document(verb.name, error, code))


def complain(message: str) -> None:
    """Say on stderr what is wrong; a line each."""
    for line in message.splitlines():
        wrong(f"error: {line}")


def _known(err: Exception) -> tuple[Exit, str] | None:
    """The exit code and message of what is not a bug."""
    from reconciler.core.order import Cycle
    from reconciler.engine.errors import EngineError, Locked, Refused, Unselected
    from reconciler.host.errors import HostError

    text = str(err)
    match err:
        case Locked():
            return Exit.LOCKED, text
        case Refused():
            return Exit.REFUSED, text
        case Unselected():
            return Exit.USAGE, text
        case Cycle():
            return Exit.INVALID, f"resources need each other in a circle: {text}"
        case EngineError():
            return Exit.ERROR, text
        case HostError():
            return Exit.ERROR, text if text.startswith("cannot ") else f"cannot go on: {text}"
        case OSError() if err.filename is not None:
            return Exit.ERROR, f"cannot use {os.fsdecode(err.filename)}: {(err.strerror or text).lower()}"
    return None


def _bug(err: Exception, called: str, *, debug: bool) -> Exit:
    """An internal error: short for people, whole in a file that only they can read. called: the verb, as it is typed."""
    import traceback

    from reconciler.engine.bugs import THIS_IS_A_BUG, keep

    if debug:
        wrong(f"{''.join(traceback.format_exception(err))}error: internal error in {called}: {type(err).__name__}")
        return Exit.ERROR
    wrong(
        f"error: internal error in {called}: {type(err).__name__}. {THIS_IS_A_BUG}\n"
        f"       Where it happened is kept in {keep(err, called)} (or run again with --debug); please report it."
    )
    for line in getattr(err, "__notes__", ()):
        wrong(f"       {line}")
    return Exit.ERROR
