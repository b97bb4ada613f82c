"""The first ten minutes: what a newcomer types amiss, and that each answer says what is wrong and what to do next."""

import pytest

TMPFS = "resources:\n  fs#1: {type: tmpfs, dev: tmpfs, mnt: /srv/x}\n"
COMPOSE = "services:\n  web:\n    image: nginx\n"


@pytest.mark.parametrize("verb", ["plan", "validate", "apply"])
def test_without_a_specs_folder_it_says_where_specs_may_be(place, verb):
    place.specs.rmdir()
    ended = place.osvc(verb)
    what = "there is no such file or folder; put specs there, or say where they are: osvc VERB PATH"
    assert (ended.code, ended.err) == (6, f"error: {place.specs}:1:1: {what}\n")
    place.specs.mkdir()
    ended = place.osvc(verb)
    assert ended.code == 6 and "there is no spec in this folder; " in ended.err and ended.err.endswith("osvc VERB PATH\n")


@pytest.mark.parametrize("verb", ["start", "stop", "logs", "enter", "freeze", "graph"])
def test_where_no_service_is_known_yet_it_says_how_one_becomes_so(place, verb):
    ended = place.osvc(verb, "web")
    assert (ended.code, ended.err) == (64, "error: no service 'web'; none is known here yet: osvc apply PATH makes it known\n")
    place.spec("db.yaml", TMPFS)
    assert place.osvc(verb, "web").err == "error: no service 'web'; osvc ls shows those that are known\n"
    assert place.osvc(verb, "dbb").err == "error: no service 'dbb'; did you mean 'db'?\n"


def test_a_mistyped_file_is_found(place):
    place.spec("web.yaml", TMPFS)
    assert place.osvc("plan", "specs/wbe.yaml").err.endswith("there is no such file or folder; did you mean 'web.yaml'?\n")
    assert "did you mean 'specs'? A service is chosen" not in place.osvc("plan", "specz").err
    assert "did you mean 'specs'. A service is chosen with -s specz\n" in place.osvc("plan", "specz").err


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("up", "there is no verb 'up'; osvc apply makes it so"),
        ("ps", "osvc status shows"),
        ("rm", "take its file out of the specs folder; osvc plan --prune then shows what goes"),
        ("shell", "osvc enter opens a shell"),
        ("statsu", "unknown verb 'statsu'; did you mean 'status'?"),
    ],
)
def test_a_word_of_another_program_is_answered_with_the_one_of_this(place, word, says):
    ended = place.osvc(word, "web")
    assert ended.code == 64 and says in ended.err and len(ended.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (COMPOSE, ":1:1: 'services' is a word of Compose; what a service of osvc runs stands under 'resources:'"),
        ("resources:\n  fs#1:\n    dev:tmpfs\n    mnt: /x\n", "write a blank behind the ':' of a keyword"),
        ("resources:\n  fs#1:\n    dev: tmpfs\n   mnt: /x\n", "keywords of one level begin in the same column"),
        ("resources:\n\tfs#1: {}\n", ":2:1: a tab cannot indent YAML; use spaces"),
        ("container#1: {image: x}\n", "'container#1' belongs under 'resources:'"),
    ],
)
def test_what_looks_like_a_spec_and_is_none(place, text, says):
    place.spec("web.yaml", text)
    ended = place.osvc("plan")
    assert ended.code == 6 and says in ended.err and str(place.specs / "web.yaml") in ended.err


def test_a_folder_of_something_else_is_not_told_line_by_line(place):
    place.spec("hosts.conf", "".join(f"server number {n}\n" for n in range(300)))
    ended = place.osvc("plan")
    lines = ended.err.splitlines()
    assert ended.code == 6 and len(lines) == 101
    assert lines[-1] == f"error: … and 200 errors more, the last of them in {place.specs}/hosts.conf; is that where the specs are?"
    assert len([line for line in place.osvc("validate").err.splitlines() if line.startswith("error: ")]) == 300
