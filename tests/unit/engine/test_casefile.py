"""The case file's format: what cannot be read is told in so many words, and each secret has one stand-in."""

from dataclasses import replace

import pytest
import yaml

from reconciler import __version__
from reconciler.core.node import Node
from reconciler.core.outline import outline
from reconciler.engine.casefile import FORMAT, Case, CaseError, dump, parse
from reconciler.spec.load import load_text
from reconciler.spec.render import render
from tests.plans import cases, golden

TEXT = dump(cases.case_of(golden.read(golden.FOLDER / "container-live-spec.yaml")))


def changed(**keys) -> str:
    return yaml.safe_dump({**yaml.safe_load(TEXT), **keys}, sort_keys=False)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it is not a case file; osvc case ls"),
        ("about: x\nspec: {}\n", "it is not a case file"),
        ("case: [1", "it is damaged, or no case file (line 2: "),
        ("\0\1\2", "it is damaged, or no case file"),
        (TEXT[: len(TEXT) // 2], "it is damaged"),
        (changed(case=FORMAT + 1), f"a newer osvc wrote it (format {FORMAT + 1}, known is {FORMAT}); use that one"),
        (changed(node={"name": "x", "colour": "red"}), "it is damaged (Node"),
        (changed(goal={"aim": "sideways", "by": "", "at": None, "reason": ""}), "it is damaged ('sideways' is not a valid Aim"),
        (changed(snapshot=[]), "it is damaged"),
        (changed(snapshot={"fs#1": {"type": "fs", "elsewhere": {}}}), "it is damaged (cannot read a stored observation of a fs"),
        (changed(owned={"x": {"type": "teapot"}}), "this version of osvc has no resource type 'teapot'"),
        (changed(spec={"resources": {"container#1": {"type": "docker"}}}), "its spec is not valid for this osvc: its spec:"),
        (changed(policy={}), "it is damaged ('prune' is missing)"),
        (changed(outcomes=3), "it is damaged"),
        (changed(outcomes=3, osvc="0.0.9"), f"it was made by osvc 0.0.9, and this is {__version__} ("),
    ],
)
def test_what_cannot_be_read_is_told(text, message):
    with pytest.raises(CaseError) as caught:
        parse(text, "dir/x.yaml")
    assert str(caught.value).startswith("cannot read dir/x.yaml: ") and message in str(caught.value)


def test_what_a_newer_version_adds_in_this_format_is_left_alone():
    assert dump(parse(changed(colour="red"), "x")) == TEXT


@pytest.mark.parametrize("name", ["verb-restart-part", "verb-startfs", "verb-subset", "service-frozen", "service-disabled-whole"])
def test_what_a_verb_asked_for_and_what_a_person_said_come_back(name):
    scenario = golden.read(golden.FOLDER / f"{name}.yaml")
    plan = scenario.plan()
    case = cases.case_of(scenario)
    assert outline(parse(dump(case), "x").replan()) == outline(plan)


def test_another_plan_is_told_line_by_line():
    case = parse(TEXT, "x")
    assert case.difference(case.replan()) == ""
    other = replace(case, plan=case.plan.replace("update", "replace", 1))
    assert "-container#1  replace" in other.difference(case.replan()) and "+container#1  update" in other.difference(case.replan())


SPEC = """
app: shop
comment: "it's {svcname}"
env: TST
rollback: false
docker_data_dir: /srv/web
docker_daemon_args: --debug --log-opt=splunk-token=abcdefgh --log-driver splunk
variables: {port: "8080"}
resources:
  fs#1: {dev: /srv, mnt: /mnt/x, type: none, mnt_opt: "bind,ro"}
  fs#2: {dev: tmpfs, mnt: /mnt/t, type: tmpfs, mnt_opt: [size=1m], subset: a}
  container#1:
    subset: b
    type: docker
    run_image: busybox:1
    run_command: sh -c "echo '{not a reference}' ${HOME}; sleep 1"
    run_args: -e "API_TOKEN=it's {x} \\"1\\"" -v /srv:/srv:ro -p {env.port}:80 --name web
    environment: {EMPTY: "", YES: "yes", NUMBER: "1.0", NULL: "null", LINES: "a\\nb\\n", API_KEY: "01"}
    labels: {a.token: "s p a c e"}
    entrypoint: [""]
    cpus: 0.123456789
    memory: 64m
    restart_policy: on-failure:3
    start_timeout: 90
  container#2: {type: docker, image: "busybox:1", subset: b}
subsets:
  container:b: {parallel: true}
"""


def test_a_spec_that_is_rendered_gives_the_same_service():
    node = Node("here", run_dir="/run/x")
    service = load_text(SPEC, "yaml", "web", "web.yaml", node).services[0]
    spec = render(service, lambda model: model.model_dump(mode="json", exclude_defaults=True))
    again = load_text(yaml.safe_dump(spec), "yaml", "web", "web.yaml", node)
    assert not again.errors, again.errors
    (found,) = again.services
    assert {rid: (item.type, item.subset, item.desired) for rid, item in found.resources.items()} == {
        rid: (item.type, item.subset, item.desired) for rid, item in service.resources.items()
    }
    for name in ("name", "env", "app", "comment", "rollback", "parallel"):
        assert getattr(found, name) == getattr(service, name)


def test_each_secret_has_one_stand_in_wherever_it_stands():
    node = Node("here")
    service = load_text(SPEC, "yaml", "web", "web.yaml", node).services[0]
    case = Case(
        "web",
        "web: login with s p a c e refused; 01 is wrong, 101 is not",
        node=node,
        service=service,
        outcomes=({"n": 1, "rid": "x", "step": "x", "became": "failed", "output": 'token abcdefgh\nit\'s {x} \\"1\\"'},),
    )
    text = dump(case)
    data = yaml.safe_load(text)
    mine = data["spec"]["resources"]["container#1"]
    token, key, label = (mine["environment"]["API_TOKEN"], mine["environment"]["API_KEY"], mine["labels"]["a.token"])
    assert len({token, key, label}) == 3 and all(word.startswith("hidden-") for word in (token, key, label))
    assert data["about"] == f"web: login with {label} refused; 01 is wrong, 101 is not"
    assert data["outcomes"][0]["output"].splitlines()[1] == token
    assert data["spec"]["docker_daemon_args"][1].startswith("--log-opt=splunk-token=hidden-")
    assert "abcdefgh" not in text and "s p a c e" not in text
    assert dump(parse(text, "x")) == text


def test_two_secrets_that_differ_still_differ_in_the_plan():
    scenario = golden.read(golden.FOLDER / "container-replace-environment.yaml")
    case = parse(dump(cases.case_of(scenario)), "x")
    assert outline(case.replan()) == outline(scenario.plan())
