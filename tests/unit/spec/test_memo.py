"""What is kept of texts, and that nothing is taken for the same that is not."""

import os

import pytest

from reconciler.core.node import Node
from reconciler.core.secrets import learn_anew, learned
from reconciler.spec.load import load
from reconciler.spec.memo import MEMO

NODE = Node("here")
WEB = "resources:\n  container#1: {type: docker, image: busybox, command: sleep 1}\n"


@pytest.fixture
def specs(tmp_path):
    MEMO.keeps = True
    yield tmp_path
    MEMO.keeps = False
    MEMO.clear()


def write(path, text, mode=0o644):
    path.write_text(text)
    path.chmod(mode)
    return path


def the_service(path, node=NODE):
    loaded = load([str(path)], node)
    assert not loaded.errors, loaded.errors
    (service,) = loaded.services
    return service


def test_the_same_text_is_read_once(specs):
    web = write(specs / "web.yaml", WEB)
    assert the_service(web) is the_service(web)
    MEMO.keeps = False
    MEMO.clear()
    assert the_service(web) is not the_service(web)
    assert the_service(web) == the_service(web)


def test_another_text_node_or_file_is_another(specs):
    web = write(specs / "web.yaml", WEB)
    first = the_service(web)
    assert the_service(write(specs / "db.yaml", WEB)).name == "db"
    assert the_service(web, Node("there")) is not first
    write(web, WEB.replace("sleep 1", "sleep 2"))
    assert the_service(web).resources["container#1"].desired.command == ("sleep", "2")
    write(web, WEB)
    assert the_service(web) == first


def test_what_is_wrong_is_told_each_time(specs):
    web = write(specs / "web.yaml", WEB.replace("image", "imgae"))
    first = load([str(web)], NODE).errors
    assert first and load([str(web)], NODE).errors == first


def test_a_file_that_is_read_for_it_is_read_each_time(specs):
    variables = write(specs / "variables", "A=1\n")
    web = write(specs / "web.yaml", WEB.replace("image:", f"env_file: {variables}, image:"))
    before = the_service(web)
    write(variables, "A=2\n")
    assert the_service(web) != before


def test_a_launcher_that_comes_is_seen(specs):
    web = write(specs / "web.yaml", "comment: x\n")
    assert not the_service(web).resources
    (specs / "web.d").mkdir(mode=0o755)
    write(specs / "web.d/S10job", "#!/bin/sh\n", 0o755)
    assert list(the_service(web).resources) == ["app#job"]


def test_who_may_write_a_program_is_looked_at_each_time(specs):
    program = write(specs / "job", "#!/bin/sh\n", 0o755)
    web = write(specs / "web.yaml", f"resources:\n  app#1: {{type: simple, start: /bin/true, pre_start: {program}}}\n")
    the_service(web)
    program.chmod(0o777)
    told = [error.message for error in load([str(web)], NODE).errors]
    assert len(told) == (os.geteuid() == 0), "who is not root trusts everybody"
    assert all("may be written by others" in message for message in told)


def test_so_much_is_kept_and_no_more(specs):
    web = write(specs / "web.yaml", WEB)
    first = the_service(web)
    for n in range(20):
        the_service(write(specs / f"s{n}.yaml", WEB + f"# {'x' * 1_000_000} {n}\n"))
    assert MEMO._size <= 16 << 20
    assert the_service(web) is not first


def test_what_is_secret_in_a_spec_is_known_although_it_was_not_built_again(specs):
    told = "variables: {DB_PASSWORD: blue4house}\n" + WEB.replace("sleep 1", '["say", "{env.DB_PASSWORD}"]')
    web = write(specs / "web.yaml", told)
    first = the_service(web)
    learn_anew()
    assert the_service(web) is first
    assert learned() == {"blue4house": "DB_PASSWORD"}
    web.unlink()
    learn_anew()
    load([str(specs)], NODE)
    assert learned() == {}
