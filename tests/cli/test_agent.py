"""osvc agent, and verbs that it answers: the same to the byte as by themselves, and by themselves whenever it does not answer."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from reconciler.cli.asking import ASKED, asked
from reconciler.cli.clerk import Answers
from reconciler.cli.exits import Exit
from reconciler.cli.parser import parser_of
from reconciler.cli.svcmgr.line import read
from reconciler.cli.verb import verb_called
from reconciler.core.secrets import learn, learned
from tests.cli.agents import NOTHING, Events, agent, impostor, listening, request
from tests.cli.osvc import Ended

HEARD = b'{"heard": true}\n'
LOOKS = [
    ["ls"],
    ["status"],
    ["status", "web"],
    ["status", "--json"],
    ["ls", "--color", "always"],
    ["plan"],
    ["plan", "-v", "specs/web.yaml"],
    ["plan", "--json"],
    ["diff"],
    ["diff", "--json", "-s", "web"],
    ["why", "fs#1"],
    ["graph", "web"],
    ["graph", "web", "--format", "dot"],
    ["images"],
    ["history"],
    ["history", "-n", "1", "--json"],
]
WRONG = [["status", "nobody"], ["plan", "nowhere.yaml"], ["plan", "--rid", "fs#7"], ["ls", "--json", "nobody"], ["show", "last"]]


@pytest.fixture
def web(place):
    """A service that an agent leaves alone, and that differs from what there is."""
    place.spec("web.yaml", f"resources:\n  fs#1: {{type: tmpfs, dev: tmpfs, mnt: {place.root}/m}}\n")
    assert place.osvc("freeze", "web", "--reason", "a test").code == 0
    return place


def test_what_it_answers_is_the_same_to_the_byte(web):
    with agent(web):
        for words in (*LOOKS, *WRONG):
            assert web.osvc(*words) == web.osvc(*words, OSVC_AGENT="off"), words


def test_an_answer_is_an_answer_and_not_done_by_the_asker(web):
    with agent(web) as one:
        for words in LOOKS:
            assert set(one.ask(words)[-1]) == {"code", "said"}, words


def test_its_threads_have_no_heaps_of_their_own(web):
    """glibc maps one as 64 MB of which most cannot be touched yet."""
    with agent(web) as one:
        with open(f"/proc/{one.process.pid}/task/{one.process.pid}/status") as status:
            assert "Threads:\t1\n" not in status.read()
        with open(f"/proc/{one.process.pid}/maps") as maps:
            ends = [int(line.split("-")[1].split()[0], 16) for line in maps if " ---p 00000000 00:00 0" in line]
    assert not [end for end in ends if end % (64 << 20) == 0]


SVCMGR = [
    ["print", "status"],
    ["-s", "w*", "print", "status"],
    ["-s", "web", "print_status", "--color=always"],
    ["-s", "allservices", "print", "status"],
    ["-s", "allupservices", "print", "status"],
    ["-s", "web", "print", "config"],
    ["-s", "web", "status"],
    ["-s", "web,up", "status"],
    ["-s", "web", "json", "status"],
    ["-s", "alldownservices", "json", "status"],
    ["svcmon"],
    ["svcmon", "-s", "web"],
]


def test_svcmgr_is_answered_the_same_to_the_byte_and_so_is_a_link(web):
    web.spec("up.yaml", NOTHING)
    alone = [svcmgr(web, "svcmgr", *words, OSVC_AGENT="off") for words in (*SVCMGR, ["-s", "nobody", "status"], ["status"])]
    link = [svcmgr(web, "web", *words, OSVC_AGENT="off") for words in (["print", "status"], ["status"])]
    assert [ended.code for ended in link] == [0, 1], "down"
    with agent(web):
        for words, ended in zip((*SVCMGR, ["-s", "nobody", "status"], ["status"]), alone, strict=True):
            assert svcmgr(web, "svcmgr", *words) == ended, words
        assert [svcmgr(web, "web", *words) for words in (["print", "status"], ["status"])] == link


def test_what_svcmgr_asks_is_answered_and_not_done_by_the_asker(web):
    def serve(sock):
        sock.sendall(HEARD + b'{"code": 6, "said": [[1, "stdby up\\n"]]}\n')

    with impostor(web, serve) as requests:
        for program, words in (("svcmgr", ["-s", "web", "status"]), ("web", ["status"]), ("svcmgr", ["--color=never", "svcmon"])):
            assert svcmgr(web, program, *words) == Ended(6, "stdby up\n", "")
    asks = [["svcmgr status", "-s", "web"]] * 2 + [["svcmgr svcmon", "--color", "never"]]
    assert requests == [request(web.root, web.env, words) for words in asks]
    with agent(web) as one:
        for words in (["svcmgr status", "-s", "web"], ["svcmgr print status", "-s", "web"], ["svcmgr svcmon"]):
            assert set(one.ask(words)[-1]) == {"code", "said"}, words


def svcmgr(place, program, *words, **env):
    """What a person types: svcmgr, or a link to it."""
    script = "import sys; from reconciler.cli.svcmgr.main import main; sys.exit(main(sys.argv[2:], sys.argv[1]))"
    run = [sys.executable, "-c", script, program, *words]
    done = subprocess.run(run, cwd=place.root, env={**place.env, **env}, capture_output=True, text=True, timeout=60, check=False)
    return Ended(done.returncode, done.stdout, done.stderr)


def test_a_terminal_there_is_one_here(web):
    with agent(web) as one:
        (wide,) = one.ask(["ls"], terminals=[[200, 50], None])[1]["said"]
        (narrow,) = one.ask(["ls"], terminals=[[30, 50], None])[1]["said"]
        plain = one.ask(["ls"], terminals=[None, [80, 24]])[1]["said"]
    assert "\x1b[" in wide[1] and "\x1b[" in narrow[1] and wide != narrow
    assert "\x1b[" not in plain[0][1]


def test_it_looks_anew_each_time(web):
    with agent(web):
        before = web.osvc("ls", "--json")
        web.spec("db.yaml", NOTHING)
        after = web.osvc("ls", "--json")
    names = [[service["service"] for service in json.loads(ended.out)["services"]] for ended in (before, after)]
    assert names == [["web"], ["db", "web"]]


def test_what_leads_to_what_is_each_processs_own_is_not_asked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, to in {"in": "/dev/stdin", "fd": "/proc/self/fd", "far": "fd", "spec": "web.yaml", "round": "round"}.items():
        os.symlink(to, tmp_path / name)
    for word in ("in", "fd/0", "far/0", f"{tmp_path}/in", "./x/../in", "../../../../../../../../proc/self/fd/0", "round"):
        assert not asked(["plan", word]), word
    for word in ("spec", "web.yaml", "web", f"{tmp_path}/spec", "fs#1"):
        assert asked(["plan", word]), word


def test_the_clerk_answers_nothing_that_is_invalid_and_nobody_in_another_folder(place, monkeypatch):
    monkeypatch.chdir(place.root)
    asks = request(place.root, {}, ["ls"])
    assert Answers(lambda words: Exit.OK)(asks)["code"] == 0
    assert Answers(lambda words: Exit.INVALID)(asks) == {"unanswered": "it failed here"}
    status = request(place.root, {}, ["svcmgr status", "-s", "web"])
    assert Answers(lambda words: 1)(status)["code"] == 1, "down"
    assert Answers(lambda words: 5)(status) == {"unanswered": "it failed here"}
    place.root.rename(f"{place.root}.old")
    place.root.mkdir()
    assert Answers(lambda words: Exit.OK)(asks) == {"unanswered": "the folder of this name is another one"}


def test_the_clerk_answers_in_the_time_zone_of_now(place, monkeypatch):
    monkeypatch.chdir(place.root)
    zones = []
    answers = Answers(lambda words: zones.append(time.tzname[0]) or 0)
    monkeypatch.setenv("TZ", "ODD-3")
    try:
        answers(request(place.root, {"TZ": "ODD-3"}, ["ls"]))
    finally:
        monkeypatch.undo()
        time.tzset()
    assert zones == ["ODD"]


def test_what_was_a_secret_for_one_answer_is_none_for_the_next(place, monkeypatch):
    monkeypatch.chdir(place.root)
    known = []

    def run(words):
        learn(words[1], "DB_PASSWORD")
        known.append(learned())
        return 0

    answers = Answers(run)
    for word in ("blue4house", "green4house"):
        assert answers(request(place.root, {}, ["ls", word]))["code"] == 0
    assert known == [{"blue4house": "DB_PASSWORD"}, {"green4house": "DB_PASSWORD"}]


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"osvc": "0.0.9"}, "this agent is osvc"),
        ({"place": [1, 2, 3, 4, 5, 6]}, "from another place"),
        ({"environment": {}}, "another configuration"),
        ({"cwd": "/nowhere/at/all"}, "cannot be answered"),
        ({"folder": [1, 2]}, "the folder of this name is another one"),
        ({"words": ["apply", "--yes"]}, "not asked of an agent"),
        ({"words": ["plan", "-o", "x.plan"]}, "not asked of an agent"),
        ({"words": ["status", "--watch"]}, "not asked of an agent"),
        ({"words": "ls"}, "words are expected"),
        ({"words": []}, "not asked of an agent"),
        ({"words": [1]}, "words are expected"),
        ({"terminals": [None]}, "two terminals are expected"),
        ({"terminals": [None, ["wide", 3]]}, "columns and lines"),
        ({"environment": {"PATH": 3}}, "an environment is expected"),
    ],
)
def test_what_it_does_not_answer(shared, more, why):
    (_, answer) = shared.ask(["ls"], **more)
    assert why in answer["unanswered"]


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    from tests.cli.osvc import Place

    with agent(Place(tmp_path_factory.mktemp("agent"))) as one:
        yield one


@pytest.mark.parametrize("verb", sorted(ASKED))
def test_the_options_that_are_asked_are_the_verbs(verb):
    if verb.startswith("svcmgr "):
        assert read("svcmgr", [*verb.split()[1:], "-s", "web", "--color", "never"]).verb == verb.removeprefix("svcmgr ")
    else:
        assert set(parser_of(verb_called(verb)).spellings()) >= ASKED[verb]
    assert asked([verb, *ASKED[verb]])
    assert not asked([verb, "--nothing"]) and not asked([verb, "--help"]) and not asked([verb, "--debug"])


@pytest.mark.parametrize(
    "words",
    [
        *(
            [],
            ["apply"],
            ["svcmgr start"],
            ["svcmgr status", "--rid", "fs#1"],
            ["status", "-w"],
            ["ls", "--watch"],
            ["plan", "-ofile"],
            ["plan", "--output=x"],
            ["plan", "--script"],
        ),
        *(
            ["plan", "--snapshot", "x"],
            ["images", "--prune"],
            ["plan", "/dev/fd/63"],
            ["status", "--", "-x"],
            ["plan", "--node", "x"],
        ),
    ],
)
def test_what_is_never_asked(words):
    assert not asked(words)


SERVES = {
    "hangs up": lambda sock: None,
    "says nothing": lambda sock: sock.recv(1),
    "says it hears, and no more": lambda sock: (sock.sendall(HEARD), sock.recv(1)),
    "is no agent": lambda sock: sock.sendall(b"220 mail.example ESMTP\r\n"),
    "refuses": lambda sock: sock.sendall(HEARD + b'{"unanswered": "busy"}\n'),
    "answers half": lambda sock: sock.sendall(HEARD + b'{"code": 0, "said": [[1, "on'),
    "answers oddly": lambda sock: sock.sendall(HEARD + b'{"code": 0, "said": [1]}\n'),
    "has codes of its own": lambda sock: sock.sendall(HEARD + b'{"code": 99, "said": []}\n'),
    "answers twice": lambda sock: sock.sendall(HEARD + b'{"code": 0, "said": []}\n' * 2),
}


@pytest.mark.parametrize("how", SERVES)
def test_whatever_listens_there_a_verb_is_done(web, how):
    alone = web.osvc("ls", OSVC_AGENT="off")
    with impostor(web, SERVES[how]) as requests:
        began = time.monotonic()
        assert web.osvc("ls") == alone
        assert time.monotonic() - began < 20
    assert len(requests) == 1


def test_what_a_client_asks(web):
    def serve(sock):
        sock.sendall(HEARD + b'{"code": 2, "said": [[2, "aside\\n"], [1, "result\\n"], [2, "end\\n"]]}\n')

    with impostor(web, serve) as requests:
        ended = web.osvc("plan", "-v")
    assert (ended.code, ended.out, ended.err) == (2, "result\n", "aside\nend\n")
    assert requests == [request(web.root, web.env, ["plan", "-v"])]


def test_off_is_off(web):
    with impostor(web, lambda sock: None) as requests:
        web.osvc("ls", OSVC_AGENT="off")
        web.osvc("ls", OSVC_RUN_DIR=str(web.root / "elsewhere"))
        web.osvc("ls", JOURNAL_STREAM="8:1")
    assert requests == []


def test_the_run_folder_of_the_configuration_counts(web):
    web.config.write_text(f"specs: {web.specs}\nnode: here\nrun_dir: {web.root}/run # here\n")
    env = {name: value for name, value in web.env.items() if name != "OSVC_RUN_DIR"}
    with impostor(web, lambda sock: None) as requests:
        subprocess.run([sys.executable, "-m", "reconciler", "ls"], env=env, check=True, capture_output=True, timeout=60)
    assert len(requests) == 1


def test_an_agent_that_was_killed_is_not_missed_and_the_next_one_takes_its_place(web):
    alone = web.osvc("ls", OSVC_AGENT="off")
    with agent(web) as one:
        assert one.end(signal.SIGKILL) == -signal.SIGKILL
        assert os.path.exists(one.socket)
        assert web.osvc("ls") == alone
    with agent(web) as two:
        assert web.osvc("ls") == alone
        assert two.end() == 143
        assert not os.path.exists(two.socket)


def test_a_clerk_that_dies_or_hangs_costs_an_answer(web):
    alone = web.osvc("ls", OSVC_AGENT="off")
    with agent(web) as one:
        first = one.clerk()
        os.kill(first, signal.SIGSTOP)
        assert web.osvc("ls") == alone
        os.kill(first, signal.SIGKILL)
        assert web.osvc("ls") == alone
        one.answers()
        assert one.clerk() != first


def test_a_second_agent_is_refused(web):
    with agent(web) as one:
        second = web.osvc("agent")
        assert second.code == Exit.LOCKED
        assert second.err.startswith(f"error: cannot begin an agent: this node has one: pid {one.process.pid}, of ")
        assert os.path.exists(one.socket)


def test_many_at_once_are_all_served(web):
    alone = web.osvc("status", OSVC_AGENT="off")
    found = []
    with agent(web):
        threads = [threading.Thread(target=lambda: found.append(web.osvc("status"))) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == [alone] * 20


def test_it_leaves_nothing_behind(web):
    with agent(web) as one:
        clerk = one.clerk()
        assert one.end(signal.SIGINT) == 130
    assert one.said[-1]["exit"] == 130
    assert not os.path.exists(f"/proc/{clerk}")
    assert {path.name for path in (web.root / "run").iterdir()} <= {"agent.lock", "locks"}


@pytest.fixture
def events():
    """osvc events, once the agent knows of it."""
    begun = []

    def follow(one, *words):
        before = listening(one.process.pid)
        begun.append(Events(one.place, *words))
        until = time.monotonic() + 30
        while listening(one.process.pid) == before:
            assert time.monotonic() < until and begun[-1].process.poll() is None
            time.sleep(0.05)
        return begun[-1]

    yield follow
    for one in begun:
        if one.process.poll() is None:
            one.process.kill()
        one.process.communicate()


def test_events_are_followed_to_the_end_of_the_agent(web, events):
    with agent(web) as one:
        people, machines = events(one), events(one, "--json")
        web.spec("db.yaml", "resources: 3\n")
        line, record = people.line(), json.loads(machines.line())
        assert record["event"] == "noticed" and "db.yaml:1" in record["text"]
        assert line == f"{record['at'][11:19]} {record['text']}\n"
        assert one.end() == 143
        code, out, err = people.end()
        assert (code, out[9:], err) == (0, "the agent ended; what runs is left as it is\n", "")
        code, out, err = machines.end()
        assert (code, [json.loads(line)["event"] for line in out.splitlines()], err) == (0, ["agent ended", "result"], "")
        assert record["text"] in [said.get("text") for said in one.said], "it is what watch --json says"


def test_events_of_some_services_only(web, events):
    web.spec("db.yaml", NOTHING)
    with agent(web) as one:
        every, some = events(one, "--json"), events(one, "-s", "d*", "--json")
        web.spec("bad.yaml", "resources: 3\n")
        assert json.loads(every.line())["service"] == ""
        assert web.osvc("freeze", "db", "--reason", "a disk").code == 0
        rang, record = json.loads(some.line()), json.loads(some.line())
        assert rang["event"] == "rang" and rang["services"] == ["db"]
        assert [(bell["source"], bell["key"]) for bell in rang["bells"]] == [("files", str(web.root / "state"))]
        assert record["service"] == "db" and record["text"].startswith("frozen by ") and "a disk" in record["text"]
        one.end()
        assert [json.loads(line)["event"] for line in some.end()[1].splitlines()] == ["agent ended", "result"]


def test_an_agent_that_is_gone_without_a_word_is_missed(web, events):
    with agent(web) as one:
        follower = events(one)
        one.end(signal.SIGKILL)
        assert follower.end() == (1, "", "error: cannot follow it any further: the agent is gone\n")


def test_without_an_agent_it_is_told_how_to_have_one(web):
    ended = web.osvc("events")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == "error: cannot follow it: no agent is at work on this node → systemctl start osvc, or: osvc agent\n"


def test_ctrl_c_ends_events_and_the_agent_lets_it_go(web, events):
    with agent(web) as one:
        before = listening(one.process.pid)
        follower = events(one)
        follower.process.send_signal(signal.SIGINT)
        assert follower.end() == (130, "", "")
        until = time.monotonic() + 10
        while listening(one.process.pid) > before:
            assert time.monotonic() < until
            time.sleep(0.05)
