"""The keywords of every resource in a spec: where they may stand, what they inherit, and what they are kept as."""

import os

import pytest
import yaml

from reconciler.core.common import PLAIN, Common
from reconciler.core.node import Node
from reconciler.engine.codec import Codec
from reconciler.spec.load import load, load_text
from reconciler.spec.render import render

SPEC = """\
tags: shop
restart: 2
monitor: yes
resources:
  fs#1:
    dev: tmpfs
    mnt: /srv/a
    type: tmpfs
    tags: a b
    monitor: no
    disable@deb1: true
    pre_start: /bin/true 'one word'
  fs#2: {dev: tmpfs, mnt: /srv/b, type: tmpfs}
  container#1: {image: busybox, comment: for people}
nodes: deb1 deb2
"""


def common_of(text, node="deb1", format="yaml"):
    loaded = load_text(text, format, "web", f"web.{format}", Node(node))
    assert not loaded.errors, loaded.errors
    return {rid: one.common for rid, one in loaded.services[0].resources.items()}


def test_a_section_goes_before_the_service_s_own():
    said = {"restart": 2, "monitor": True, "tags": ("shop",)}
    assert common_of(SPEC) == {
        "fs#1": Common(restart=2, tags="a b", disable=True, pre_start=["/bin/true", "one word"]),
        "fs#2": Common(**said),
        "container#1": Common(**said, comment="for people"),
        "dockerd": PLAIN,
    }
    assert not common_of(SPEC, "deb2")["fs#1"].disable


def test_it_comes_back_from_the_store_and_from_a_spec_that_is_written_of_it():
    service = load_text(SPEC, "yaml", "web", "web.yaml", Node("deb1")).services[0]
    codec = Codec(b"key", brief=True)
    kept = codec.read_service(codec.dump_service(service))
    assert {rid: one.common for rid, one in kept.resources.items()} == common_of(SPEC)
    assert common_of(yaml.safe_dump(render(service, codec.dump))) == common_of(SPEC)


OFF = """\
disable: true
docker_data_dir: /srv/a
resources:
  fs#1: {dev: tmpfs, mnt: /srv/a, type: tmpfs}
  container#1: {image: busybox}
"""


def test_a_service_that_is_disabled_is_so_with_its_engine_unless_a_section_says_otherwise():
    off = common_of(OFF)
    assert set(off) == {"fs#1", "container#1", "dockerd"} and all(one.disable for one in off.values())
    assert common_of("[DEFAULT]\ndisable = true\n[fs#1]\ndev = tmpfs\nmnt = /srv/a\ntype = tmpfs\n", format="ini")["fs#1"].disable
    one = common_of(OFF.replace("image: busybox", "image: busybox, disable: false"))
    assert {rid: common.disable for rid, common in one.items()} == {"fs#1": True, "container#1": False, "dockerd": False}
    service = load_text(OFF, "yaml", "web", "web.yaml", Node("deb1")).services[0]
    assert common_of(yaml.safe_dump(render(service, Codec(b"key", brief=True).dump))) == off


def test_what_is_disabled_claims_nothing():
    two = "name: {0}\nresources:\n  fs#1: {{dev: tmpfs, mnt: /srv/a, type: tmpfs{1}}}\n"
    twice = "---\n".join((two.format("a", ""), two.format("b", "")))
    assert "both claim" in load_text(twice, "yaml", "x", "x.yaml", Node()).errors[0].message
    once = "---\n".join((two.format("a", ""), two.format("b", ", disable: true")))
    assert not load_text(once, "yaml", "x", "x.yaml", Node()).errors


def test_a_program_that_others_may_write_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setenv("SUDO_UID", str(os.getuid()))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    program = tmp_path / "x"
    program.write_text("")
    program.chmod(0o777)
    spec = tmp_path / "web.yaml"
    spec.write_text(f"resources:\n  fs#1: {{dev: tmpfs, mnt: /srv/a, type: tmpfs, pre_start: {program}}}\n")
    spec.chmod(0o600)
    (error,) = load([str(spec)], Node()).errors
    assert error.message.startswith(f"fs#1 pre_start {program}: ")


@pytest.mark.parametrize(
    "word, says", [("switch", "no other node"), ("reboot", "reboots no node"), ("crash", "brings no node down")]
)
def test_what_monitor_action_cannot_do_is_refused_by_name(word, says):
    spec = f"monitor_action: {word}\nresources:\n  fs#1: {{dev: tmpfs, mnt: /a, type: tmpfs}}\n"
    errors = load_text(spec, "yaml", "web", "web.yaml", Node("deb1")).errors
    assert [error.message.startswith(f"monitor_action: {word} is not supported: ") for error in errors] == [True]
    assert says in errors[0].message and "write freezestop" in errors[0].message
