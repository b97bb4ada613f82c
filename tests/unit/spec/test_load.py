"""Services as they come out: resources, inheritance, implied ones, references, older spellings, subsets."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.node import Node
from reconciler.spec.load import load, load_text

NODE = Node(name="deb1")


def load_one(text, format="yaml", name="web"):
    loaded = load_text(text, format, name, f"{name}.{format}", NODE, folder="/etc/osvc/services.d")
    assert loaded.errors == ()
    (service,) = loaded.services
    return service


def errors(text, format="yaml"):
    return [str(error) for error in load_text(text, format, "web", f"web.{format}", NODE).errors]


YAML = """\
env: PRD
app: shop
rollback: no
docker_data_dir: /srv/data
resources:
  fs#1: {dev: tmpfs, mnt: /srv/data, type: tmpfs}
  container#web:
    type: docker
    image: busybox
    subset: front
    comment: for people
    environment: {A: b}
    ports: ["8080:80"]
subsets:
  container:front: {parallel: true}
"""
INI = """\
[DEFAULT]
service_type = PRD
app = shop
rollback = no
container_data_dir = /srv/data
[fs#1]
dev = tmpfs
mnt = /srv/data
type = tmpfs
[container#web]
image = busybox
subset = front
environment = A=b
ports = 8080:80
[subset#container.docker:front]
parallel = true
"""


def test_both_formats_say_the_same():
    yaml, ini = load_one(YAML), load_one(INI, "ini")
    for service in (yaml, ini):
        assert (service.env, service.app, service.rollback) == ("PRD", "shop", False)
        assert service.parallel == {"container:front"}
        assert list(service.resources) == ["fs#1", "container#web", "dockerd"]
        assert service.resources["container#web"].subset == "front"
    assert {rid: one.desired for rid, one in yaml.resources.items()} == {rid: one.desired for rid, one in ini.resources.items()}
    assert (yaml.format, yaml.text, yaml.folder) == ("yaml", YAML, "/etc/osvc/services.d")


def test_origins():
    service = load_one(YAML)
    web, engine = service.resources["container#web"], service.resources["dockerd"]
    assert str(service.origin) == "web.yaml:1:1"
    assert str(web.origin) == "web.yaml:7:3"
    assert {name: str(origin) for name, origin in web.fields.items()} == {
        "comment": "web.yaml:11:5",
        "image": "web.yaml:9:5",
        "environment": "web.yaml:12:5",
        "ports": "web.yaml:13:5",
        "container_data_dir": "web.yaml:4:1",
    }
    assert str(engine.origin) == "web.yaml:4:1"
    assert str(engine.fields["container_data_dir"]) == "web.yaml:4:1"


def test_the_engine_without_a_data_dir_stands_where_the_first_resource_does():
    service = load_one("resources:\n  container#1: {image: busybox}\n")
    assert str(service.resources["dockerd"].origin) == "web.yaml:2:3"
    assert not service.resources["dockerd"].desired.private
    assert list(load_one("resources:\n  fs#1: {dev: tmpfs, mnt: /srv/a, type: tmpfs}\n").resources) == ["fs#1"]


def test_the_nodes_environment_holds_where_the_service_has_none():
    text = "resources: {}\n"
    assert load_text(text, "yaml", "web", "web.yaml", Node(env="TST")).services[0].env == "TST"


def test_a_name_in_the_text_wins():
    assert load_one("name: other\nresources: {}\n").name == "other"
    assert load_one("[DEFAULT]\nname = other\n", "ini").name == "other"


def test_references():
    service = load_one("""\
docker_data_dir: /srv/{svcname}
resources:
  container#1:
    image: "busybox:{env.TAG}"
    hostname: "{nodename}"
    command: [sh, -c, "echo ${svcname} {unheard} {} {{svcname}}"]
    environment:
      WHERE: "{env.WHERE}"
      JSON: '{"svcname": {"a": 1}}'
variables:
  TAG: 1.10
  WHERE: "{svcname}.{env.ZONE}"
  ZONE: here
""")
    desired = service.resources["container#1"].desired
    assert service.resources["dockerd"].desired.container_data_dir == "/srv/web"
    assert (desired.image, desired.hostname) == ("busybox:1.10", "deb1")
    assert desired.command == ("sh", "-c", "echo ${svcname} {unheard} {} {web}")
    assert desired.environment == {"WHERE": "web.here", "JSON": '{"svcname": {"a": 1}}'}


def test_a_reference_that_cannot_be_resolved_hides_no_other_error():
    assert errors("resources:\n  fs#1:\n    dev: '{env.NO}'\n    mnt: srv\n    type: ext4\n") == [
        "web.yaml:3:10: '{env.NO}' cannot be resolved: there is no variable 'NO'",
        "web.yaml:4:10: fs#1 mnt: expected an absolute path, not 'srv'",
    ]


@pytest.mark.parametrize(
    ("keywords", "flags"),
    [
        ("image = x:1", (False, False)),
        ("run_image = x:1", (True, True)),
        ("image = x:1\nrun_command = sh", (True, True)),
        ("run_image = x:1\ntty = no", (False, True)),
    ],
)
def test_older_spellings_imply_a_terminal(keywords, flags):
    desired = load_one(f"[container#1]\n{keywords}\n", "ini").resources["container#1"].desired
    assert (desired.tty, desired.interactive) == flags


def test_the_tutorials_example_as_far_as_there_are_drivers():
    service = load_one(
        """\
        [DEFAULT]
        app = OSVCLAB
        service_type = DEV
        docker_data_dir = /opt/docker.opensvc.com/appdata

        [container#1]
        type = docker
        run_image = f66342b343ae
        run_command = /bin/sh
        run_args = -v /opt/docker.opensvc.com/vol1:/vol1:rw

        [fs#1]
        mnt_opt = rw
        mnt = /opt/docker.opensvc.com
        dev = /dev/mapper/vgdocker-lvdockerroot
        type = ext4

        [fs#2]
        mnt_opts = rw
        mnt = /opt/docker.opensvc.com/appdata
        dev = /dev/mapper/vgdocker-lvdockerdata
        type = ext4
""",
        "ini",
        "docker.opensvc.com",
    )
    assert list(service.resources) == ["container#1", "fs#1", "fs#2", "dockerd"]
    assert service.resources["fs#2"].desired.mnt_opt == service.resources["fs#1"].desired.mnt_opt == ("rw",)
    assert service.resources["container#1"].desired.name == "docker.opensvc.com.container.1"


def test_the_stored_text_of_each_service_loads_again(tmp_path):
    (tmp_path / "all.yaml").write_text("name: one\nresources: {container#1: {image: a:1}}\n---\n" + YAML)
    for service in load([str(tmp_path)], NODE).services:
        again = load_text(service.text, service.format, service.name, "stored", NODE)
        assert again.errors == ()
        assert {rid: one.desired for rid, one in again.services[0].resources.items()} == {
            rid: one.desired for rid, one in service.resources.items()
        }


def test_a_wrong_service_is_not_gone(tmp_path):
    (tmp_path / "a.yaml").write_text("resources: {}\n")
    (tmp_path / "b.yaml").write_text("resources: [\n")
    (tmp_path / "c.ini").write_bytes(b"[DEFAULT]\napp = \xff\n")
    (tmp_path / "d.ini").write_text("[DEFAULT]\nname = other\npriority = a\n")
    loaded = load([str(tmp_path)], NODE)
    assert [service.name for service in loaded.services] == ["a"]
    assert set(loaded.names) == {"a", "b", "c", "other"}


def test_messages_hold_no_control_characters():
    (found,) = errors('"\\e[31mx\\n": 1\nresources: {}\n')
    assert found == "web.yaml:1:1: unknown keyword '\\x1b[31mx\\n' in the service's own section"


WORDS = st.sampled_from(
    [
        *("resources", "subsets", "variables", "name", "env", "container#1", "fs#1", "dockerd", "container:web", "image", "ports"),
        *("environment", "mnt", "dev", "type", "tmpfs", "docker", "subset", "docker_data_dir", "{env.A}", "{svcname}", "A", ""),
        *("../x", "-v", "a@b", "rollback", "comment", "app", "run_args", "-p 1:1", "'", '"', "70000:80", "<<", "é", "#", "mnt@x"),
    ]
)
PLAIN = st.one_of(st.none(), st.booleans(), st.integers(-9, 99999), st.floats(allow_nan=False), WORDS)
TREES = st.recursive(
    PLAIN, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=4)), max_leaves=20
)


@given(TREES)
def test_no_tree_raises(tree):
    for error in load_text(json.dumps(tree), "yaml", "web", "web.yaml", NODE).errors:
        assert str(error).startswith("web.yaml:1:")
        assert "Traceback" not in error.message


@given(st.text(alphabet="[]{}#:;=-&*!|>%@\"'\\ \n\t\r\0\x07aé", max_size=60), st.sampled_from(["yaml", "ini"]))
def test_no_text_raises(text, format):
    load_text(text, format, "web", "web", NODE)


@given(st.lists(st.tuples(WORDS, WORDS), max_size=12))
def test_no_ini_raises(lines):
    text = "\n".join(f"[{key}]" if not value else f"{key} = {value}" for key, value in lines)
    load_text(text, "ini", "web", "web.ini", NODE)
