"""svcmgr's own verbs, on the tutorial's fake machine: status, print config, create, svcmon; and what keeps a service off a node."""

import shutil

import pytest

from tests.svcmgr.node import NAME, SPEC

TMPFS = "service_type: TST\nresources:\n  fs#1: {dev: tmpfs, mnt: /mnt/%s, type: tmpfs, mnt_opt: size=1m}\n"


def write(deb1, name, text=TMPFS):
    path = deb1.specs / f"{name}.yaml"
    path.write_text(text % name if "%s" in text else text)
    return path


def svcmgr(deb1, *words):
    return deb1.types(*words, program="svcmgr")


def test_status_is_a_word_and_its_number(deb1):
    assert deb1.types("status") == (1, "down\n", "")
    deb1.types("startvg")
    assert deb1.types("status") == (2, "warn\n", "")
    write(deb1, "web")
    assert svcmgr(deb1, "-s", "web", "start")[0] == 0
    assert svcmgr(deb1, "-s", "web", "status") == (0, "up\n", "")
    assert svcmgr(deb1, "-s", "*", "status") == (2, f"{NAME}: warn\nweb: up\n", "")


def test_where_no_status_can_be_told_it_is_undefined(deb1):
    write(deb1, "bad", "resources: {fs#1: {mnt: relative}}\n")
    code, out, err = svcmgr(deb1, "-s", "bad", "status")
    assert (code, out) == (5, "") and "bad.yaml" in err
    assert svcmgr(deb1, "-s", NAME, "status")[:2] == (1, "down\n"), "the errors of others do not hinder"


def test_a_service_that_there_is_not_is_a_mistake(deb1):
    code, out, err = svcmgr(deb1, "-s", "docker.opensvc", "status")
    assert (code, out, err) == (64, "", f"error: no service 'docker.opensvc'; did you mean '{NAME}'?\n")


def test_what_stands_by_has_its_own_number(deb1):
    write(deb1, "web", TMPFS.replace("size=1m", "size=1m, standby: true"))
    svcmgr(deb1, "-s", "web", "start")
    svcmgr(deb1, "-s", "web", "stop")
    assert svcmgr(deb1, "-s", "web", "status") == (6, "stdby up\n", "")


def test_flags_have_the_places_of_the_reference(deb1):
    text = """\
resources:
  fs#1: {dev: tmpfs, mnt: /mnt/a, type: tmpfs, monitor: true}
  fs#2: {dev: tmpfs, mnt: /mnt/b, type: tmpfs, disable: true}
  fs#3: {dev: tmpfs, mnt: /mnt/c, type: tmpfs, optional: true}
"""
    write(deb1, "web", text)
    _, out, _ = svcmgr(deb1, "-s", "web", "print", "status")
    assert out.splitlines()[3:7] == [
        "|  |- fs#1           M... down     tmpfs@/mnt/a",
        "|  |- fs#2           .D.. n/a      tmpfs@/mnt/b",
        "|  |                               # disabled",
        "|  '- fs#3           ..O. down     tmpfs@/mnt/c",
    ]


def test_several_services_have_a_tree_each(deb1):
    write(deb1, "web")
    _, out, _ = svcmgr(deb1, "-s", f"web,{NAME}", "print", "status")
    assert [line for line in out.splitlines() if line and line[0] not in "|'o"] == [NAME, "web"]


def test_print_config_is_the_spec_as_it_is_read_here(deb1):
    text = "service_type: TST\ndocker_data_dir: /srv/{svcname}\nresources:\n  container#1:\n    image@deb1.opensvc.com: x:1\n"
    write(deb1, "web", text + "    environment: {API_TOKEN: opensesame}\n")
    code, out, err = svcmgr(deb1, "-s", "web", "print", "config")
    assert (code, err) == (0, "")
    assert out.startswith(f"# {deb1.specs}/web.yaml, as deb1.opensvc.com reads it\nname: web\nenv: TST\n")
    assert "docker_data_dir: /srv/web\n" in out.replace("container_data_dir", "docker_data_dir")
    assert "image: x:1" in out and "opensesame" not in out and "(hidden)" in out


def test_create_takes_a_file_into_the_specs_folder(deb1, tmp_path):
    (deb1.specs / SPEC.name).unlink()
    given = tmp_path / "given.env"
    shutil.copyfile(SPEC, given)
    code, out, err = svcmgr(deb1, "-s", NAME, "create", "--config", str(given))
    path = deb1.specs / f"{NAME}.env"
    assert (code, err, out) == (0, "", f"{NAME}: created, in {path} → osvc plan -s {NAME}\n")
    assert path.read_text() == SPEC.read_text()
    assert deb1.types("status") == (1, "down\n", "")
    assert deb1.machine.effects == 0


