"""Halfway: a replacement that fails, and osvc killed at any effect of it. The next run with the same spec fails and has the old one
back, running; the next run with a good one converges."""

from __future__ import annotations

import pytest

from reconciler.core.outcome import End
from tests.crash.life import SPEC, Lives, read
from tests.fakehost.docker_records import Script

STOP_FIRST = SPEC.replace("ports: 18080:80", "restart_policy: on-failure")
START_FIRST = STOP_FIRST.replace("restart_policy: on-failure", "replace: start-first")


def edited(spec: str, mode: str):
    return read(spec.replace("MODE: one", f"MODE: {mode}"))


def lives_at(folder, spec: str) -> Lives:
    folder.mkdir()
    lives = Lives(folder)
    assert lives.run(read(spec)).end is End.CONVERGED
    lives.machine.docker.script(lambda record: "MODE=bad" in record["Config"]["Env"], Script(code=1, output="no config\n"))
    return lives


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("spec", [STOP_FIRST, START_FIRST], ids=["stop first", "start first"])
def test_killed_at_any_effect_of_a_replacement_that_fails(tmp_path, spec, when):
    reference = lives_at(tmp_path / "reference", spec)
    picture, base = reference.picture(), reference.machine.effects
    result = reference.run(edited(spec, "bad"))
    assert result.end is End.ROLLED_BACK and "exited right after its start" in result.message
    assert "no config" in next(outcome.output for outcome in result.outcomes if outcome.output)
    assert reference.picture() == picture
    effects = reference.machine.effects - base
    assert reference.run(edited(spec, "two")).end is End.CONVERGED
    good = reference.picture()
    for k in range(1, effects + 1):
        lives = lives_at(tmp_path / f"{k}", spec)
        lives.machine.die_at(lives.machine.effects + k, when)
        assert lives.run(edited(spec, "bad")) is None, f"killed {when} effect {k}, but lived"
        about = f"killed {when} effect {k}, the last was: {(lives.machine.done or ['nothing'])[-1]}"
        back = lives.copy(tmp_path / f"{k} back")
        result = lives.run(edited(spec, "bad"))
        assert (result.end, result.undone) == (End.ROLLED_BACK, True), f"{about}: {result.message}"
        assert "exited right after its start" in result.message, about
        assert without_dead_successors(lives.picture()) == picture, about
        for one, mode, end in ((lives, "two", good), (back, "one", picture)):
            result = one.run(edited(spec, mode))
            assert result.end is End.CONVERGED, f"{about}; then {mode}: {result.message}"
            assert one.picture() == end, f"{about}; then {mode}"
            done = one.machine.effects
            one.run(edited(spec, mode))
            assert one.machine.effects == done, f"{about}; then {mode}"


def test_a_job_that_has_ended_is_not_run_again_when_its_successor_fails(tmp_path):
    """Killed at any effect of it, and the next run fails as well: the old one has its place again, and has run once."""
    job = SPEC.replace("ports: 18080:80", "detach: false")

    def lives_with(folder) -> Lives:
        folder.mkdir()
        lives = Lives(folder)
        for mode, code in (("one", 0), ("bad", 1)):
            lives.machine.docker.script(lambda record, mode=mode: f"MODE={mode}" in record["Config"]["Env"], Script(code=code))
        assert lives.run(read(job)).end is End.CONVERGED
        return lives

    reference = lives_with(tmp_path / "reference")
    picture, base = reference.picture(), reference.machine.effects
    assert reference.run(edited(job, "bad")).end is End.ROLLED_BACK
    for k in range(1, reference.machine.effects - base + 1):
        lives = lives_with(tmp_path / f"{k}")
        lives.machine.die_at(lives.machine.effects + k, "after")
        assert lives.run(edited(job, "bad")) is None
        begun = len(lives.machine.done)
        result = lives.run(edited(job, "bad"))
        assert (result.end, result.undone) == (End.ROLLED_BACK, True), f"killed after effect {k}: {result.message}"
        assert without_dead_successors(lives.picture()) == picture, k
        starts = [effect for effect in lives.machine.done[begun:] if effect.endswith(" start web.container.1")]
        assert len(starts) <= 1, f"killed after effect {k}: {starts}"


def without_dead_successors(picture):
    """One that was being removed when osvc was killed goes with the next replacement that succeeds."""
    kept = [one for one in picture["containers"] if one["running"] or ".osvc-new" not in one["name"]]
    return picture | {"containers": kept}
