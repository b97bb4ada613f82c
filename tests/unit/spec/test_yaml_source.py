"""YAML: scalars of YAML 1.2, positions, documents, traps."""

import pytest

from reconciler.core.node import Node
from reconciler.spec import yaml_source
from reconciler.spec.document import Items, Scalar, Table
from reconciler.spec.load import load_text


def own(text):
    (document,), errors = yaml_source.read(text, "web.yaml")
    assert errors == []
    return document.own.entries


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("22:22", "22:22"),
        ("12:30:45", "12:30:45"),
        ("0123", "0123"),
        ("0o17", "0o17"),
        ("0x1f", "0x1f"),
        ("on", "on"),
        ("no", "no"),
        ("yes", "yes"),
        ("True", "True"),
        ("true", True),
        ("false", False),
        ("2026-01-31", "2026-01-31"),
        ("1_000", "1_000"),
        ("1e3", "1e3"),
        ("1.10", "1.10"),
        ("1.5", 1.5),
        ("-0.25", -0.25),
        ("-0", "-0"),
        ("17", 17),
        ("-17", -17),
        ("+17", "+17"),
        ("9" * 5000, "9" * 5000),
        (".inf", ".inf"),
        ("~", None),
        ("null", None),
        ("'null'", "null"),
        ('"17"', "17"),
        ("'true'", "true"),
        ("=", "="),
        ("!!str 17", 17),
        ("a#b %x;y", "a#b %x;y"),
    ],
)
def test_scalars(written, value):
    found = own(f"key: {written}\n")["key"].value
    assert (type(found.value), found.value) == (type(value), value)


def test_numbers_can_be_had_back():
    text = "environment: {A: 1.10, B: 007, C: 1e3, D: 22:22, E: on, F: 1.5, G: 12, H: true}\n"
    loaded = load_text(f"resources:\n  container#1:\n    image: x:1\n    {text}", "yaml", "web", "web.yaml", Node())
    environment = loaded.services[0].resources["container#1"].desired.environment
    assert environment == {"A": "1.10", "B": "007", "C": "1e3", "D": "22:22", "E": "on", "F": "1.5", "G": "12", "H": "true"}


def test_positions():
    (document,), errors = yaml_source.read(
        "app: web\nresources:\n  fs#1:\n    dev: tmpfs\n    mnt_opt: [a,\n      b]\nvariables: {A: 1}\n", "web.yaml"
    )
    section = document.resources["fs#1"]
    assert errors == []
    assert str(document.at(section)) == "web.yaml:3:3"
    assert str(document.at(section.entries["dev"])) == "web.yaml:4:5"
    assert section.entries["dev"].value == Scalar("tmpfs", 4, 10)
    assert section.entries["mnt_opt"].value == Items((Scalar("a", 5, 15), Scalar("b", 6, 7)), 5, 14)
    assert (document.variables["A"].line, document.variables["A"].column) == (7, 13)


def test_aliases_may_be_used():
    entries = own("a: &x {b: [c]}\nd: *x\n")
    assert isinstance(entries["d"].value, Table)
    assert entries["d"].value == entries["a"].value


def test_each_document_keeps_its_own_text():
    text = "# first\napp: a\n---\n# second\nname: two\napp: b\n---\nname: three\n---\n"
    documents, errors = yaml_source.read(text, "web.yaml")
    assert errors == []
    assert [document.text for document in documents] == [
        "# first\napp: a\n",
        "---\n# second\nname: two\napp: b\n",
        "---\nname: three\n---\n",
    ]
    for document in documents:
        ((again,), wrong) = yaml_source.read(document.text, "stored")
        assert wrong == []
        assert again.own.entries.keys() == document.own.entries.keys()


@pytest.mark.parametrize("text", ["[" * 200_000, "{a: " * 100_000, "- " * 100_000, "? " * 100_000, "a: " + "[" * 60 + "]" * 60])
def test_depth_is_refused_before_it_exhausts_the_stack(text):
    documents, errors = yaml_source.read(text, "web.yaml")
    assert documents == []
    assert [error.message for error in errors] == ["nested more than 50 deep"]


def test_many_brackets_side_by_side_are_fine():
    text = "a: [" + "[], " * 500 + "]\n"
    assert len(own(text)["a"].value.items) == 500


def test_a_later_document_that_is_wrong_is_reported_and_the_first_kept_out():
    loaded = load_text("name: a\n---\nname: [b\n", "yaml", "web", "web.yaml", Node())
    assert loaded.services == ()
    assert [error.origin.line for error in loaded.errors] == [4]


def test_a_control_character_after_wide_ones():
    (error,) = yaml_source.read("app: x\nenv: éé\x07\n", "web.yaml")[1]
    assert str(error) == "web.yaml:2:8: the control character 0x07 is not allowed; remove it"
