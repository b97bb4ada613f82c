"""asked: what becomes of a resource by more than the difference: it is left alone, spared, restarted or destroyed. Pure.

These are stages of core/planner, before anything is selected: each looks at one resource and gives it another verdict.
"""

from collections.abc import Collection, Mapping
from typing import Final

from reconciler.core.change import Verdict, takes
from reconciler.core.common import NO_ACTION
from reconciler.core.draft import ACTS, Draft
from reconciler.core.kind import Objection, Unmakes
from reconciler.core.observed import Present
from reconciler.core.policy import Aim, Policy, Selection

DESTROY: Final = "unprovision"
"""The permission to destroy what osvc made and is selected, once it is down."""


def leave_alone(draft: Draft, service: str) -> None:
    """Nothing is done to what its spec, or a person, takes out of osvc's hands. service: its name."""
    if draft.idle:
        common = draft.change.common
        gone = ", no longer in the spec" if draft.resource is None else ""
        draft.leave(f"disabled{gone}; left alone" if common.disable else f"tagged {NO_ACTION}; left alone")
    ban = draft.change.ban
    if ban is not None:
        part = "" if ban.whole else f" --rid {draft.rid}"
        draft.change = draft.change._replace(remedy=f"osvc enable {service}{part}")


def spare(drafts: Mapping[str, Draft], spared: Mapping[str, str]) -> None:
    """What is not tried again for now waits."""
    for rid, why in spared.items():
        if rid in drafts and drafts[rid].change.verdict in ACTS:
            drafts[rid].pin(why, "osvc plan")


def restart(drafts: Mapping[str, Draft], restarts: Collection[str]) -> None:
    """What is to go down and come up again, and is up. What is down comes up anyway; what cannot be told apart before and after (a
    folder, a volume) stays as it is."""
    for rid in restarts:
        draft = drafts[rid]
        change = draft.change
        if change.verdict not in (Verdict.KEEP, Verdict.LIVE, Verdict.RESTART) or draft.idle or not draft.is_up:
            continue
        if not draft.kind.manages(change.desired) or not any(draft.kind.moves(change._replace(verdict=Verdict.RESTART)).down):
            continue
        assert isinstance(change.seen, Present)
        obstacle = draft.kind.obstacle(change.seen.state)
        if obstacle is not None:
            draft.turn(Verdict.REFUSE, obstacle.reason, remedy=obstacle.remedy)
        elif change.verdict is Verdict.RESTART:
            # it goes down as a whole, also where what differs would leave a part of it up
            draft.change = change._replace(reason=f"asked for; {change.reason}", fields=(), cause=None)
        else:
            draft.change = change._replace(verdict=Verdict.RESTART, reason="asked for", cause=None)


def destroy(drafts: Mapping[str, Draft], selection: Selection, policy: Policy) -> None:
    """What is to be destroyed with all that is on it: only what the spec names and is selected itself, is to be down, and was made
    by osvc; and nothing in which something lies that stays."""
    if DESTROY not in policy.force:
        return
    for draft in drafts.values():
        change = draft.change
        if draft.resource is None or draft.resource.type != change.type:
            continue
        if change.aim is not Aim.DOWN or draft.idle or not takes(selection, change) or change.verdict not in (*ACTS, Verdict.KEEP):
            continue
        if change.seen is None or not isinstance(draft.kind, Unmakes):
            continue
        state = change.seen.state if isinstance(change.seen, Present) else None
        found = draft.kind.unmake(change.desired, state, change.seen.around, draft.owned.made if draft.owned is not None else "")
        if isinstance(found, Objection):
            draft.turn(Verdict.REFUSE, found.reason, remedy=found.remedy)
        elif found:
            draft.unmakes = tuple(found)
            draft.turn(Verdict.DESTROY, "made by osvc; it goes, with all that is on it")
    going = [draft for draft in drafts.values() if draft.change.verdict is Verdict.DESTROY]
    gone = {fact for draft in going for fact in draft.kind.provides(draft.change.desired)}
    for draft in going:
        assert isinstance(draft.change.seen, Present) and isinstance(draft.kind, Unmakes)
        stays = [fact.key for fact in draft.kind.within(draft.change.seen.state) if fact not in gone]
        if stays:
            draft.unmakes = ()
            draft.turn(Verdict.REFUSE, f"{', '.join(stays)} would go with it", remedy=f"lvremove {stays[0]}, if nobody needs it")
