"""docs/keywords.md is what the models say."""

from tools.keywords import FILE, page


def test_the_committed_page_is_the_generated_one() -> None:
    assert FILE.read_text(encoding="utf-8") == page(), "run `make schemas`"
