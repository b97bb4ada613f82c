"""Shell completion: what is offered, in which shells, and how little is needed for it."""

import os
import shlex
import shutil
import sqlite3
import subprocess
import sys

import pytest

from reconciler.cli.complete import candidates
from reconciler.cli.parser import parser_of
from reconciler.cli.verb import VERBS, verb_called
from reconciler.cli.verbs.completion import joined
from reconciler.engine.schema import FILE, MIGRATIONS
from tests.cli.osvc import ROOT
from tests.cli.test_usage import said_by

WEB = """\
resources:
  container#web:
    type: docker
    image: osvc/none:1
  "fs#1":
    {type: tmpfs, mnt: /srv/web}
"""
DB = "[container#db]\ntype = docker\nimage = osvc/none:1\n"


@pytest.fixture
def full(place, monkeypatch):
    """A place with two specs, and a store that knows a third service and a run."""
    place.spec("web.yaml", WEB)
    place.spec("db.conf", DB)
    place.spec("notes.txt", "hello")
    state = place.root / "state"
    state.mkdir()
    with sqlite3.connect(state / FILE) as db:
        for script in MIGRATIONS:
            db.executescript(script)
        db.execute("INSERT INTO services VALUES ('old', '/x', '/x/old.yaml', '{}', '2026-11-23')")
        db.execute("INSERT INTO owned (service, rid, record) VALUES ('old', 'vg#1', '{}')")
        db.execute("INSERT INTO runs (id, service, verb, began) VALUES ('20261123T225543-9b0d91', 'old', 'apply', '2026-11-23')")
    db.close()
    for name in ("OSVC_STATE_DIR", "OSVC_CONFIG"):
        monkeypatch.setenv(name, place.env[name])
    return place


def words(*typed):
    return [one.word for one in candidates(typed)]


def test_verbs(full):
    assert words("sh") == ["shutdown", "show"]
    assert set(words("")) == {verb.name for verb in VERBS} | {"--help", "--version"}
    assert words("help", "wat") == ["watch"]
    assert words("plna", "") == []


@pytest.mark.parametrize("verb", [verb.name for verb in VERBS])
def test_every_option_of_every_verb_is_offered_once(full, verb):
    known = set(parser_of(verb_called(verb)).spellings())
    assert set(words(verb, "--")) == {spelling for spelling in known if spelling.startswith("--")}
    assert "--color" not in words(verb, "--color", "never", "--")


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        (["stop", ""], ["db", "old", "web"]),
        (["stop", "web", "d"], ["db"]),
        (["plan", "-s", "w"], ["web"]),
        (["plan", "--service=w"], ["--service=web"]),
        (["plan", "-s", "web,d"], ["web,db"]),
        (["plan", "-s", "web", "-s", "o"], ["old"]),
        (["exec", "web", "--rid", ""], ["container#web", "fs#1"]),
        (["start", "d*", "--rid", ""], ["container#db"]),
        (["enter", "old", ""], ["vg#1"]),
        (["why", "c"], ["container#db", "container#web"]),
        (["show", ""], ["last", "20261123T225543-9b0d91"]),
        (["undo", "2026"], ["20261123T225543-9b0d91"]),
        (["graph", "web", "--format", "d"], ["dot"]),
        (["completion", "z"], ["zsh"]),
        (["explain", "cont"], ["container"]),
        (["plan", ""], [":files"]),
        (["status", ""], [":files", "db", "old", "web"]),
        (["ls", "db", "w"], [":files", "web"]),
        (["plan", "-o", ""], [":files"]),
        (["plan", "--color", "n"], ["never"]),
        (["apply", "--wait", ""], []),
        (["doctor", ""], []),
        (["docker", "web", "ps", "-"], []),
        (["exec", "web", "ls", "--"], []),
        (["exec", "--", "-"], []),
        (["status", "--", "--js"], [":files"]),
    ],
)
def test_what_may_stand_there(full, typed, offered):
    assert words(*typed) == offered


def test_without_specs_and_store_nothing_is_offered_and_nothing_fails(place, monkeypatch):
    monkeypatch.setenv("OSVC_CONFIG", str(place.root / "none.yaml"))
    monkeypatch.setenv("OSVC_STATE_DIR", str(place.root / "none"))
    place.specs.rmdir()
    assert words("show", "") == [] and words("undo", "2") == []


def test_no_pipe_is_waited_for_and_no_name_that_a_shell_would_run_is_offered(place, monkeypatch):
    monkeypatch.setenv("OSVC_CONFIG", str(place.root / "osvc.yaml"))
    (place.root / "osvc.yaml").write_text(f"specs: {place.specs}\n")
    os.mkfifo(place.specs / "pipe.yaml")
    (place.specs / "we $(id).yaml").write_text("resources: {}\n")
    assert words("why", "") == [] and words("graph", "") == ["pipe"]


