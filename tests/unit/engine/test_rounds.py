"""When a watch looks at what. Time is the fake machine's: a line of each test is a timeline."""

import itertools
import os
from dataclasses import replace

import pytest

from reconciler.core.bells import Bell, Source
from reconciler.core.policy import Aim, Goal
from reconciler.engine.rounds import Rounds
from reconciler.engine.watch import Watch
from reconciler.host.errors import Permanent, Transient
from tests.unit.engine.node import SPEC, Node
from tests.unit.engine.timeline import Timeline

pytestmark = pytest.mark.usefixtures("no_jitter")

START = [(0.0, "db"), (0.0, "web")]
ADDRESS = "resources:\n  ip#1: {name: 10.9.8.7, dev: eth0, netmask: 24}\n"


@pytest.fixture
def node(tmp_path):
    node = Node(tmp_path, interval=300.0)
    for name in ("web", "db"):
        node.write(name)
    return node


@pytest.fixture
def line(node):
    return Timeline(node)


def tear(line, name="web"):
    return lambda: line.machine.tear_off(f"/mnt/{name}")


def test_what_is_quiet_is_not_looked_at_but_at_the_interval(line):
    line.run(700)
    assert line.looks[:4] == [(at, "db web") for at in (0.0, 0.1, 1.1, 10.1)], "once more for what it did, and echoes"
    assert line.after == [(300.0, "db web"), (600.0, "db web")]
    assert line.done == START


def test_a_ring_is_looked_after_at_once_and_only_where_it_is(line):
    line.at(12, tear(line))
    line.run(60)
    assert line.done == [*START, (12.0, "web")], "0.03 s after it: nothing else rang"
    assert line.after == [(at, "web") for at in (12.0, 12.1, 13.1, 22.1)], "once, once afterwards, two echoes; nobody looks at db"


def test_what_was_seen_is_what_a_repair_begins_from(line):
    """The mount table is read to find what is to be done; then by the step itself, and after it. Not to plan again, and not once
    more at the end: nothing came between."""
    looked: list[float] = []

    def count(label):
        if label == "mount table" and 12 < line.machine.ticks < 12.05:
            looked.append(line.machine.ticks)
        return False

    line.machine.fail_next(count, Permanent("never"))
    line.at(12, tear(line))
    line.run(60)
    assert line.done == [*START, (12.0, "web")]
    assert len(looked) == 3


def test_a_burst_is_one_look(line):
    line.at(12, tear(line))
    line.at(12.02, tear(line, "db"))
    line.run(60)
    assert sorted(line.done[2:]) == [(12.0, "db"), (12.0, "web")], "0.03 s after the last ring"
    assert next(names for at, names in line.looks if at > 11) == "db web"


def test_a_burst_of_many_is_waited_for_longer(node):
    for number in range(5):
        node.write(f"s{number}")
    line = Timeline(node)
    for number in range(5):
        line.at(12 + number / 50, tear(line, f"s{number}"))
    line.run(60)
    assert line.after[0] == (12.2, "s0 s1 s2 s3 s4"), "0.1 s after the last ring"


def test_what_never_stops_ringing_does_not_keep_anybody_waiting(line, node):
    """A mount of a service of ten comes and goes every 50 ms, each time another one."""
    for number in range(10):
        node.write(f"s{number}")
    for beat in range(200):
        line.at(12 + beat / 20, tear(line, f"s{beat % 10}") if beat < 10 else lambda: None)
    line.run(14)
    first = next(at for at, names in line.looks if at >= 12)
    assert first <= 13.0


def test_a_spec_that_is_edited_is_the_only_one_looked_at(line, node):
    line.at(20, lambda: node.write("web", SPEC.replace("type: tmpfs}", "type: tmpfs, mnt_opt: size=1m}") % "web"))
    line.at(40, lambda: node.write("app"))
    line.run(60)
    assert line.done == [*START, (20.1, "web"), (40.1, "app")]
    assert {names for _, names in line.after} == {"web", "app"}


