"""References: what each stands for, in which section, and what a circle or a flood of them comes to."""

import os

import pytest

from reconciler.core import shell
from reconciler.core.node import Node
from reconciler.core.secrets import HIDDEN, learned, masked_words
from reconciler.core.veil import secrets_of
from reconciler.engine.codec import Codec
from reconciler.spec import yaml_source
from reconciler.spec.document import Scalar
from reconciler.spec.load import load_text
from reconciler.spec.references import References

SPEC = """\
nodes: deb1.opensvc.com deb2
app: shop
docker_data_dir: /srv/{{svcname}}/{{app}}
resources:
  fs#1: {{dev: tmpfs, type: tmpfs, mnt: "/srv/{{svcname}}/{{rindex}}", mnt_opts: [size=1m, mode=700]}}
  container#a.b:
    run_image: "x:1"
    command: [one, "two three"]
    hostname: "{{rindex}}"
    environment: {{X: "{0}"}}
variables:
  HOSTS: "one two"
  HOSTS@deb2: three
  DIR: "{{fs#1.mnt}}/{{env.LEAF}}"
  LEAF: leaf
  V6: "fe80::1"
"""


def read(text, node="deb1.opensvc.com"):
    loaded = load_text(text, "yaml", "web", "web.yaml", Node(name=node))
    assert [str(error) for error in loaded.errors] == []
    return loaded.services[0]


@pytest.mark.parametrize(
    ("written", "means"),
    [
        ("{svcname} {name}", "web web"),
        ("{nodename} {short_nodename}", "deb1.opensvc.com deb1"),
        ("{rid} {rindex}", "container#a.b a.b"),
        ("{env.HOSTS}", "one two"),
        ("{env.DIR}", "/srv/web/1/leaf"),
        ("{fs#1.mnt}", "/srv/web/1"),
        ("{fs#1.mnt_opt}", "size=1m mode=700"),
        ("{fs#1.mnt_opts[1]}", "mode=700"),
        ("{container#a.b.command[1]}", "two three"),
        ("{image}", "x:1"),
        ("{app} {DEFAULT.app}", "shop shop"),
        ("{container_data_dir}", "/srv/web/shop"),
        ("{#nodes} {nodes[1]} {#env.HOSTS} {env.HOSTS[0]}", "2 deb2 2 one"),
        ("{upper:app} {capitalize:app} {title:env.HOSTS} {swapcase:app} {lower:env.LEAF}", "SHOP Shop One Two SHOP leaf"),
        ("http://{uri_ip:env.V6}/ {uri_ip:app}", "http://[fe80::1]/ shop"),
        ("{upper:nodes[1]}", "DEB2"),
        ("${svcname} {} {unheard} {some.thing}", "${svcname} {} {unheard} {some.thing}"),
    ],
)
def test_what_they_stand_for(written, means):
    assert read(SPEC.format(written)).resources["container#a.b"].desired.environment == {"X": means}


def test_they_are_of_the_node_that_reads():
    environment = read(SPEC.format("{nodename} {env.HOSTS}"), "deb2").resources["container#a.b"].desired.environment
    assert environment == {"X": "deb2 three"}
    assert (
        read("resources:\n  container#1: {image: 'x:1', hostname: '{nodes}'}\n", "here").resources["container#1"].desired.hostname
        == "here"
    )


def test_a_reference_alone_to_a_list_or_a_map_is_that():
    text = """\
resources:
  container#1: {image: "x:1", command: [sh, -c, "a b"], environment: {A: "1 2"}}
  container#2: {image: "{container#1.image}", command: "{container#1.command}", environment: "{container#1.environment}"}
"""
    one, other = (read(text).resources[f"container#{n}"].desired for n in (1, 2))
    assert (one.image, one.command, one.environment) == (other.image, other.command, other.environment)


def test_what_is_inherited_is_resolved_for_the_resource():
    text = "registry_creds: /etc/{rid}/config.json\nresources:\n  container#1: {image: 'x:1'}\n  container#2: {image: 'x:1'}\n"
    found = [read(text).resources[f"container#{n}"].desired.registry_creds for n in (1, 2)]
    assert found == ["/etc/container#1/config.json", "/etc/container#2/config.json"]


def test_the_environment_of_the_process_is_of_no_account(monkeypatch):
    monkeypatch.setitem(os.environ, "OSVC_LEAF", "other")
    assert read(SPEC.format("{env.LEAF}")).resources["container#a.b"].desired.environment == {"X": "leaf"}


def errors(variables, value="{env.A0}"):
    lines = "".join(f"  {name}: '{text}'\n" for name, text in variables.items())
    text = f"resources:\n  container#1: {{image: 'x:1', hostname: '{value}'}}\nvariables:\n{lines}"
    return [str(error) for error in load_text(text, "yaml", "web", "web.yaml", Node()).errors]


def test_a_long_chain_is_told_with_its_links():
    (error,) = errors({f"A{n}": f"{{env.A{n + 1}}}" for n in range(40)} | {"A40": "x"})
    assert error.startswith(
        "web.yaml:23:8: '{env.A20}' cannot be resolved: it leads over more than 20 others (env.A0 -> env.A1 -> "
    )


def test_references_do_not_multiply_without_end():
    (error,) = errors({f"A{n}": f"{{env.A{n + 1}}}" * 20 for n in range(15)} | {"A15": "x" * 20})
    assert error.endswith("cannot be resolved: the references of this service come to more than 1 MiB")


@pytest.mark.parametrize("token", ["#" * 5000 + "svcname", "upper:" * 5000 + "svcname", "svcname" + "[0]" * 5000])
def test_signs_around_a_word_do_not_nest_without_end(token):
    (error,) = errors({"A0": f"{{{token}}}"})
    assert error.endswith("cannot be resolved: more than 20 modifiers, counts and indexes stand around one word")


