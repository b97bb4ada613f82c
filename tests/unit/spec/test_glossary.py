"""The glossary: every keyword that a spec may write is in it, and can be explained in 80 columns."""

import pytest

from reconciler.report.term_text import list_text, term_text
from reconciler.resources.registry import TYPES
from reconciler.spec.glossary import COSTS, OWN, found, owned_by, owners, terms
from reconciler.spec.vocabulary import HANDLED, carried, own_keywords, shared
from tests.texts import same_as_kept


@pytest.mark.parametrize("type_name", TYPES)
def test_whatever_the_loader_takes_of_a_type_is_explained(type_name: str) -> None:
    for spelling, name in carried(type_name).fields.items():
        assert [(term.owner, term.name) for term in found(f"{type_name}.{spelling}")] == [(type_name, name)]


def test_whatever_the_loader_takes_elsewhere_is_explained() -> None:
    for spelling in (*own_keywords(), *shared().fields):
        assert found(spelling), spelling
    assert set(OWN) == set(HANDLED.values())


@pytest.mark.parametrize(
    ("word", "means"),
    [
        ("container#web.memory@deb1", [("container", "memory")]),
        ("container.run_image", [("container", "image")]),
        ("fs.mnt_opts", [("fs", "mnt_opt")]),
        ("service_type", [("service", "env")]),
        ("DEFAULT.env", [("service", "env")]),
        ("service.docker_data_dir", [("dockerd", "container_data_dir")]),
        ("resource.optional", [("resource", "optional")]),
        ("disk#1.vg", [("lv", "vg")]),
        ("container.optional", [("resource", "optional")]),
        ("container.nothing", []),
        ("nowhere.memory", []),
    ],
)
def test_what_a_word_means(word: str, means: list[tuple[str, str]]) -> None:
    assert [(term.owner, term.name) for term in found(word)] == means


def test_every_text_is_readable_at_80_columns() -> None:
    for line in term_text(terms(), COSTS).splitlines():
        assert len(line) <= 80 or " " not in line.strip(), line
    for word in owners():
        listed = owned_by(word)
        assert listed or word == "flag"
        assert all(len(line) <= 80 for line in list_text(word, listed).splitlines())


def test_some_of_them_as_they_are_read() -> None:
    words = ("container.memory", "container.run_args", "fs.mnt_opt", "image", "env", "docker_data_dir", "restart_delay", "restart")
    same_as_kept("explain.txt", "\n".join(term_text(found(word), COSTS) for word in words))
    same_as_kept("explain-fs.txt", list_text("fs", owned_by("fs")))