def test_a_touch_of_a_spec_makes_nobody_look_at_the_machine(line, node):
    line.at(20, lambda: os.utime(node.specs / "web.yaml"))
    line.run(60)
    assert line.after == []


def test_an_invalid_edit_is_told_at_once_and_the_last_valid_one_goes_on(line, node):
    line.at(20, lambda: node.write("web", "resources: [\n"))
    line.at(30, tear(line))
    line.at(40, lambda: node.write("web"))
    line.run(60)
    assert line.done == [*START, (30.0, "web")]
    assert [at for at, text in line.said if "web.yaml" in text] == [20.1]


def test_a_spec_that_is_written_half_changes_nothing_and_heals_when_it_is_whole(line, node):
    whole = SPEC % "web" + "  fs#2: {dev: tmpfs, mnt: /mnt/beside, type: tmpfs}\n"
    line.at(20, lambda: node.write("web", whole[:-20]))
    line.at(25, lambda: wrong.append(line.watch.standing().invalid))
    line.at(30, tear(line))
    line.at(40, lambda: node.write("web", whole))
    wrong = []
    line.run(60)
    assert wrong == [(str(node.specs / "web.yaml"),)] and line.watch.standing().invalid == ()
    assert line.done == [*START, (30.0, "web"), (40.1, "web")]
    assert sorted(node.mounts()) == ["/mnt/beside", "/mnt/db", "/mnt/web"]


def test_a_spec_that_is_exchanged_by_a_rename_is_applied(line, node, tmp_path):
    (tmp_path / "new").write_text(SPEC % "new")
    (tmp_path / "new").chmod(0o644)
    line.at(20, lambda: os.replace(tmp_path / "new", node.specs / "web.yaml"))
    line.run(60)
    assert line.done == [*START, (20.0, "web")] and sorted(node.mounts()) == ["/mnt/db", "/mnt/new"], "0.03 s after it"


def exchange(node, tmp_path, name, where):
    """A spec comes in the place of another, whole, and not a moment old."""

    def do():
        fresh = tmp_path / f"{name}-{where}"
        fresh.write_text(SPEC % where)
        fresh.chmod(0o644)
        now = int(node.machine.now().timestamp() * 1e9)
        os.utime(fresh, ns=(now, now))
        os.replace(fresh, node.specs / f"{name}.yaml")
        os.utime(node.specs, ns=(now, now))

    return do


def test_specs_that_are_exchanged_together_are_one_look(line, node, tmp_path):
    line.at(20, exchange(node, tmp_path, "web", "new"))
    line.at(20.01, exchange(node, tmp_path, "db", "newer"))
    line.run(60)
    assert line.after[0] == (20.0, "db web"), "0.03 s after the last"
    assert sorted(node.mounts()) == ["/mnt/new", "/mnt/newer"]


def test_what_is_written_beside_an_exchange_is_waited_for(line, node, tmp_path):
    line.at(20, lambda: node.write("app"))
    line.at(20, exchange(node, tmp_path, "web", "new"))
    line.at(30, exchange(node, tmp_path, "web", "newer"))
    line.at(30.01, lambda: node.write("app", SPEC % "more"))
    line.run(60)
    assert line.done == [*START, (20.1, "app"), (20.1, "web"), (30.1, "app"), (30.1, "web")]


def test_what_is_written_beside_an_exchange_and_not_heard_yet_is_waited_for(line, node, tmp_path):
    """Half of it is there when the exchanged one is read; it rings a moment later."""
    half, whole = SPEC % "half", SPEC % "whole"

    def written(text):
        node.write("db", text)
        now = int(line.machine.now().timestamp() * 1e9)
        os.utime(node.specs / "db.yaml", ns=(now, now))

    look = line.watch._specs.look

    def looks():
        if line.machine.ticks >= 20 and not begun:
            begun.append(line.machine.ticks)
            written(half)
        return look()

    begun: list[float] = []
    line.watch._specs.look = looks
    line.at(20, exchange(node, tmp_path, "web", "new"))
    line.at(20.08, lambda: written(whole))
    line.run(60)
    assert 20.02 < begun[0] < 20.04
    assert line.done == [*START, (20.2, "db"), (20.2, "web")]
    assert sorted(node.mounts()) == ["/mnt/new", "/mnt/whole"]


