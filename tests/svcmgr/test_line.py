"""Which words of the reference mean what: a command line taken apart, and what is refused by name."""

import pytest

from reconciler.cli.svcmgr import words
from reconciler.cli.svcmgr.line import read
from reconciler.cli.svcmgr.main import overview
from reconciler.cli.verb import VERBS, Usage


def line(text, program="svcmgr"):
    found = read(program, text.split())
    return found.services, found.verb, found.options, found.rest


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("-s web start", ("web", "start", [], [])),
        ("start --service web,db*", ("web,db*", "start", [], [])),
        ("-s web --service=db print status", ("web,db", "print status", [], [])),
        ("-s web print_status", ("web", "print status", [], [])),
        ("-s web start --rid container#1,fs --waitlock 5", ("web", "start", ["--rid", "container#1,fs", "--wait", "5"], [])),
        ("-s web --disable-rollback --parallel --cluster start", ("web", "start", ["--no-rollback"], [])),
        ("-s web docker run -s x --rid y", ("web", "docker", [], ["run", "-s", "x", "--rid", "y"])),
        ("-s web create --config=web.env", ("web", "create", ["--config", "web.env"], [])),
        ("svcmon", ("", "svcmon", [], [])),
    ],
)
def test_a_line(text, found):
    assert line(text) == found


def test_a_link_is_called_as_the_service():
    assert line("print status", "/opt/opensvc/etc/docker.opensvc.com")[:2] == ("docker.opensvc.com", "print status")
    assert line("docker ps", "./web")[:2] == ("web", "docker")
    with pytest.raises(Usage, match=r"^this is svcmgr for web: leave -s out"):
        line("-s db start", "/etc/osvc/services.d/web")


@pytest.mark.parametrize("program", ["svcmgr", "/usr/bin/svcmgr", "/opt/osvc/reconciler/__main__.py"])
def test_svcmgr_itself_is_no_service(program):
    assert line("-s web stop", program)[0] == "web"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("-s web", "a verb is missing; see svcmgr --help"),
        ("-s web strat", "unknown verb 'strat'; did you mean 'start'?"),
        ("-s web print statsu", "unknown verb 'print statsu'; did you mean 'print status'?"),
        ("-s web start now", "unexpected 'now' behind start"),
        ("-s web start --rids fs", "unknown option --rids; did you mean '--rid'?"),
        ("-s", "-s needs a value"),
        ("-s --yes stop", "'--yes' cannot be the name of a service"),
        ("-s web switch", "there is no switch here: osvc knows its own node only: stop it here, and start it on the other node"),
        ("-s web syncnodes", "there is no syncnodes here: osvc replicates nothing"),
        ("-s web sync nodes", "there is no sync nodes here: osvc replicates nothing"),
        ("-s web compliance_check", "there is no compliance_check here: osvc keeps services"),
        ("-s web set --param DEFAULT.app", "--param: a spec is a file: edit it"),
        ("-s web start --to deb2", "--to: osvc knows its own node only"),
    ],
)
def test_a_mistake_is_told_with_what_to_do(text, said):
    with pytest.raises(Usage) as told:
        line(text)
    assert str(told.value).startswith(said)


def test_every_word_leads_to_a_verb_that_there_is():
    known = {verb.name for verb in VERBS}
    assert {name for name, *_ in words.OSVC.values()} <= known
    assert not set(words.OSVC) & set(words.INSTEAD) and not set(words.OWN) & {*words.OSVC, *words.INSTEAD}


def test_help_names_every_verb_in_80_columns():
    text = overview()
    assert all(f"\n  {name} " in text for name in (*words.OWN, *words.SAME))
    assert all(len(one) <= 80 for one in text.splitlines())
    assert "PART: ip, disk, vg, fs, container, app\n" in text
