"""What a spec may say of a container."""

import pytest
from pydantic import ValidationError

from reconciler.core.facts import Bond
from reconciler.core.node import SYSTEM_SOCKET, Node
from reconciler.core.rules import Impact, keywords_of, rules_of
from reconciler.resources.container.actions import Create
from reconciler.resources.container.model import Around, Container, Desired, ImageFacts, State
from reconciler.resources.container.planning import KIND
from tests.unit.container.bench import desired


def message(**keywords) -> str:
    with pytest.raises(ValidationError) as caught:
        desired(**keywords)
    return "; ".join(error["msg"].removeprefix("Value error, ") for error in caught.value.errors())


def place_of(**keywords) -> tuple:
    with pytest.raises(ValidationError) as caught:
        desired(**keywords)
    return caught.value.errors()[0]["loc"]


def test_every_field_has_a_rule_and_the_state_has_every_compared_field():
    for name, rule in rules_of(Desired).items():
        if rule.impact is not Impact.NONE:
            assert name in State.model_fields, name


def test_every_keyword_is_described():
    for name, field in Desired.model_fields.items():
        assert field.description and field.description.endswith("."), name


def test_the_schema_can_be_generated():
    schema = Desired.model_json_schema()
    assert schema["properties"]["ports"]["anyOf"] == [{"type": "string"}, {"items": {"type": "string"}, "type": "array"}]
    assert "image" in schema["required"]


def test_impacts_are_those_of_the_ladder():
    by_impact: dict[Impact, set[str]] = {}
    for name, rule in rules_of(Desired).items():
        by_impact.setdefault(rule.impact, set()).add(name)
    limits = {"memory", "memory_swap", "cpus", "cpu_shares", "pids_limit", "restart_policy"}
    assert by_impact[Impact.LIVE] == {*limits, "name", "leftovers", "rules"}
    assert by_impact[Impact.RESTART] == {"health"}
    assert {"image", "command", "environment", "volume_mounts", "ports", "user", "network"} <= by_impact[Impact.REPLACE]


def test_older_spellings():
    aliases = {name: keyword.aliases for name, keyword in keywords_of(Desired).items() if keyword.aliases}
    assert aliases == {
        "image": ("run_image",),
        "command": ("run_command",),
        "network": ("netns", "net"),
        "workdir": ("cwd",),
        "container_data_dir": ("docker_data_dir",),
    }
    assert set(keywords_of(Desired)["image"].implies) == {"tty", "interactive"}


def test_internal_fields_come_from_the_place():
    shared, own = desired(), desired(container_data_dir="/srv/data/", node=Node(run_dir="/run/o"))
    assert (shared.socket, shared.private, shared.name) == (SYSTEM_SOCKET, False, "web.container.1")
    assert (own.socket, own.private, own.container_data_dir) == ("/run/o/web/docker.sock", True, "/srv/data")
    turned = desired(container_data_dir="/srv/data", docker_daemon_private="false")
    assert (turned.socket, turned.private, turned.container_data_dir) == (SYSTEM_SOCKET, False, None)


def test_what_was_stored_is_read_back_without_a_place():
    want = desired(run_args="-t -e A=b -p 8080:80 --memory 64m", ports="53:53/udp", environment={"DB_PASSWORD": "x"}, cpus="0.5")
    assert Desired.model_validate_json(want.model_dump_json()) == want
    action = Create(socket="/s", home="n1", service="web", rid="container#1", private=False, name="n1", desired=want)
    assert Create.model_validate_json(action.model_dump_json()) == action
    state = State(socket="/s", name="n1", environment={"A": "b"}, others=(Container(socket="/s", name="n2"),))
    assert State.model_validate_json(state.model_dump_json()) == state
    around = Around(image=ImageFacts(id="sha256:1"), elsewhere=(Container(socket="/t", name="n3"),))
    assert Around.model_validate_json(around.model_dump_json()) == around