def test_what_is_exchanged_file_by_file_is_one_look_where_things_are_pruned(node, tmp_path):
    """What moves is in none of them between two."""
    node.config = replace(node.config, prune=True)
    node.write("web", SPEC % "web" + "  fs#2: {dev: tmpfs, mnt: /mnt/more, type: tmpfs}\n")
    line = Timeline(node)

    def give():
        (tmp_path / "given").write_text(SPEC % "db" + "  fs#2: {dev: tmpfs, mnt: /mnt/more, type: tmpfs}\n")
        (tmp_path / "given").chmod(0o644)
        os.utime(tmp_path / "given", ns=(1, 1))
        os.replace(tmp_path / "given", node.specs / "db.yaml")

    def take():
        exchange(node, tmp_path, "web", "web")()
        os.utime(node.specs / "web.yaml", ns=(1, 1))

    line.at(20, take)
    line.at(20.01, tear(line, "web"))
    line.at(20.08, give)
    line.run(60)
    assert line.after[0] == (20.2, "db web")
    assert sorted(node.mounts()) == ["/mnt/db", "/mnt/more", "/mnt/web"]


def test_what_is_exchanged_for_longer_than_a_burst_is_waited_for_where_things_are_pruned(node, tmp_path):
    node.config = replace(node.config, prune=True)
    line = Timeline(node)
    for number in range(16):
        line.at(20 + number * 0.08, exchange(node, tmp_path, "web", "new"))
    line.run(60)
    assert line.after[0] == (21.3, "web"), "0.1 s after the last"


def test_what_is_gone_beside_an_exchange_is_waited_for(line, node, tmp_path):
    """A spec gets another name, and another one is exchanged."""
    line.at(20, lambda: (node.specs / "db.yaml").rename(node.specs / "base.yaml"))
    line.at(20.01, exchange(node, tmp_path, "web", "new"))
    line.run(60)
    assert min(at for at, _ in line.after) == 20.5


def test_a_link_to_the_specs_that_is_turned_to_others_has_them_applied(node, tmp_path):
    """As ConfigMaps and releases are put in place. What the new folder does not have is left; broken specs there change nothing."""
    for name, text in (("v2", SPEC % "new"), ("v3", "resources: [\n")):
        (tmp_path / name).mkdir(mode=0o755)
        (tmp_path / name / "web.yaml").write_text(text)
        (tmp_path / name / "web.yaml").chmod(0o644)

    def turn(folder):
        (tmp_path / "next").symlink_to(folder)
        os.replace(tmp_path / "next", tmp_path / "current")

    turn(node.specs)
    node.config = replace(node.config, specs=str(tmp_path / "current"))
    line = Timeline(node)
    for when, folder in ((20, tmp_path / "v2"), (40, tmp_path / "v3"), (60, node.specs)):
        line.at(when, lambda folder=folder: turn(folder))
    line.at(50, lambda: line.said.append((50, f"{sorted(node.mounts())} {len(line.watch.standing().invalid)}")))
    line.run(80)
    assert line.done == [*START, (20.1, "web"), (60.1, "web")]
    assert (50, "['/mnt/db', '/mnt/new'] 1") in line.said
    assert sorted(node.mounts()) == ["/mnt/db", "/mnt/web"] and line.watch.standing().invalid == ()


def test_a_spec_that_is_removed_is_judged_with_all_the_others(line, node):
    node.config = replace(node.config, prune=True)
    node.write("app")
    line = Timeline(node)
    line.at(20, (node.specs / "web.yaml").unlink)
    line.at(4000, (node.specs / "db.yaml").unlink)
    line.run(4060)
    assert [at for at, _ in line.done if at] == [20.1, 4000.1]
    assert node.mounts() == ["/mnt/app"]


