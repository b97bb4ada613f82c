"""Paint: colours, or none. A report asks for meanings, never for codes."""

from dataclasses import dataclass

_CODES = {"good": "32", "warn": "33", "bad": "31", "faint": "2", "strong": "1", "new": "32", "change": "33", "gone": "31"}


@dataclass(frozen=True, slots=True)
class Paint:
    """on: whether colours are written at all."""

    on: bool = False

    def __call__(self, meaning: str, text: str) -> str:
        return f"\x1b[{_CODES[meaning]}m{text}\x1b[0m" if self.on and text and meaning in _CODES else text


PLAIN = Paint()