def test_secrets_stand_in_no_repr_and_no_command():
    want = desired(environment={"DB_PASSWORD": "hunter2", "URL": "postgres://u:hunter2@db/x", "PLAIN": "seen"})
    action = Create(socket="/s", home="n1", service="web", rid="container#1", private=False, name="n1", desired=want)
    text = (
        repr(want)
        + repr(action)
        + action.command()
        + action.says()
        + repr(State(socket="/s", name="n1", environment={"A": "hunter2"}))
    )
    assert "hunter2" not in text
    assert "-e DB_PASSWORD " in action.command() and "-e URL " in action.command() and "-e PLAIN=seen " in action.command()
    assert "hunter2" not in message(environment="DB_PASSWORD=hunter2 =hunter2")
    assert "hunter2" not in message(environment=["DB_PASSWORD=hunter2", "hunter2 x"])


@pytest.mark.parametrize(
    ("keywords", "said"),
    [
        ({"image": ""}, "expected the name or id of an image"),
        ({"image": "-v"}, "'-v' is not the name or id of an image"),
        ({"image": "a b"}, "'a b' is not the name or id of an image"),
        ({"ports": "70000:80"}, "70000 in port '70000:80' is not a port: expected 1 to 65535"),
        ({"ports": "0:80"}, "0 in port '0:80' is not a port: expected 1 to 65535"),
        ({"ports": "1:2:3:4"}, "expected [IP:]HOST:CONTAINER[/protocol], not '1:2:3:4'"),
        ({"ports": [0]}, "0 in port '0' is not a port: expected 1 to 65535"),
        ({"ports": "80:80/icmp"}, "expected /tcp, /udp or /sctp at the end of port '80:80/icmp'"),
        ({"ports": "x.y:80:80"}, "'x.y' in port 'x.y:80:80' is not an IP address"),
        ({"ports": "80-82:80-81"}, "the two ranges of port '80-82:80-81' differ in length"),
        ({"ports": "80:80 80:81"}, "port 0.0.0.0:80/tcp is published twice: 80:80/tcp and 80:81/tcp"),
        ({"ports": {"80": 80}}, "expected words or a list, not a map"),
        ({"volume_mounts": "data"}, "expected SOURCE:TARGET[:ro], not 'data'"),
        ({"volume_mounts": "./x:/y"}, "the source of volume './x:/y' is neither an absolute path nor a volume's name"),
        ({"volume_mounts": "/x:y"}, "expected an absolute path, not 'y'"),
        ({"volume_mounts": "/x:/y:z"}, "option 'z' of volume '/x:/y:z' is not supported; ro, rw and, for paths, a propagation are"),
        ({"volume_mounts": "/a:/y /b:/y"}, "two volumes on /y: /a and /b"),
        ({"volume_mounts": "/a/../b:/y"}, "a path must not contain '..': '/a/../b'"),
        (
            {"network": "container#2"},
            "network 'container#2' is not supported yet; expected bridge, host, none, network#… or a network's name",
        ),
        ({"network": "a lan"}, "expected bridge, host, none, network#… or a network's name, not 'a lan'"),
        (
            {"network": "name=lan,ip=10.1.1.1"},
            "network 'name=lan,ip=10.1.1.1': write the name alone; addresses and aliases have keywords of their own",
        ),
        ({"ip": "10.1.1.1"}, "ip needs a network of the service's own (network#…); bridge has no such thing"),
        ({"volume_mounts": "volume#/x:/y"}, "the source of volume 'volume#/x:/y' is neither an absolute path nor a volume's name"),
        ({"network": "host", "ports": "80:80"}, "ports cannot be published with network: host; leave one of the two out"),
        ({"network": "host", "hostname": "h1"}, "hostname cannot be set with network: host; leave one of the two out"),
        ({"restart_policy": "sometimes"}, "expected no, always, unless-stopped or on-failure[:N], not 'sometimes'"),
        ({"memory": "5m"}, "expected 6m or more, or 0 for no limit, not '5m'"),
        ({"memory": "lots"}, "expected a size such as 64m or 1g, not 'lots'"),
        ({"cpus": "-1"}, "expected a number of processors from 0.01, or 0 for no limit, not -1"),
        ({"cpus": "nan"}, "expected a number of processors from 0.01, or 0 for no limit, not nan"),
        ({"cpus": "few"}, "expected a number of processors such as 0.5, not 'few'"),
        ({"name": "a"}, "'a' is not a container's name (letters, digits, _ . - and two characters at least)"),
        ({"name": "web.osvc-old"}, "'web.osvc-old' ends like the names that osvc gives while it replaces a container"),
        ({"labels": "osvc.service=x"}, "label 'osvc.service' is osvc's own; choose another name"),
        ({"user": "-x"}, "'-x' is not a user (name or number, and :group)"),
        ({"workdir": "srv"}, "expected an absolute path, not 'srv'"),
        ({"image_archive": "a.tar"}, "expected an absolute path, not 'a.tar'"),
        ({"image_pull_policy": "missing"}, "expected once or always or never, not 'missing'"),
        ({"tty": "perhaps"}, "expected true or false, not 'perhaps'"),
        (
            {"detach": False, "restart_policy": "always"},
            "detach: false is for a command that ends; with a restart_policy it would begin again",
        ),
        (
            {"run_args": "--pid container:x"},
            "--pid: 'container:x': the namespace of another container is not supported yet; expected host",
        ),
        ({"memory_swap": "64m"}, "memory_swap needs memory; write both"),
        ({"memory": "64m", "memory_swap": "32m"}, "memory_swap is memory and swap together; it cannot be less than memory"),
        ({"cpus": 1, "cpu_quota": 5}, "cpus is made of cpu_quota and cpu_period; leave it, or those two, out"),
        ({"tmpfs": "/a", "volume_mounts": "x1:/a"}, "two mounts on /a: in volume_mounts and in tmpfs"),
        (
            {"mounts": "type=npipe,target=/a"},
            "type 'npipe' of mount 'type=npipe,target=/a' is not supported; bind, volume and tmpfs are",
        ),
        (
            {"mounts": "type=tmpfs,target=/a,volume-nocopy"},
            "'volume-nocopy' in mount 'type=tmpfs,target=/a,volume-nocopy' is not for a mount of type tmpfs",
        ),
        ({"mounts": "type=bind,target=/a"}, "mount 'type=bind,target=/a' lacks its source"),
        ({"devices": "snd"}, "device 'snd' is not a path; devices by name (CDI) are not supported"),
        ({"ulimits": "nofile=5:4"}, "the soft limit of ulimit 'nofile=5:4' is above its hard limit"),
        ({"cap_add": "net-admin"}, "'net-admin' is not a capability such as NET_ADMIN"),
        (
            {"security_opt": "seccomp=/p.json"},
            "'seccomp=/p.json': a profile in a file is not supported yet; unconfined and builtin are",
        ),
        ({"extra_hosts": "db"}, "expected NAME:ADDRESS, not 'db'"),
        ({"gpus": "some"}, "expected all, a number of GPUs or device=…, not 'some'"),
        ({"stop_signal": "TERM!"}, "'TERM!' is not a signal such as SIGTERM"),
        (
            {"replace": "start-first", "ports": "80:80"},
            "replace: start-first has two containers run at once for a moment, and both would publish port 80:80/tcp; "
            "leave the host's port out, or stop first",
        ),
        (
            {"replace": "start-first", "volume_mounts": "data:/data"},
            "replace: start-first has two containers run at once for a moment, and both would write to /data; "
            "mount it read-only, or stop first",
        ),
        ({"env_file": "vars"}, "expected an absolute path, not 'vars'"),
        ({"env_file": "/vars"}, "/vars cannot be read here"),
    ],
)
def test_bad_values(keywords, said):
    assert message(**keywords) == said