def test_losing_most_is_refused_although_each_look_is_at_few(line, node):
    node.config = replace(node.config, prune=True)
    for name in ("app", "mail"):
        node.write(name)
    line = Timeline(node)
    line.at(20, lambda: [(node.specs / f"{name}.yaml").unlink() for name in ("app", "mail", "db")])
    line.at(30, tear(line))
    line.at(40, tear(line, "db"))
    line.run(60)
    assert sorted(node.mounts()) == ["/mnt/app", "/mnt/mail", "/mnt/web"]
    assert any("cannot prune" in text for _, text in line.said)


def test_what_an_operator_says_of_a_service_is_heard(line, node):
    """By the file of the store: a verb in another process closes it when it ends."""

    def say(goal):
        with node.session() as other:
            other.set_goal(["web"], goal)
        os.utime(f"{node.config.state_dir}/said", ns=(int(line.machine.ticks * 1e9),) * 2)

    os.makedirs(node.config.state_dir, mode=0o700, exist_ok=True)
    open(f"{node.config.state_dir}/said", "w").close()
    line.at(20, lambda: say(Goal(Aim.DOWN, "alice")))
    line.at(40, lambda: say(Goal()))
    line.run(60)
    assert line.done == [*START, (20.1, "web"), (40.1, "web")]
    assert {names for _, names in line.after} == {"web"}


def test_an_address_that_is_taken_away_comes_back(line, node):
    node.write("addr", ADDRESS)
    line.at(20, line.machine.net.links["eth0"].assigned.clear)
    line.run(60)
    assert line.done[-1] == (24.0, "addr"), "which takes four seconds: whether others have it is asked first"
    assert (20.0, "addr") in line.looks
    assert {names for at, names in line.looks if at > 15} == {"addr"}


def test_a_failure_is_tried_again_when_its_time_has_come_and_not_before(line):
    fails = lambda label: label.startswith("mount ") and "/mnt/web" in label  # noqa: E731
    line.machine.fail_next(fails, Permanent("no"), times=3)
    line.run(100)
    assert [at for at, name in line.done if name == "web"] == [0.0, 10.0, 30.0, 70.0]


def test_drift_that_comes_back_at_once_is_not_fed(line):
    """Something else unmounts it each time a tenth of a second after it was mounted."""

    def enemy():
        if "/mnt/web" in line.node.mounts():
            line.machine.tear_off("/mnt/web")
        line.at(line.machine.ticks + 0.1, enemy)

    line.at(5, enemy)
    line.run(120)
    mends = [at for at, name in line.done if name == "web" and at]
    waits = [round(later - earlier) for earlier, later in itertools.pairwise(mends[2:])]
    assert waits[:3] == [10, 20, 40]
    assert any("again and again" in text for _, text in line.said)


def test_restart_delay_is_kept_to_the_second(line, node):
    node.write("web", "resources:\n  fs#1: {dev: tmpfs, mnt: /mnt/web, type: tmpfs, restart: 3, restart_delay: 20s}\n")
    line.at(10, tear(line))
    line.at(12, tear(line))
    line.run(60)
    assert [at for at, name in line.done if name == "web"] == [0.0, 10.0, 30.0]


def test_what_cannot_be_looked_at_is_looked_at_again_soon(line):
    line.machine.fail_next("mount table", Transient("no answer"), times=2)
    line.run(60)
    assert sorted(line.node.mounts()) == ["/mnt/db", "/mnt/web"]


def test_a_service_that_another_run_holds_is_looked_at_again(line, node):
    from reconciler.engine.locks import Locks

    held = Locks(node.config.run_dir, line.session.host.clock).hold("web", wait=0)
    line.at(11, held.__enter__)
    line.at(12, tear(line))
    line.at(15, lambda: held.__exit__(None, None, None))
    line.run(60)
    assert line.done == [*START, (15.1, "web")], "as soon as it is given back, by whoever writes nothing into the store as well"