def test_a_circle_is_told_once():
    (error,) = errors({"A0": "{env.B}", "B": "{env.C}", "C": "{env.B}"}, "{env.A0} {env.B} {env.C}")
    assert error == "web.yaml:6:6: '{env.B}' cannot be resolved: it goes in a circle (env.B -> env.C -> env.B)"


def test_devices_go_by_what_is_known_of_them_before_they_are_there():
    text = "resources:\n  loop#1: {file: '/srv/{svcname}.img'}\n  lv#a: {name: data, vg: '{env.VG}'}\nvariables: {VG: vgweb}\n"
    ((document,), _) = yaml_source.read(text, "web.yaml")
    errors = []
    references = References(document, "web", "here", errors.append)
    for written, means in (
        ("{loop#1.exposed_devs[0]}", "/srv/web.img"),
        ("{lv#a.exposed_devs}", "/dev/vgweb/data"),
        ("{#lv#a.exposed_devs}", "1"),
    ):
        assert references.plain(Scalar(written, 1, 1)) == means
    assert references.plain(Scalar("{lv#a.sub_devs}", 1, 1)) == "{lv#a.sub_devs}"
    (error,) = errors
    assert error.message == (
        "'{lv#a.sub_devs}' cannot be resolved: which devices it lies on is known only when it is up; write the path itself"
    )


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("{evn.LEAF}", "{env.LEAF}"),
        ("{ENV.LEAF}", "{env.LEAF}"),
        ("{upper:envs.HOSTS[0]}", "{upper:env.HOSTS[0]}"),
        ("{#evn.HOSTS}", "{#env.HOSTS}"),
        ("{uper:app}", "{upper:app}"),
        ("{fs1.mnt}", "{fs#1.mnt}"),
        ("{sf#1.mnt}", "{fs#1.mnt}"),
        ("{DEFUALT.app}", "{DEFAULT.app}"),
        ("x {svcnam} y", "{svcname}"),
        ("{nodname}", "{nodename}"),
    ],
)
def test_a_slip_of_the_pen_is_told_with_its_place_and_what_was_meant(written, meant):
    loaded = load_text(SPEC.format(written), "yaml", "web", "web.yaml", Node("deb1.opensvc.com"))
    token = written.strip("xy ")
    assert [str(error) for error in loaded.errors] == [
        f"web.yaml:10:22: '{token}' cannot be resolved: did you mean '{meant}'? A brace that is to stay comes from a variable that"
        " holds it"
    ]


@pytest.mark.parametrize(
    "written",
    [
        "{evn.NONE}",
        "{item.name}",
        "{1..5}",
        "{a..e}",
        "{username}",
        "{fs9.mnt}",
        "{uper:nothing}",
        "{x:y}",
        "{host.LEAF}",
    ],
)
def test_braces_of_other_words_stay(written):
    assert read(SPEC.format(written)).resources["container#a.b"].desired.environment["X"] == written


def test_a_brace_that_looks_like_a_slip_can_be_written_all_the_same():
    text = SPEC.format("{env.OPEN}evn.LEAF}").replace("  LEAF:", '  OPEN: "{"\n  LEAF:')
    assert read(text).resources["container#a.b"].desired.environment["X"] == "{evn.LEAF}"


# secrets

TOLD = """\
resources:
  app#1:
    start: [/bin/daemon, --hook, "{upper:env.HOOK_TOKEN}"]
    pre_start: "/bin/say 'X-Hook: {env.HOOK_TOKEN}' -p{env.PIN_SECRET}"
  container#2:
    image: "daemon:1"
    name: by-reference
    run_args: -e "URL=http://{env.HOOK_TOKEN}/" --hostname {env.PLAIN} -v {env.KEY_FILE}:/key
    command: [run, "{env.ADDRESS}"]
variables:
  HOOK_TOKEN: by-reference
  PIN_SECRET: "4711"
  ADDRESS: "key {env.HOOK_TOKEN}"
  PLAIN: in-clear-anyway
  KEY_FILE: /etc/ssl/private.pem
"""


def test_what_a_variable_says_whose_name_looks_secret_is_one_wherever_a_reference_put_it():
    service = read(TOLD)
    app, box = service.resources["app#1"], service.resources["container#2"]
    assert learned() == {"by-reference": "HOOK_TOKEN", "BY-REFERENCE": "HOOK_TOKEN", "4711": "PIN_SECRET"}
    assert shell.join(app.common.pre_start) == '/bin/say \'X-Hook: \'"$HOOK_TOKEN" -p"$PIN_SECRET"'
    assert shell.variables(app.common.pre_start) == {"HOOK_TOKEN": "by-reference", "PIN_SECRET": "4711"}
    assert app.desired.start[-1] == "BY-REFERENCE" and masked_words(app.desired.start)[-1] == HIDDEN
    assert masked_words(box.desired.command) == ("run", f"key {HIDDEN}")


def test_it_is_marked_where_it_was_put_and_what_merely_reads_alike_is_written_as_it_is():
    service = read(TOLD)
    codec, box = Codec(b"key"), service.resources["container#2"].desired
    written = codec.dump(box)
    assert written["name"] == box.name == "by-reference" and written["hostname"] == "in-clear-anyway"
    marked = {name: value for name, value in written.items() if "hmac:" in str(value)}
    assert set(marked) == {"environment", "command"}
    assert "by-reference" not in str(marked) and codec.read(type(box), written, codec.known(service.models)) == box
    assert {"by-reference", "BY-REFERENCE", "4711"} <= set(secrets_of(service.models))
