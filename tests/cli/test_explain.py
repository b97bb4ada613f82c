"""osvc explain: keywords, types, and what is neither."""

import pytest

from reconciler.report.term_text import term_text
from reconciler.spec.glossary import COSTS, found


@pytest.mark.parametrize("word", ["container.memory", "mnt_opt", "container#web.run_args", "restart@deb1"])
def test_a_keyword_is_told_whole(place, word):
    ended = place.osvc("explain", word)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == term_text(found(word), COSTS)


@pytest.mark.parametrize(
    ("word", "has"), [("container", "  memory "), ("fs", "  mnt_opt "), ("disk", "  create_options "), ("service", "  nodes ")]
)
def test_a_type_is_told_by_its_keywords(place, word, has):
    ended = place.osvc("explain", word)
    assert ended.code == 0 and any(line.startswith(has) for line in ended.out.splitlines())


def test_a_word_that_is_both_is_told_as_both(place):
    ended = place.osvc("explain", "network")
    assert ended.out.startswith("network#…\n") and "\nnetwork  in container#…\n" in ended.out


def test_without_a_word_the_types_are_told(place):
    ended = place.osvc("explain")
    assert (
        ended.code == 0
        and "\ncontainer   container#…\n" in ended.out
        and ended.out.endswith("osvc explain TYPE lists its keywords\n")
    )


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("memroy", "no keyword 'memroy'; did you mean 'memory'?"),
        ("container.memroy", "no keyword 'memroy' of container; did you mean 'memory'?"),
        ("contaner", "no keyword 'contaner'; did you mean 'container'?"),
        ("contaner.memory", "no resource type 'contaner'; did you mean 'container'?"),
        ("topology", "'topology' is known, and not supported yet"),
        ("fs.memory", "no keyword 'memory' of fs; it stands in container#…"),
        ("zzz", "osvc explain lists the types"),
    ],
)
def test_what_is_neither(place, word, says):
    ended = place.osvc("explain", word)
    assert (ended.code, ended.out) == (64, "") and says in ended.err


def test_colours_are_only_added(place):
    plain = place.osvc("explain", "container.memory").out
    painted = place.osvc("explain", "container.memory", "--color", "always").out
    assert painted != plain and painted.replace("\x1b[1m", "").replace("\x1b[0m", "") == plain