def test_sighup_reads_the_configuration_and_looks_at_everything(line, node):
    def hang_up():
        node.config = replace(node.config, interval=50.0)
        node.stop.reread.set()
        line.wake()

    line.at(20, hang_up)
    line.run(100)
    assert [at for at, _ in line.after] == [20.0, 70.0]


@pytest.mark.parametrize("busy", [False, True])
def test_a_machine_that_was_suspended_is_looked_at_at_once(line, node, busy):
    """Whatever became of it meanwhile: here a mount that no bell told of. Also while a run is at work."""
    if busy:
        node.write("addr", ADDRESS)
        line.at(19, line.machine.net.links["eth0"].assigned.clear)
    line.at(20, lambda: line.machine.suspend(8 * 3600))
    line.at(500, lambda: line.machine.suspend(0.5))
    line.run(600)
    whole = "addr db web" if busy else "db web"
    first = next((at, names) for at, names in line.looks if at >= 20)
    assert first == (20.0, "db web")
    assert [at for at, names in line.looks if at > 30 and names == whole] == [320.0], "the interval begins then; a blink is none"


def test_one_of_many_is_repaired_without_a_look_at_the_others(line, node):
    for number in range(60):
        node.write(f"s{number}")
    line.at(20, tear(line, "s7"))
    line.run(60)
    assert line.after == [(at, "s7") for at in (20.0, 20.1, 21.1, 30.1)]
    assert line.done[-1] == (20.0, "s7")


@pytest.mark.timeout(600)
def test_one_of_a_thousand_that_is_edited_is_worked_on_without_a_look_at_the_others(line, node):
    for number in range(1000):
        node.write(f"s{number}")
    line.at(100, lambda: node.write("s7", SPEC.replace("type: tmpfs}", "type: tmpfs, mnt_opt: size=1m}") % "s7"))
    line.run(140)
    assert [(at, names) for at, names in line.looks if at >= 100] == [(at, "s7") for at in (100.1, 100.2, 101.2, 110.2)]
    assert line.done[-1] == (100.1, "s7")


def test_what_is_told_before_it_is_shown_is_seen_by_an_echo(line, monkeypatch):
    """An engine says that a container died, and shows it as running for a while: here the mount table, as it was."""
    old: list[object] = []
    table = line.machine.tree.table
    see = line.session.survey

    def late(targets, **more):
        if 12 < line.machine.ticks < 12.5:
            monkeypatch.setattr(line.machine.tree, "table", lambda: old[0])
        try:
            return see(targets, **more)
        finally:
            monkeypatch.setattr(line.machine.tree, "table", table)

    line.session.survey = late
    line.at(11.9, lambda: old.append(table()))
    line.at(12, tear(line))
    line.run(60)
    assert line.done == [*START, (13.0, "web")]


def test_one_slow_run_delays_nobody(line, node):
    node.write("addr", ADDRESS)
    line.at(20, line.machine.net.links["eth0"].assigned.clear)
    line.at(22, tear(line))
    line.run(60)
    assert line.done[-2:] == [(22.1, "web"), (24.0, "addr")]


@pytest.mark.parametrize("what", ["start", "quiet"])
def test_what_the_store_is_asked_for_grows_with_the_services_and_not_with_their_square(tmp_path, what):
    def asked(number):
        node = Node(tmp_path / str(number), interval=300.0)
        for one in range(number):
            node.write(f"s{one}")
        line = Timeline(node)
        statements = []
        begin = lambda: line.session.store._db.set_trace_callback(statements.append)  # noqa: E731
        line.at(400, begin) if what == "quiet" else begin()
        line.run(400 if what == "start" else 700)
        return len(statements)

    for number in (10, 40):
        (tmp_path / str(number)).mkdir()
    assert asked(40) < 4.5 * asked(10)