def test_always_is_refused_on_an_engine_of_its_own():
    assert "before what it needs is there" in message(restart_policy="always", container_data_dir="/srv/data")
    assert desired(restart_policy="always").restart_policy == "always"
    assert desired(restart_policy="on-failure:3", container_data_dir="/srv/data").restart_policy == "on-failure:3"


def test_canonical_forms():
    want = desired(
        ports=["8080:80", "[::1]:443:443", "127.0.0.1:53:53/UDP", "90-91:80-81"],
        volume_mounts=["data:/var", "/srv//a/:/b/:ro", "/c:/d:rw,rprivate", "/e:/f:rshared"],
        environment=["B=2=3", "A="],
        restart_policy=False,
        memory="64m",
    )
    assert want.ports == ("90:80/tcp", "91:81/tcp", "8080:80/tcp", "127.0.0.1:53:53/udp", "[::1]:443:443/tcp")
    assert want.volume_mounts == ("/srv/a:/b:ro", "/c:/d", "/e:/f:rshared", "data:/var")
    assert want.environment == {"A": "", "B": "2=3"} and list(want.environment) == ["A", "B"]
    assert (want.restart_policy, want.memory) == ("no", 64 << 20)


def test_claims_and_needs():
    want = desired(ports="8080:80 127.0.0.1:53:53/udp", volume_mounts="/srv/b:/b vol:/v /srv/a:/a", container_data_dir="/srv/d")
    assert [(claim.kind, claim.key, claim.scope) for claim in KIND.claims(want)] == [
        ("container name", "web.container.1", "/run/osvc/web/docker.sock"),
        ("port", "0.0.0.0:8080/tcp", ""),
        ("port", "127.0.0.1:53/udp", ""),
    ]
    sock = "/run/osvc/web/docker.sock"
    assert [need.fact.key for need in KIND.needs(want)] == [sock, "/srv/a", "/srv/b", f"vol of {sock}", "127.0.0.1"]