def test_bash_takes_an_option_with_a_value_for_three_words():
    assert joined(["plan", "--service", "=", "we"]) == ["plan", "--service=we"]
    assert joined(["plan", "--service", "="]) == ["plan", "--service="]
    assert joined(["plan", "--service", "web"]) == ["plan", "--service", "web"]


@pytest.mark.parametrize("typed", [["st"], ["plan", "--"], ["stop", ""], ["why", ""], ["show", ""]])
def test_the_standard_library_is_enough(typed):
    script = (
        "import sys\n"
        "from reconciler.cli.main import main\n"
        f"main(['completion', 'bash', '--', *{typed!r}])\n"
        "roots = {name.partition('.')[0] for name in sys.modules}\n"
        "print(sorted(roots - set(sys.stdlib_module_names) - {'reconciler', '__main__', '__mp_main__'}), file=sys.stderr)\n"
    )
    assert said_by(script) == "[]\n"


def test_what_is_no_shell_or_no_question(place):
    assert place.osvc("completion", "csh").code == 64
    assert "unexpected 'plan'; osvc completion bash prints the script" in place.osvc("completion", "bash", "plan").err


@pytest.fixture
def program(full):
    """osvc as a program of that name."""
    path = full.root / "bin" / "osvc"
    path.parent.mkdir()
    path.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m reconciler "$@"\n')
    path.chmod(0o755)
    return full, {**full.env, "PATH": f"{path.parent}:{full.env['PATH']}", "PYTHONPATH": str(ROOT)}


def in_shell(program, shell, script):
    place, env = program
    assert shutil.which(shell), f"{shell} is not installed; as root, make setup does that"
    done = subprocess.run([shell, "-c", script], check=False, cwd=place.root, env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return done.stdout.split("\n")[:-1]


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        (["osvc", "sh"], ["shutdown", "show"]),
        (["osvc", "stop", "w"], ["web"]),
        (["osvc", "plan", "--service", "=", "w"], ["web"]),
        (["osvc", "exec", "web", "--rid", "c"], ["container#web"]),
        (["osvc", "plan", "spe"], ["specs"]),
        (["osvc", "status", "w"], ["web"]),
        (["osvc", "ls", "s"], ["specs", "state"]),
        (["osvc", "plan", ""], ["bin", "osvc.yaml", "specs", "state"]),
        (["osvc", "frobnicate", ""], []),
    ],
)
def test_in_bash(program, typed, offered):
    script = (
        "source <(osvc completion bash)\n"
        "complete -p osvc >/dev/null\n"
        f"COMP_WORDS=({' '.join(map(shlex.quote, typed))}); COMP_CWORD={len(typed) - 1}\n"
        '_osvc osvc "${COMP_WORDS[COMP_CWORD]}" ""\n'
        'printf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    assert sorted(in_shell(program, "bash", script)) == sorted(offered or [""])


def test_at_the_press_of_a_key_in_bash(program):
    """A real, interactive bash on a terminal of its own."""
    import os
    import pty
    import select
    import time

    place, env = program
    pid, master = pty.fork()
    if pid == 0:
        os.chdir(place.root)
        os.execvpe("bash", ["bash", "--norc", "--noprofile", "-i"], {**env, "PS1": "> ", "TERM": "dumb", "HISTFILE": ""})
    said = b""

    def until(word: bytes) -> bytes:
        nonlocal said
        deadline = time.monotonic() + 30
        while word not in said:
            assert time.monotonic() < deadline, said
            if select.select([master], [], [], 0.1)[0]:
                said += os.read(master, 4096)
        return said

    try:
        os.write(master, b"source <(osvc completion bash); echo ready $((40 + 2))\n")
        until(b"ready 42")
        os.write(master, b"osvc stop --rid fs#1 we\t")
        until(b"osvc stop --rid fs#1 web ")
        os.write(master, b"\x15exit\n")
    finally:
        os.close(master)
        os.waitpid(pid, 0)


def test_in_zsh(program):
    script = (
        "autoload -Uz compinit; compinit -u -D\n"
        "source <(osvc completion zsh)\n"
        "print -r -- ${_comps[osvc]}\n"
        "_describe() { print -rl -- ${(P)3} }\n"
        "words=(osvc exec web --rid c); CURRENT=5; _osvc\n"
        "words=(osvc stat); CURRENT=2; _osvc\n"
        "_files() { print files }\n"
        "words=(osvc plan ''); CURRENT=3; _osvc\n"
        "words=(osvc status w); CURRENT=3; _osvc\n"
    )
    offered = ["container#web", "status:show each service and its resources", "files", "files", "web"]
    assert in_shell(program, "zsh", script) == ["_osvc", *offered]


def test_in_fish(program):
    script = (
        "osvc completion fish | source\ncomplete -C 'osvc exec web --rid c'\ncomplete -C 'osvc stat'\ncomplete -C 'osvc plan spe'"
        "\ncomplete -C 'osvc status w'"
    )
    offered = ["container#web", "status\tshow each service and its resources", "specs/", "web"]
    assert in_shell(program, "fish", script) == offered
