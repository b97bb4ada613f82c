"""What a spec may say of an engine, and what follows from it."""

import subprocess
from dataclasses import replace

import pytest
from pydantic import ValidationError

from reconciler.core.node import SYSTEM_SOCKET, Node, Place
from reconciler.core.rules import Impact, rules_of
from reconciler.core.units import unit_of
from reconciler.resources.dockerd.actions import RemoveFolders, StartContainerd, StartDaemon
from reconciler.resources.dockerd.model import Around, Desired, State
from reconciler.resources.dockerd.options import users_own
from reconciler.resources.dockerd.planning import KIND

NODE = Node(name="n1", run_dir="/run/osvc")


def engine(service="web", **raw):
    return Desired.model_validate({"container_data_dir": "/srv/d", **raw}, context=Place(service, "dockerd", NODE))


def test_without_a_data_dir_the_system_engine_is_meant():
    desired = Desired.model_validate({}, context=Place("web", "dockerd", NODE))
    assert not desired.private
    assert desired.socket == SYSTEM_SOCKET
    assert not KIND.needs(desired) and not KIND.claims(desired)


def test_a_private_engine_lies_below_the_services_folder():
    desired = engine()
    assert desired.private
    for path in (desired.socket, desired.pid_file, desired.exec_root, desired.config_file, desired.log):
        assert path.startswith("/run/osvc/web/")
    assert desired.bridge == f"osvc-{NODE.tag('web')}" and len(desired.bridge) <= 15


def test_every_engine_gets_its_own_config_file_containerd_and_no_firewall():
    words = engine().argv()
    for word in ("--config-file=/run/osvc/web/docker.json", "--containerd=/run/osvc/web/x/c.sock", "--iptables=false",
                 "--ip6tables=false", "--ip-masq=false", "--ip-forward=false"):  # fmt: skip
        assert word in words
    assert not any("tcp" in word for word in words)


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ("-H tcp://0.0.0.0:2375", "beyond its socket"),
        ("-Htcp://0.0.0.0:2375", "beyond its socket"),
        ("--host=fd://", "beyond its socket"),
        ("-H unix:///x.sock", "--host: osvc sets the socket"),
        ("--data-root /x", "--data-root: osvc sets the data root"),
        ("-g /x", "--data-root"),
        ("--graph=/x", "--data-root"),
        ("--iptables", "--iptables: osvc sets the firewall"),
        ("--iptables=true", "--iptables"),
        ("--bip 10.0.0.1/24", "--bip"),
        ("-b br0", "--bridge"),
        ("--config-file=/etc/docker/daemon.json", "--config-file"),
        ("--containerd /run/containerd/containerd.sock", "--containerd"),
        ("--exec-root /x", "--exec-root"),
        ("-p /x", "--pidfile"),
        ("--userland-proxy=false", "--userland-proxy"),
        ("--version", "keeps the daemon from running"),
        ("nonsense", "expected an option of dockerd"),
        ("--debug=maybe", "expected true or false"),
        ("--max-concurrent-downloads=many", "expected a number"),
    ],
)
def test_what_osvc_sets_itself_is_refused_by_name(args, says):
    with pytest.raises(ValidationError) as caught:
        engine(docker_daemon_args=args)
    assert says in str(caught.value)
    assert caught.value.errors()[0]["loc"] == ("docker_daemon_args",)


def test_arguments_without_a_data_dir_are_refused():
    with pytest.raises(ValidationError, match="never configures the system's engine"):
        Desired.model_validate({"docker_daemon_args": "--ip 1.2.3.4"}, context=Place("web", "dockerd", NODE))


def test_a_data_dir_that_is_of_no_account_is_none():
    desired = engine(docker_daemon_private="no")
    assert not desired.private and desired.container_data_dir is None and desired.socket == SYSTEM_SOCKET
    assert engine(docker_daemon_private=True).private


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        ({"docker_daemon_private": True, "container_data_dir": None}, "docker_daemon_private: true needs docker_data_dir"),
        ({"docker_daemon_private": False, "docker_daemon_args": "-D"}, "docker_daemon_args is for an engine of the service's own"),
        ({"docker_daemon_private": False, "docker_socket_group": "team"}, "docker_socket_group is for an engine of the service's"),
        ({"container_data_dir": None, "docker_daemon_args": "-G team"}, "docker_socket_group needs docker_data_dir"),
    ],
)
def test_what_cannot_be_said_of_the_systems_engine_is_refused(raw, says):
    with pytest.raises(ValidationError, match=says):
        engine(**raw)