def test_what_rings_during_its_own_run_is_worked_on_once_more_and_never_twice_at_once(line, node):
    node.write("addr", ADDRESS)
    line.at(20, line.machine.net.links["eth0"].assigned.clear)
    line.at(22, lambda: node.write("addr", ADDRESS.replace("10.9.8.7", "10.9.8.8")))
    line.run(60)
    assert [at for at, name in line.done if name == "addr" and at > 19] == [24.0, 28.1], "0.1 s after the first, four seconds again"
    assert [held.record.address for held in line.machine.net.links["eth0"].assigned] == ["10.9.8.8"]


def test_who_is_asked_to_stop_finishes_the_steps_at_hand(line, node):
    node.write("addr", ADDRESS)
    line.at(20, line.machine.net.links["eth0"].assigned.clear)
    assert line.run(22) == 15
    assert line.now == 24.0
    assert line.machine.net.links["eth0"].assigned


def test_what_is_mounted_over_the_specs_has_them_read_anew(line, node):
    specs, host = str(node.specs), line.session.host
    line.machine.tree.make_dir(specs, 0o755)
    rounds = Rounds(host.doorbells(), host.clock, node.stop, files=[specs], interval=lambda: 300.0)
    rounds.looked((), everything=True)
    rounds.hang({})
    line.at(20, lambda: host.commands.run(["mount", "-t", "tmpfs", "tmpfs", specs]))
    line.at(40, lambda: line.machine.tear_off(specs))
    for when in (20, 40):
        assert rounds.next().files == {specs} and round(host.clock.monotonic()) == when
        rounds.hang({})
    rounds.close()


@pytest.mark.parametrize(("beside", "waits"), [("nothing", 0.01), ("a process", 0.015), ("a mount", 0.03), ("a file", 0.1)])
def test_where_a_process_ended_it_is_looked_once_what_ends_with_it_has(line, node, tmp_path, beside, waits):
    """It ends at 20 s, and beside it happens something else, 5 ms later or at once."""
    machine, host, file = node.machine, line.session.host, tmp_path / "file"
    one, another = (machine.start_process((name,)) for name in ("dockerd", "containerd"))
    machine.tree.make_dir("/mnt", 0o755)
    host.commands.run(["mount", "-t", "tmpfs", "tmpfs", "/mnt"])
    rounds = Rounds(host.doorbells(), host.clock, node.stop, files=[str(file)], interval=lambda: 300.0)
    rounds.looked((), everything=True)
    rounds.hang({"web": [Bell(Source.PROCESS, f"{each.pid} {each.started}") for each in (one, another)] + [Bell(Source.MOUNTS)]})
    line.at(20, lambda: machine.kill(one.pid))
    line.at(
        *{
            "nothing": (300, lambda: None),
            "a process": (20.005, lambda: machine.kill(another.pid)),
            "a mount": (20, lambda: machine.tear_off("/mnt")),
            "a file": (20, lambda: file.write_text("half")),
        }[beside]
    )
    assert rounds.next().names == {"web"}
    assert machine.ticks == pytest.approx(20 + waits)
    rounds.close()


def test_a_folder_of_specs_may_be_called_as_a_service_is(line, node, monkeypatch):
    monkeypatch.chdir(node.folder)
    node.specs = node.specs.rename("web").absolute()
    line.watch.close()
    line.watch = Watch(line.session, ["web"], on_event=line._hear)
    line.machine.fail_next(lambda label: line.now > 15 and label.startswith("mount -"), Permanent("no"))
    line.at(20, tear(line))
    line.at(60, lambda: node.write("web", SPEC % "moved"))
    line.run(90)
    assert [at for at, name in line.done if name == "web"] == [0.0, 20.0, 30.0, 60.1]
    assert sorted({round(at) for at, _ in line.after}) == [20, 21, 30, 31, 40, 60, 61, 70], "with its echoes"