@pytest.mark.parametrize("extension", ["env", "yaml"])
def test_create_overwrites_nothing(deb1, tmp_path, extension):
    given = tmp_path / f"given.{extension}"
    given.write_text("resources: {}\n" if extension == "yaml" else "[DEFAULT]\napp = x\n")
    before = {path: path.read_text() for path in deb1.specs.iterdir()}
    code, _, err = svcmgr(deb1, "-s", NAME, "create", "--config", str(given))
    assert (code, err) == (4, f"error: cannot create {NAME}: it is there already, in {deb1.specs}/{NAME}.env; edit that\n")
    assert {path: path.read_text() for path in deb1.specs.iterdir()} == before


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("resources:\n  fs#1: {dev: tmpfs, mnt: /mnt/x, typ: tmpfs}\n", 6, "given.yaml:2:"),
        ("name: other\n" + TMPFS % "x", 6, "given.yaml:1:1: it names its service 'other'"),
        ("resources:\n  vg#1: {name: vgdocker}\n", 6, "vgdocker"),
    ],
)
def test_create_takes_only_what_is_valid_by_itself_and_beside_the_others(deb1, tmp_path, text, code, said):
    given = tmp_path / "given.yaml"
    given.write_text(text)
    found, _, err = svcmgr(deb1, "-s", "web", "create", "--config", str(given))
    assert found == code and said in err
    assert [path.name for path in deb1.specs.iterdir()] == [f"{NAME}.env"]


def test_create_says_what_it_lacks(deb1):
    assert svcmgr(deb1, "-s", "web", "create")[0] == 64
    assert "there is no such file" in svcmgr(deb1, "-s", "web", "create", "--config", "/nowhere.yaml")[2]
    assert svcmgr(deb1, "-s", "web", "create", "--config", "/etc/passwd")[0] == 64
    assert svcmgr(deb1, "-s", "a,b", "create", "--config", "/nowhere.yaml")[0] == 64


def test_svcmon_has_a_line_for_each_service(deb1):
    write(deb1, "web")
    svcmgr(deb1, "-s", "web", "start")
    code, out, err = svcmgr(deb1, "svcmon")
    head, names, rule, *rows = out.splitlines()
    assert (code, err, len(rows)) == (0, "", 2)
    assert head.split()[:3] == ["service", "service", "container"] and names.split()[-1] == "frozen" and set(rule) == {"-", " "}
    assert rows[0].split() == [NAME, "DEV", "docker", *["down"] * 4, "n/a", "n/a", "n/a", "n/a", "down", "down", "-"]
    assert rows[1].split() == ["web", "TST", "hosted", "n/a", "n/a", "n/a", "up", "n/a", "n/a", "n/a", "n/a", "up", "up", "-"]
    assert [line.split() for line in svcmgr(deb1, "-s", "web", "svcmon")[1].splitlines()[3:]] == [rows[1].split()]


def test_sets_of_services_are_names(deb1):
    write(deb1, "web")
    write(deb1, "db")
    assert svcmgr(deb1, "-s", "allupservices", "stop") == (0, "allupservices: there is none\n", "")
    assert svcmgr(deb1, "-s", "web", "start")[0] == 0
    assert deb1.types("status", program="/usr/bin/allupservices") == (0, "up\n", "")
    assert svcmgr(deb1, "-s", "alldownservices", "status")[1] == f"db: down\n{NAME}: down\n"
    assert svcmgr(deb1, "-s", "allservices", "status")[1] == f"db: down\n{NAME}: down\nweb: up\n"
    assert svcmgr(deb1, "-s", "allupservices", "stop")[0] == 0
    assert svcmgr(deb1, "-s", "web", "status")[1] == "down\n"


def test_on_a_node_for_production_nothing_else_is_brought_up(deb1):
    deb1.configure("env: PRD\n")
    code, _, err = deb1.types("start")
    assert (code, deb1.machine.effects) == (4, 0)
    assert err == (
        f"error: cannot start {NAME}: it is not for this node: the service is DEV, and the node for production only (env: PRD)\n"
    )
    code, out, _ = deb1.types("print", "status")
    assert out.splitlines()[:3] == [
        NAME,
        "overall                   n/a",
        "|                                  # not for this node: the service is DEV, and the node for production only (env: PRD)",
    ]
    write(deb1, "web", TMPFS.replace("TST", "PRD"))
    assert svcmgr(deb1, "-s", "web", "start")[0] == 0


def test_a_node_of_another_environment_takes_all(deb1):
    deb1.configure("env: TST\n")
    assert deb1.types("startvg")[0] == 0


def test_what_runs_when_its_node_becomes_one_for_production_can_be_stopped(deb1):
    write(deb1, "web")
    svcmgr(deb1, "-s", "web", "start")
    deb1.configure("env: PRD\n")
    assert svcmgr(deb1, "-s", "web", "stop")[0] == 0
    assert "/mnt/web" not in [mount.target for mount in deb1.machine.tree.mounts]


def test_without_a_service_nothing_is_done(deb1):
    assert svcmgr(deb1, "start") == (64, "", "error: no service is named: svcmgr -s NAME start\n")
