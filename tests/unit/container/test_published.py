"""When clients are led to a container with a fixed address, and when they are not any more."""

import pytest

from reconciler.core.change import Verdict
from reconciler.core.diff import diff_down
from reconciler.core.observed import Absent
from reconciler.resources import firewall
from reconciler.resources.container.model import Around
from reconciler.resources.container.planning import KIND
from reconciler.resources.container.published import leads, rules_for
from tests.unit.container import test_planning as planning
from tests.unit.container.bench import desired, steps
from tests.unit.container.test_planning import NAME, check, planned, run, seen

WORDS = {"network": "network#1", "container_data_dir": "/srv/d", "ip": "10.7.1.9", "ports": ["8080:80", "53:53/udp"]}
WORDS["client_address"] = True
WANT = desired(**WORDS)
RULES = firewall.in_order(rules_for(WANT, None))
LED = f"lead clients to {NAME} on 10.7.1.9: 5 rules in chain {WANT.chain}"
GONE = f"lead no clients to {NAME}: take 5 rules away"


def made(want, **changes):
    """A container as its engine shows it: while it runs, with what is published of it."""
    runs = changes.get("status", "running") in ("running", "paused")
    return planning.made(want, **{"bound": want.ports if runs else None, **changes})


def test_after_its_start_and_not_before():
    check(WANT, seen(WANT), verdict=Verdict.CREATE, does=[f"create {NAME} from osvc/demo:1", f"start {NAME}", LED])
    check(WANT, seen(WANT, made(WANT, status="exited")), verdict=Verdict.START, does=[f"start {NAME}", LED])
    check(WANT, seen(WANT, made(WANT, status="paused")), verdict=Verdict.START, does=[f"unpause {NAME}", LED])
    lost = made(WANT, health="process gone", pid=7)
    assert [action.says() for action in steps(planned(WANT, seen(WANT, lost)))][1:] == [f"start {NAME}", LED]


def test_rules_that_are_there_already_are_left():
    check(WANT, seen(WANT, made(WANT, status="exited"), rules=RULES), verdict=Verdict.START, does=[f"start {NAME}"])
    assert planned(WANT, seen(WANT, made(WANT), rules=RULES)).verdict is Verdict.ADOPT
    surplus = (*RULES, f"nat -A {WANT.chain} -j RETURN")
    check(
        WANT,
        seen(WANT, made(WANT), rules=surplus),
        verdict=Verdict.LIVE,
        does=[f"lead no clients to {NAME}: take 1 rules away"],
    )


def test_nobody_is_led_to_one_that_goes_down_or_is_gone():
    check(
        WANT,
        seen(WANT, made(WANT, health="unhealthy"), rules=RULES),
        verdict=Verdict.RESTART,
        does=[GONE, f"stop {NAME}", f"start {NAME}", LED],
    )
    for remove in (False, True):
        change = diff_down(KIND, "container#1", WANT, seen(WANT, rules=RULES), None, remove=remove)
        assert change.reason == "is left elsewhere" and [action.says() for action in steps(change)] == [GONE]
        after, _ = run(change)
        assert isinstance(after, Absent) and after.around == Around(image=after.around.image, cpus=4)
    old = made(desired(**{**WORDS, "ip": "10.7.1.8"}))
    does = [action.says() for action in steps(planned(WANT, seen(WANT, old, rules=RULES)))]
    assert does.index(GONE) < does.index(f"stop {NAME}") and does[-2:] == [LED, f"remove {NAME}.osvc-old"]


@pytest.mark.parametrize(
    "changes",
    [
        {"client_address": False},
        {"ports": ["127.0.0.1:8080:80", "[::1]:8080:80", "80", "9:9/sctp"]},
        {"detach": False},
    ],
    ids=lambda changes: " ".join(map(str, changes)),
)
def test_to_whom_nobody_is_led(changes):
    want = desired(**{**WORDS, **changes})
    assert not leads(want) and rules_for(want, None) == ()


@pytest.mark.parametrize(
    "changes",
    [{"network": "lan"}, {"ip": ""}, {"container_data_dir": None}],
    ids=lambda changes: " ".join(map(str, changes)),
)
def test_who_cannot_be_led_to_is_refused(changes):
    with pytest.raises(ValueError, match="client_address needs a fixed address"):
        desired(**{**WORDS, **changes})


def test_each_port_is_led_from_where_it_is_published():
    """The same port of the container on two addresses; and one that its engine has put on the loopback alone."""
    two = desired(**{**WORDS, "ports": ["192.0.2.2:8080:80", "192.0.2.3:8080:80", "127.0.0.1:8080:80"]})
    rules = rules_for(two, made(two))
    assert [
        address for address in ("192.0.2.2", "192.0.2.3", "127.0.0.1") if any(f"-d {address}/32" in rule for rule in rules)
    ] == [
        "192.0.2.2",
        "192.0.2.3",
    ]
    assert len(rules) == len(set(rules)) == 5
    one = desired(**{**WORDS, "ports": ["8080:80"]})
    assert rules_for(one, made(one, bound=("127.0.0.1:8080:80",))) == ()


def test_between_two_runs_the_rules_stay_as_they_are():
    """An engine that waits before it starts a container again does not say where its ports are published."""
    want = desired(**{**WORDS, "restart_policy": "on-failure"})
    for rules in ((), RULES):
        change = planned(want, seen(want, made(want, status="restarting"), rules=rules))
        assert "publish" not in [action.op for action in steps(change)] and "unpublish" not in [
            action.op for action in steps(change)
        ]