@pytest.mark.parametrize("args", ["-G team -D", "-Gteam -D", "--group=team --debug", ["-D", "--group", "other", "--group", "team"]])
def test_a_group_among_the_daemons_arguments_is_the_sockets(args):
    desired = engine(docker_daemon_args=args)
    assert desired.docker_socket_group == "team" and desired.docker_daemon_args == ("--debug",)
    assert desired == engine(docker_daemon_args=["--debug"], docker_socket_group="team")
    assert engine(docker_daemon_args=args, docker_socket_group="team") == desired
    with pytest.raises(ValidationError, match="leave one of the two out"):
        engine(docker_daemon_args=args, docker_socket_group="ops")


def test_the_socket_is_roots_alone_unless_it_is_given_to_a_group():
    assert "--group=root" in engine().argv() and "--group=team" in engine(docker_socket_group="team").argv()
    for name in ("", "-x", "a b", "a/b", "1000"):
        with pytest.raises(ValidationError, match="cannot be the name of a group"):
            engine(docker_socket_group=name)


def test_a_daemons_group_is_not_the_users_argument():
    assert users_own(("dockerd", "--group=was", "--ip=1.2.3.4"), engine().own_words()) == ("--ip=1.2.3.4",)


def under_systemd(service="web", **raw):
    place = Place(service, "dockerd", replace(NODE, systemd=True))
    return Desired.model_validate({"container_data_dir": "/srv/d", **raw}, context=place)


def test_where_systemd_runs_an_engine_and_its_containers_are_in_one_unit():
    desired, tag = under_systemd("my.web"), NODE.tag("my.web")
    assert desired.unit == unit_of(desired.cgroup) == unit_of(desired.containers_cgroup) == f"osvc-my.web-{tag}.scope"
    assert f"--cgroup-parent=/system.slice/osvc-my.web-{tag}.scope/containers" in desired.argv()
    assert desired.cgroups()[1:] == engine("my.web").cgroups() == (f"osvc-{tag}", f"osvc-{tag}-c")
    assert engine("my.web").unit == unit_of(engine("my.web").cgroup) == ""


def test_a_unit_is_called_by_the_tag_alone_where_the_services_name_is_too_long_for_it():
    assert under_systemd("w" * 60).unit == f"osvc-{NODE.tag('w' * 60)}.scope"


@pytest.mark.parametrize("want", [engine(), under_systemd()], ids=["without", "with systemd"])
def test_what_a_shell_is_told_of_a_daemon_is_shell_text(want):
    for action in (StartContainerd(want=want), StartDaemon(want=want), RemoveFolders(want=want)):
        subprocess.run(["sh", "-n"], input=action.script(), text=True, check=True)
        subprocess.run(["sh", "-n"], input=action.command(), text=True, check=True)
    start = StartContainerd(want=want)
    assert ("systemd-run" in start.command()) == ("systemd-run" in start.script()) == (".scope" in start.says()) == bool(want.unit)


def test_a_socket_path_that_is_too_long_is_refused():
    with pytest.raises(ValidationError, match="at most 103"):
        engine(service="w" * 63)
    assert engine(service="w" * 60).private


def test_what_a_sighup_reloads_goes_into_the_config_file():
    desired = KIND.settle(
        engine(docker_daemon_args="--ip 1.2.3.4 -D --insecure-registry a:1 --insecure-registry=b:2"), None, Around()
    )[0]
    assert desired.settings == {"live-restore": True, "debug": True, "insecure-registries": ["a:1", "b:2"]}
    assert desired.argv()[-1] == "--ip=1.2.3.4"
    assert not any("insecure" in word or "debug" in word for word in desired.argv())


def test_live_restore_may_be_turned_off_and_the_log_driver_be_the_users():
    desired = KIND.settle(engine(docker_daemon_args="--live-restore=false --log-driver=journald"), None, Around())[0]
    assert not desired.live_restore
    assert "log-driver" not in desired.boot_settings and "--log-driver=journald" in desired.argv()


def test_containerd_shares_nothing_with_the_systems():
    text = engine().containerd_text()
    assert 'root = "/srv/d/containerd/daemon"' in text and "/run/containerd" not in text


def test_every_compared_field_is_observed():
    for name, rule in rules_of(Desired).items():
        assert rule.impact is Impact.NONE or name in State.model_fields, name


def test_settled_models_survive_json():
    desired = KIND.settle(engine(docker_daemon_args="--label a=b"), None, Around())[0]
    assert Desired.model_validate_json(desired.model_dump_json()) == desired
    state = State(private=True, running=True, settings={"labels": ["x"]}, disk={"a": {"b": 1}})
    assert State.model_validate_json(state.model_dump_json()) == state
