"""Paint: colours, or none. A report asks for meanings, never for codes."""

from reconciler.core.lazy import dataclass

_CODES = {
    **{"good": "32", "warn": "33", "bad": "31", "faint": "2", "strong": "1"},
    **{"new": "32", "change": "33", "gone": "31", "head": "36", "unsure": "35"},
}
_NAMES = ("36", "33", "35", "32", "34", "96", "93", "95", "92", "94")
"""Of names that have to be told apart; none is red, which means that something is wrong."""


@dataclass(frozen=True, slots=True)
class Paint:
    """on: whether colours are written at all."""

    on: bool = False

    def __call__(self, meaning: str, text: str) -> str:
        return f"\x1b[{_CODES[meaning]}m{text}\x1b[0m" if self.on and text and meaning in _CODES else text

    def name(self, number: int, text: str) -> str:
        """One of several names, each in a colour of its own as long as there are some left."""
        return f"\x1b[{_NAMES[number % len(_NAMES)]}m{text}\x1b[0m" if self.on and text else text


PLAIN = Paint()
