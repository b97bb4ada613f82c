"""app: what each action shows and undoes, and the record that says what an app was started with."""

import json
import subprocess

from reconciler.core.action import BARRIER, Effect
from reconciler.core.node import Node, Place
from reconciler.core.observed import Absent, Present
from reconciler.core.secrets import learn, learn_anew
from reconciler.resources.app import record
from reconciler.resources.app.actions import Forget, Start, Stop
from reconciler.resources.app.model import Around, Desired, State


def desired(run_dir="/run/osvc", **keywords):
    node = Node(run_dir=run_dir)
    return Desired.model_validate({"start": "relay -f", "type": "simple"} | keywords, context=Place("web", "app#1", node))


def runs(want, **more):
    return Present(State(**record.settings(want), recorded=True, running=True, pid=812, **more), Around())


def test_a_start_shows_a_command_that_may_be_pasted():
    start = Start(want=desired(user="nobody", group="nogroup", environment={"API_KEY": "hunter2"}), home="/nonexistent")
    assert start.command() == (
        "env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin OSVC_SERVICE=web 'OSVC_RID=app#1' "
        'HOME=/nonexistent USER=nobody LOGNAME=nobody API_KEY="$API_KEY" '
        "setsid setpriv --reuid=nobody --regid=nogroup --init-groups -- relay -f "
        ">>/run/osvc/web/app.1.log 2>&1 </dev/null &"
    )
    assert start.secrets == {"API_KEY": "hunter2"}
    assert "hunter2" not in start.script()
    forking = Start(want=desired(type="forking", start="/srv/run start"))
    assert "setsid -w /srv/run start >>" in forking.command() and not forking.command().endswith("&")


def test_a_stop_shows_what_it_signals():
    assert Stop(want=desired(), pids=(812, 815)).command() == "kill -TERM 812 815"
    stop = Stop(want=desired(type="forking", stop="/srv/run stop"))
    assert "setsid -w /srv/run stop >>" in stop.command()
    assert (stop.costs, Stop(want=desired(), runs=False).costs) == (Effect.DISRUPTIVE, Effect.SAFE)


def test_a_start_is_undone_by_a_stop():
    start = Start(want=desired())
    stop, forget = start.undo(Absent(Around()))
    assert (stop.op, forget.op) == ("stop", "forget")
    (stop,) = start.undo(start.after(Absent(Around())).__class__(State(recorded=True), Around()))
    assert stop.op == "stop"
    assert start.undo(runs(desired())) == ()


def test_a_stop_is_undone_by_a_start_as_it_was():
    new, old = desired(environment={"A": "new"}), desired(environment={"A": "old"})
    (start,) = Stop(want=new).undo(runs(old))
    assert start.want.environment == {"A": "old"}
    assert Stop(want=new).undo(Present(State(recorded=True), Around())) == ()


def test_a_stop_of_what_has_a_secret_that_is_not_known_cannot_be_undone():
    before = runs(desired(environment={"API_KEY": record.seal("hunter2", "salt")}))
    assert Stop(want=desired()).undo(before) is BARRIER


def test_forgetting_is_for_good():
    assert Forget(want=desired()).undo(runs(desired())) is BARRIER


def test_a_record_keeps_no_secret_and_knows_it_again():
    want = desired(start="relay --token=abc123 -f", environment={"API_KEY": "hunter2", "MODE": "one"})
    text = record.write(want, "salt", pid=812)
    assert "hunter2" not in text and "abc123" not in text and '"MODE": "one"' in text
    opened = record.opened(record.read(text), [desired(), want])
    assert (opened["environment"], opened["start"]) == (want.environment, want.start)
    other = record.opened(record.read(text), [desired(environment={"API_KEY": "hunter3"})])
    assert record.is_sealed(other["environment"]["API_KEY"])


def test_what_was_a_secret_when_the_record_was_written_is_known_again_when_it_is_none_any_more():
    want = desired(start="relay blue4house", environment={"COLOR": "blue4house"})
    learn("blue4house", "DB_PASSWORD")
    text = record.write(want, "salt")
    assert "blue4house" not in text
    learn_anew()
    opened = record.opened(record.read(text), [want])
    assert (opened["environment"], opened["start"]) == (want.environment, want.start)


def test_a_record_that_is_none():
    assert record.read(None) is None
    assert record.read("{") is None
    assert record.read("[]") is None
    assert record.read('{"environment": {}, "pid": "x"}') is None


def test_the_script_writes_the_same_record(tmp_path):
    want = desired(
        run_dir=str(tmp_path), start="relay --token=abc123 100%", environment={"API_KEY": "hun'ter 2", "MODE": "50% \\n"}
    )
    tmp_path.joinpath("web").mkdir()
    secrets = dict(Start(want=want).secrets)
    text = f"set -eu\npid=812\n{record.script(want, {'pid': '$pid', 'started': '4711', 'stopped': 'false'})}"
    subprocess.run(["sh", "-c", text], env={"PATH": "/usr/bin:/bin", **secrets}, check=True)
    written = json.loads(tmp_path.joinpath("web/app.1.json").read_text())
    salt = written["environment"]["API_KEY"].split(":")[1]
    assert {**written, "pid": int(written["pid"])} == json.loads(record.write(want, salt, pid=812, started=4711, stopped=False))
