"""What is shown fits a terminal of 80 columns; only what is to be typed, and what cannot be parted, may be longer."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import pytest

from reconciler.report.texts import fitted

SPEC = """\
docker_data_dir: {root}/engine
resources:
  fs#1: {{type: tmpfs, dev: tmpfs, mnt: {root}/files, optional: true, comment: {words}}}
  container#web:
    image: registry.example.com/shop/web:3
    volume_mounts: ["{root}/files:/files", "{root}/more:/more"]
    network: none
  container#needy: {{image: "osvc/none:1", network: none}}
"""
MANY = " ".join(["many words that say what this is for and for whom"] * 3)
VERBS = (
    *("plan", "plan -v", "status", "ls", "images", "doctor", "graph web", "why fs#1", "why container#web", "history", "validate"),
    "diff",
    *("explain container", "explain container.memory", "explain fs", "explain fs.mnt_opt", "--help", "plna", "start wbe"),
)


def at_80_columns(place, *words):
    """What a terminal of that width shows, without colours."""
    main, side = pty.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    env = {**place.env, "TERM": "xterm"}
    with subprocess.Popen(
        [sys.executable, "-m", "reconciler", *words], cwd=place.root, env=env, stdin=side, stdout=side, stderr=side
    ) as run:
        os.close(side)
        said = b""
        try:
            while part := os.read(main, 65536):
                said += part
        except OSError:  # whoever had it open has gone
            pass
        run.wait(60)
    os.close(main)
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", said.decode()).replace("\r\n", "\n")


@pytest.mark.parametrize("words", VERBS)
def test_every_line_fits(place, words):
    place.spec("web.yaml", SPEC.format(root=place.root, words=MANY))
    fits(at_80_columns(place, *words.split()))


def fits(said):
    assert said.strip() and "Traceback" not in said
    told = re.sub(r"(?m)^ +\d+ [ ~] .*\n(?: {6}[ $] .*\n| {8}.*\n)*", "", said)  # without the steps of a plan
    long = [line for line in told.splitlines() if len(line) > 80 and len(line.split()) > 1 and not line.lstrip().startswith("→")]
    assert [line for line in long if max(map(len, line.split())) < 50] == []


def test_history_fits(place):
    place.spec("web.yaml", SPEC.format(root=place.root, words="short"))
    assert place.osvc("freeze", "web", "--reason", MANY).code == 0
    fits(at_80_columns(place, "history"))
    _, line = place.osvc("history").out.splitlines()
    assert line.endswith(MANY)


def test_a_difference_fits(place):
    command = f"sh -c 'echo {MANY}'"
    place.spec("web.yaml", f'resources:\n  container#1: {{image: osvc/demo:1, network: none, command: "{command}"}}\n')
    said = at_80_columns(place, "diff")
    fits(said)
    assert "+command: sh -c" in said and f"+command: {command}\n" not in said
    assert f"+command: {command}\n" in place.osvc("diff").out


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("short", ["short"]),
        ("  rid  some words that go on and on", ["  rid  some words that", "       go on and on"]),
        ("  rid  some words → osvc start web --yes", ["  rid  some words", "  → osvc start web --yes"]),
        ("  rid  some words → osvc start", ["  rid  some words", "       → osvc start"]),
        ("      $ mkdir -p -- /a/path/that/is/long", ["      $ mkdir -p -- /a/path/that/is/long"]),
        ("some words without any column", ["some words without any", "column"]),
        ("  x  \x1b[31mred\x1b[0m words that are not counted", ["  x  \x1b[31mred\x1b[0m words that are", "     not counted"]),
        ("  x  /a/path/that/nobody/can/part", ["  x  /a/path/that/nobody/can/part"]),
        ("  rid  /a/path/of/twentytwo/", ["  rid", "   /a/path/of/twentytwo/"]),
    ],
)
def test_a_line_goes_on_below_its_last_column(text, lines):
    assert fitted(text, 24).split("\n") == lines
    assert fitted(text, 0) == text
