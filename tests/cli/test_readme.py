"""What the pages for people say holds: every command parses, every file is there, every code is a code."""

import re
import shlex
from pathlib import Path

import pytest

from reconciler.cli.exits import WORST_FIRST, Exit
from reconciler.cli.parser import parse
from reconciler.cli.verb import VERBS, verb_called
from tests.cli.osvc import ROOT

README = (ROOT / "README.md").read_text()
PAGES = {
    path.name: path.read_text()
    for path in (
        ROOT / "README.md",
        *(
            ROOT / "docs" / name
            for name in ("agent.md", "architecture.md", "metrics.md", "migration.md", "operations.md", "resources.md")
        ),
    )
}


def commands(text: str) -> list[str]:
    """Every osvc command line: in a console block, or in backticks."""
    typed = re.findall(r"^\$ (osvc .*)$", text, re.MULTILINE)
    quoted = re.findall(r"`(osvc [^`]+)`", text)
    advised = re.findall(r"→ (osvc .*)$", text, re.MULTILINE)
    return sorted({line.split(" <")[0].strip() for line in (*typed, *quoted, *advised)})


@pytest.mark.parametrize("line", [line for text in PAGES.values() for line in commands(text)])
def test_every_command_line_parses(line):
    _, verb, *words = shlex.split(line)
    if verb == "--help":
        return
    if not words and verb in ("start", "stop", "enable", "docker"):
        words = ["some-service"]
    assert parse(verb_called(verb), words) is not None


def test_there_are_commands_for_every_verb():
    shown = {shlex.split(line)[1] for line in commands(README)}
    assert shown >= {verb.like for verb in VERBS}


def test_the_exit_codes_are_all_there_and_in_their_order():
    table = PAGES["operations.md"].partition("## What a run comes to")[2].partition("##")[0]
    for code in Exit:
        if code is not Exit.OK:
            assert re.search(rf"^\| .*\b{int(code)}\b.* \|", table, re.MULTILINE), code
    order = re.search(r"in this order: ([\d, ]+)\.", table)
    assert order and [int(word) for word in order[1].split(",")] == [int(code) for code in WORST_FIRST]


@pytest.mark.parametrize("page", sorted(PAGES))
def test_every_file_of_the_repository_that_is_named_is_there(page):
    tops = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    named = set(re.findall(r"`([A-Za-z][\w./-]*)`", PAGES[page]))
    ours = {name for name in named if name.split("/")[0] in tops and ("/" in name or Path(name).suffix or name in tops)}
    assert ours - {"services.d/web.yaml"}
    missing = sorted(name for name in ours - {"services.d/web.yaml"} if not (ROOT / name).exists())
    assert missing == []


def test_every_make_target_that_is_named_is_one():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {name for text in PAGES.values() for name in re.findall(r"(?:`|^    )make ([a-z-]+)", text, re.MULTILINE)}
    assert {"demo", "test"} <= named <= targets


def test_the_spec_of_the_readme_is_valid(tmp_path):
    from reconciler.core.node import Node
    from reconciler.spec.load import load

    text = re.search(r"```yaml\n(.*?)```", README, re.DOTALL)
    assert text
    spec = tmp_path / "web.yaml"
    spec.write_text(text[1])
    spec.chmod(0o600)
    loaded = load([str(spec)], Node())
    assert not loaded.errors
    (service,) = loaded.services
    assert set(service.resources) == {"dockerd", "container#db", "container#web"}
    lines = README[README.index("```yaml") :].splitlines()[1:]
    shown = {int(n): word for word, n in re.findall(r"(command|memory) .*services\.d/web\.yaml:(\d+)", README)}
    assert shown and all(lines[n - 1].strip().startswith(f"{word}:") for n, word in shown.items())


@pytest.mark.parametrize("page", ["README.md", "migration.md", "resources.md"])
def test_every_spec_of_a_page_is_valid(tmp_path, page):
    from reconciler.core.node import Node
    from reconciler.spec.load import load

    variables = tmp_path / "shop.env"
    variables.write_text("A=b\n")
    variables.chmod(0o600)
    texts = re.findall(r"```yaml\n(.*?)```", PAGES[page], re.DOTALL)
    assert texts
    for number, text in enumerate(texts):
        spec = tmp_path / f"s{number}.yaml"
        spec.write_text(text.replace("/etc/osvc/shop.env", str(variables)))
        spec.chmod(0o600)
        for node in (Node(), Node("deb2"), Node("drp1")):
            assert load([str(spec)], node).errors == ()