def test_resources_of_the_service_are_named_by_their_rids():
    want = desired(network="network#lan", volume_mounts="volume#1:/data:ro /srv:/srv")
    assert want.network == "web.network.lan"
    assert want.volume_mounts == ("web.volume.1:/data:ro", "/srv:/srv")
    assert {need.fact.key for need in KIND.needs(want)} >= {
        f"web.network.lan of {SYSTEM_SOCKET}",
        f"web.volume.1 of {SYSTEM_SOCKET}",
    }


def test_a_volume_is_needed_however_it_is_mounted():
    want = desired(mounts=["type=volume,source=volume#1,target=/data,volume-nocopy", "type=bind,source=/srv,target=/srv"])
    needs = {need.fact.key: need.bond for need in KIND.needs(want)}
    assert needs[f"web.volume.1 of {SYSTEM_SOCKET}"] is Bond.ORDER
    assert not any(key.startswith("/srv of") for key in needs)


def test_run_args_fold_into_the_keywords():
    want = desired(
        run_args="-itd -v /a:/b:ro --volume=/c:/d -p8080:80 -p=82:82 --publish 81:81 -e A=1 --env=B=2 --name n1 "
        "--network bridge --memory=64m --cpus 0.5",
        environment="C=3",
        ports="83:83",
    )
    assert (want.tty, want.interactive, want.name, want.memory, want.cpus) == (True, True, "n1", 64 << 20, 0.5)
    assert set(want.volume_mounts) == {"/a:/b:ro", "/c:/d"}
    assert set(want.ports) == {"8080:80/tcp", "81:81/tcp", "82:82/tcp", "83:83/tcp"}
    assert want.environment == {"A": "1", "B": "2", "C": "3"}
    assert want.run_args == ()
    assert desired(run_args="--net=host -t=false --interactive=false").network == "host"
    assert desired(run_args=["-e", "A=b c"]).environment == {"A": "b c"}


