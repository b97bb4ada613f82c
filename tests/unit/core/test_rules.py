"""Rules, values and secrets: what a field costs, what may be written for it, what is never shown."""

import pytest

from reconciler.core.model import Model
from reconciler.core.rules import Impact, Rule, rules_of, same_set, subset
from reconciler.core.secrets import looks_secret
from reconciler.core.values import to_flag, to_pairs, to_path, to_seconds, to_size, to_words
from reconciler.resources.registry import TYPES, kind_of


@pytest.mark.parametrize("name", TYPES)
def test_every_field_of_every_type_has_a_rule_and_a_twin_to_compare_with(name):
    kind = kind_of(name)
    for field, rule in rules_of(kind.desired).items():
        if rule.impact:
            assert field in kind.state.model_fields, f"{name}.{field} is compared with nothing"


@pytest.mark.parametrize("name", TYPES)
def test_every_keyword_is_described(name):
    kind = kind_of(name)
    undescribed = [field for field, info in kind.desired.model_fields.items() if not info.description]
    assert not undescribed


def test_a_field_without_a_rule_is_a_mistake():
    class Bare(Model):
        field: int = 0

    with pytest.raises(TypeError, match=r"Bare\.field has no Rule"):
        rules_of(Bare)


def test_comparing():
    assert subset({"a": "1"}, {"a": "1", "b": "2"}) and not subset({"a": "1"}, {"a": "2"})
    assert subset(("ro",), ("ro", "relatime")) and not subset(("ro",), ("rw",))
    assert same_set((1, 2), (2, 1)) and not same_set((1,), (1, 2))


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (to_size, "64m", 64 << 20),
        (to_size, "1G", 1 << 30),
        (to_size, "1.5k", 1536),
        (to_size, 12, 12),
        (to_seconds, "2m", 120.0),
        (to_seconds, "500ms", 0.5),
        (to_seconds, 10, 10.0),
        (to_size, "1152921504606846977", 1152921504606846977),
        (to_flag, "Yes", True),
        (to_flag, "off", False),
        (to_words, "a 'b c' d", ("a", "b c", "d")),
        (to_words, ["a", 1, True], ("a", "1", "true")),
        (to_path, "//srv/./a/", "/srv/a"),
        (to_pairs, "A=1 B='x y' C=", {"A": "1", "B": "x y", "C": ""}),
        (to_pairs, {"A": 1}, {"A": "1"}),
    ],
)
def test_what_may_be_written(read, text, value):
    assert read(text) == value


@pytest.mark.parametrize(
    ("read", "text", "says"),
    [
        (to_size, "big", "expected a size"),
        (to_size, ["1"], "not a list"),
        (to_seconds, "soon", "expected a time"),
        (to_flag, "maybe", "true or false"),
        (to_words, "a 'b", "cannot be split"),
        (to_words, {"a": 1}, "not a map"),
        (to_path, "srv", "absolute path"),
        (to_path, "/srv/../etc", r"'\.\.'"),
        (to_pairs, "A", "NAME=VALUE"),
    ],
)
def test_what_may_not_be_written(read, text, says):
    with pytest.raises(ValueError, match=says):
        read(text)


@pytest.mark.parametrize(
    "name", ["DB_PASSWORD", "API_KEY", "token", "SECRET", "AWS_SECRET_ACCESS_KEY", "MYSQL_PWD", "client.credential"]
)
def test_names_that_look_secret(name):
    assert looks_secret(name)


@pytest.mark.parametrize("name", ["PATH", "KEYBOARD", "MONKEY", "AUTHOR", "PASSENGER", "COMPASS"])
def test_names_that_do_not(name):
    assert not looks_secret(name)


@pytest.mark.parametrize(
    ("want", "have", "last", "counts"),
    [
        ("", "private", None, ""),
        ("", "private", "", ""),
        ("", "private", "private", "private"),
        ("host", "private", "", "private"),
        (0, 64, 128, 64),
        ({}, {"max-size": "10m"}, None, {}),
        ({"a": "1"}, {"a": "2", "max-size": "10m"}, {}, {"a": "2"}),
        ({}, {"a": "2", "max-size": "10m"}, {"a": "2"}, {"a": "2"}),
    ],
)
def test_where_nothing_was_asked_for_nothing_differs(want, have, last, counts):
    assert Rule(Impact.REPLACE, asked=True).relevant(want, have, last) == counts
    assert Rule(Impact.REPLACE).relevant(want, have, last) == have


@pytest.mark.parametrize(
    ("text", "seconds"), [("1m30s", 90), ("1h", 3600), ("1h0m1.5s", 3601.5), ("90", 90), ("250ms", 0.25), ("2 m", 120)]
)
def test_times(text, seconds):
    assert to_seconds(text) == seconds


@pytest.mark.parametrize("text", ["1m30", "m", "1m 30s x", "-1s", "1x"])
def test_what_is_no_time(text):
    with pytest.raises(ValueError, match="expected a time"):
        to_seconds(text)
