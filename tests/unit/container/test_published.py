"""When clients are led to a container with a fixed address, and when they are not any more."""

import pytest

from reconciler.core.change import Verdict
from reconciler.core.diff import diff_down
from reconciler.core.observed import Absent
from reconciler.resources import firewall
from reconciler.resources.container.model import Around
from reconciler.resources.container.planning import KIND
from reconciler.resources.container.published import leads, rules_for
from tests.unit.container.bench import desired, steps
from tests.unit.container.test_planning import NAME, check, made, planned, run, seen

WORDS = {"network": "network#1", "container_data_dir": "/srv/d", "ip": "10.7.1.9", "ports": ["8080:80", "53:53/udp"]}
WANT = desired(**WORDS)
RULES = firewall.in_order(rules_for(WANT, None))
LED = f"lead clients to {NAME} on 10.7.1.9: 5 rules in chain {WANT.chain}"
GONE = f"lead no clients to {NAME}: take 5 rules away"


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
        {"network": "bridge", "ip": ""},
        {"network": "lan"},
        {"ip": ""},
        {"ports": ["127.0.0.1:8080:80", "[::1]:8080:80", "80", "9:9/sctp"]},
        {"detach": False},
        {"container_data_dir": None},
    ],
    ids=lambda changes: " ".join(map(str, changes)),
)
def test_to_whom_nobody_is_led(changes):
    want = desired(**{**WORDS, **changes})
    assert not leads(want) and rules_for(want, None) == ()
