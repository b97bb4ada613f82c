"""until: when something that is said now ends by itself, as it is typed."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime, timedelta

from reconciler.cli.options import seconds


def until(parser: argparse.ArgumentParser) -> None:
    """--for and --until, one of them: `options.until`, a moment or None."""
    one = parser.add_mutually_exclusive_group()
    one.add_argument("--for", metavar="TIME", dest="until", type=after, help="it ends by itself after so long: 90m, 2h, 3d")
    one.add_argument(
        "--until", metavar="TIME", dest="until", type=moment, help="it ends by itself then: 18:30, 2026-11-23, 2026-11-23T18:30"
    )


def after(text: str) -> datetime:
    """So long from now. Raises argparse.ArgumentTypeError."""
    found = seconds(text)
    if found < 1:
        raise argparse.ArgumentTypeError(f"expected a time such as 90m or 2h, not {text!r}")
    return datetime.now(UTC) + timedelta(seconds=found)


def moment(text: str) -> datetime:
    """A moment to come: a time of today, or else of tomorrow; a day, or both; of this machine's time zone where it names none.
    Raises argparse.ArgumentTypeError."""
    now = datetime.now().astimezone()
    try:
        found = datetime.fromisoformat(text if "-" in text else f"{now:%Y-%m-%d}T{text}")
        at = found if found.tzinfo else found.astimezone()
        if at <= now and "-" not in text:
            at = (found + timedelta(days=1)).astimezone()
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(f"expected a time such as 18:30 or 2026-11-23T18:30, not {text!r}") from None
    if at <= now:
        raise argparse.ArgumentTypeError(f"expected a moment to come, not {text!r}")
    return at.astimezone(UTC)