@pytest.mark.parametrize(
    ("run_args", "said"),
    [
        ("--cidfile /x", "--cidfile is not taken in run_args: osvc finds a container by its labels"),
        ("-ita stdin", "-a is not taken in run_args: it is about the docker client's own terminal"),
        ("-itx", "docker run has no option -x"),
        ("--priviledged", "docker run has no option --priviledged"),
        ("--pull sometimes", "--pull: expected always or missing or never, not 'sometimes'"),
        ("--ulimit files=1", "--ulimit: 'files' is not a ulimit"),
        ("-p", "option -p in run_args lacks its value"),
        ("--memory", "option --memory in run_args lacks its value"),
        ("-p 70000:80", "-p: 70000 in port '70000:80' is not a port: expected 1 to 65535"),
        ("-e A", "-e: expected NAME=VALUE, not 'A'"),
        ("busybox", "run_args holds a word that is no option"),
        ("-v 'a", "cannot be split into words: no closing quotation"),
    ],
)
def test_run_args_that_are_refused(run_args, said):
    assert message(run_args=run_args).startswith(said)
    assert place_of(run_args=run_args) == ("run_args",)


def test_run_args_must_not_contradict_a_keyword():
    assert message(run_args="--memory 64m", memory="128m") == "memory is written twice and differs: as a keyword, and in run_args"
    assert desired(run_args="--memory 64m", memory=64 << 20).memory == 64 << 20
    assert "secret" not in message(run_args="-e A=secret1", environment="A=secret2")


@pytest.mark.parametrize("value", [" ", "\n", 0, [], {}])
def test_a_name_that_is_no_name_is_not_taken_for_none(value):
    assert "expected" in message(name=value) or "is not a container's name" in message(name=value)


def test_an_empty_name_is_the_default_one_as_an_empty_line_of_an_ini_is():
    assert desired(name="").name == desired().name


def test_limits_that_no_engine_can_be_told():
    assert "below 4096 pebibytes" in message(memory="5000000t")
    assert "below 4096 pebibytes" in message(memory=1 << 62)
    assert "at most 365d" in message(stop_timeout="366d")
    assert "at most 365d" in message(start_timeout=1e30)
    assert desired(memory="1152921504606846977").memory == 1152921504606846977


def test_what_other_machines_and_clients_say_is_understood():
    want = desired(
        volume_mounts="/a:/b:ro,cached",
        mounts="type=bind,source=/c,target=/d,consistency=delegated",
        pids_limit=-1,
        health_interval="1m30s",
        health_cmd="true",
    )
    assert want.volume_mounts == ("/a:/b:ro", "/c:/d")
    assert (want.pids_limit, want.health_interval, want.mounts) == (0, 90.0, ())


def test_what_the_docker_client_takes_is_taken_the_same_way():
    assert desired(run_args="--log-opt x --annotation b").log_options == {"x": ""}
    assert desired(ports=80, run_args="-p 81:81").ports == ("80/tcp", "81:81/tcp")
    assert desired(extra_hosts={"a": "1.2.3.4"}, run_args="--add-host b:1.2.3.5").extra_hosts == ("a:1.2.3.4", "b:1.2.3.5")
    assert desired(user=":100").user == ":100"
    assert desired(mounts="type=volume,target=/data,readonly").mounts == ("type=volume,target=/data,readonly=true",)
    assert desired(mounts="type=volume,source=volume#1,target=/d").volume_mounts == ("web.volume.1:/d",)
    assert desired(ulimits={"nofile": 5, "core": "0:1"}).ulimits == {"core": "0:1", "nofile": "5"}
    assert "a container is on one network" in message(run_args="--network front --network back")


def test_a_message_shows_no_secret():
    assert "s3cr3tvalue" not in message(log_options=["splunk-token:s3cr3tvalue"])
    assert message(registry_creds="/etc/reg.json").startswith("expected the path of a docker client's config.json")
