"""Files of variables and labels, as docker run reads them."""

from typing import Any

import pytest

from reconciler.core.node import Node, Place
from reconciler.resources.container.model import Desired
from reconciler.resources.container.pairs import pairs_in


def read(files: dict[str, str], **keywords: Any) -> Desired:
    place = Place("web", "container#1", Node(), lambda path: files[path])
    return Desired.model_validate({"image": "osvc/demo:1", **keywords}, context=place)


def test_what_a_file_says() -> None:
    assert pairs_in("# who\n\n  A=b c \nEMPTY=\nB=x=y#z\n", "/f") == {"A": "b c ", "EMPTY": "", "B": "x=y#z"}


@pytest.mark.parametrize(
    ("line", "said"), [("HOME", "expected NAME=VALUE"), ("=x", "name is missing"), ("A B=1", "has a space in it")]
)
def test_lines_that_say_nothing(line: str, said: str) -> None:
    with pytest.raises(ValueError, match=f"/f, line 2: .*{said}"):
        pairs_in(f"A=1\n{line}", "/f")


def test_a_message_never_shows_a_value() -> None:
    with pytest.raises(ValueError, match="line 1") as caught:
        pairs_in("hunter2", "/f")
    assert "hunter2" not in str(caught.value)


def test_keywords_go_before_files_and_later_files_before_earlier_ones() -> None:
    files = {"/a": "A=file\nB=file\nC=file", "/b": "B=second"}
    want = read(files, env_file="/a /b", environment="A=spec")
    assert want.environment == {"A": "spec", "B": "second", "C": "file"}
    assert read(files, run_args="--env-file /a -e C=spec").environment == {"A": "file", "B": "file", "C": "spec"}
    assert read({"/l": "x=y"}, label_file="/l").labels == {"x": "y"}


def test_what_was_stored_needs_no_file() -> None:
    want = read({"/a": "A=1"}, env_file="/a")
    assert Desired.model_validate_json(want.model_dump_json()) == want
