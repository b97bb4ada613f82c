"""Text from elsewhere (containers, engines, commands), made fit to be shown on a terminal."""

import re

_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|\x1b[\]PX^_][^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"  # OSC, DCS, SOS, PM, APC: titles, links, clipboard
    r"|\x1b[ -/]*[0-~]?"  # the short ones
    r"|\x9b[0-?]*[ -/]*[@-~]"
)
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


def printable(text: str) -> str:
    """The text without terminal control sequences, control characters and marks that turn the reading direction.

    Newlines and tabs stay; a carriage return becomes a newline, so that nothing overwrites what came before it.
    """
    plain = _ESCAPES.sub("", text.replace("\r\n", "\n"))
    return _CONTROLS.sub("", plain.replace("\r", "\n"))


def first_line(text: str) -> str:
    """The first line that says something, printable; "" when none does."""
    return next((line for line in (part.strip() for part in printable(text).split("\n")) if line), "")
