"""Performing: an address is asked for, added, asked for once more and made known; or removed, and nothing else with it."""

import re
from collections.abc import Callable
from typing import Any, Final

from reconciler.host.errors import Conflict, HostError, Permanent
from reconciler.host.ports import Host
from reconciler.resources.ip import addresses, links
from reconciler.resources.ip.actions import Add, Remove
from reconciler.resources.ip.model import State

_ASK_TIME: Final = 10.0
_CHECK_TIME: Final = 15.0
"""Seconds for which the kernel is waited for: it asks for an IPv6 address for one or two."""
_GLANCE: Final = 0.1
_ANSWER: Final = re.compile(r"reply from \S+ \[([0-9A-Fa-f:]+)\]")
_ASKED: Final = re.compile(r"^Sent [1-9]\d* probe", re.MULTILINE)
_UNANSWERED: Final = re.compile(r"^Received 0 response", re.MULTILINE)


def perform(action: Any, host: Host, say: Callable[[str], None]) -> None:
    """See Driver.perform."""
    match action:
        case Add():
            add(action, host, say)
        case Remove():
            remove(action.state, host)
        case _:
            raise Permanent(f"cannot do {type(action).__name__} to an address")


def add(action: Add, host: Host, say: Callable[[str], None]) -> None:
    """Raises HostError; then the address is not there, unless it was before."""
    state = action.state
    link = links.find(host, state.dev)
    if link is None or not link.up:
        raise Permanent(f"{state.dev} is down" if link is not None else f"there is no network device {state.dev}")
    if links.held(link, state.address, state.netmask) is None:
        _have_no_other(state, host)
        if action.probes:
            _ask(action, host)
        host.commands.run(action.argv())
    elif not addresses.sixth(state.address):
        return
    try:
        if addresses.sixth(state.address):
            _await(state, host)
        elif action.probes:
            _ask(action, host)
    except HostError:
        remove(state, host)
        raise
    _make_known(action, host, say)


def _have_no_other(state: State, host: Host) -> None:
    for link in host.net.links():
        for one in link.assigned:
            if one.address == state.address:
                raise Conflict(f"{link.name} has it already, as {one}")


def _ask(action: Add, host: Host) -> None:
    """Raises Conflict when another host on the device's network answers for the address, Permanent when nobody was asked: other
    programs of that name end well without having done so."""
    done = host.commands.run(action.probe(), timeout=_ASK_TIME, ok=(0, 1))
    answer = _ANSWER.search(done.stdout)
    if answer is not None:
        raise Conflict(f"{answer[1].lower()} answers for it on the network of {action.state.dev}")
    if done.code == 0 and _ASKED.search(done.stdout) and _UNANSWERED.search(done.stdout):
        return
    text = (done.stdout + done.stderr).strip()
    last = text.splitlines()[-1] if text else f"exit code {done.code}"
    raise Permanent(f"arping cannot tell whether another host has it: {last}; is it the one of iputils-arping?", text)


def _await(state: State, host: Host) -> None:
    """Wait for what the kernel finds out about an IPv6 address."""
    until = host.clock.monotonic() + _CHECK_TIME
    while True:
        one = links.held(links.find(host, state.dev), state.address, state.netmask)
        if one is None:
            raise Permanent("it is gone again")
        if "dadfailed" in one.flags:
            raise Conflict(f"another host on the network of {state.dev} has it (duplicate address detection)")
        if "tentative" not in one.flags or "optimistic" in one.flags:
            return
        if host.clock.monotonic() >= until:
            raise Permanent(f"nothing tells within {_CHECK_TIME:.0f} s whether another host has it; is {state.dev} connected?")
        host.clock.sleep(_GLANCE)


def _make_known(action: Add, host: Host, say: Callable[[str], None]) -> None:
    """So that those who knew another host by this address turn to this one at once. The address is there, whatever comes of it."""
    state = action.state
    try:
        if action.announces:
            host.commands.run(action.announcement(), timeout=_ASK_TIME)
        elif state.arp:
            for n in range(3):
                host.clock.sleep(1.0 if n else 0.0)
                host.net.announce(state.dev, state.address)
    except HostError as error:
        say(f"{state.address} is there, but was not announced: {error}")


def remove(state: State, host: Host) -> None:
    """Raises HostError when it stays. That it is gone already is well."""
    action = Remove(state=state)
    link = links.find(host, state.dev)
    one = links.held(link, state.address, state.netmask)
    if link is None or one is None:
        return
    if not links.hanging(link, one, host):
        host.commands.run(action.argv())
        return
    try:
        host.commands.run(action.promote(True))
        host.commands.run(action.argv())
    finally:
        _put_back(action, host)


def _put_back(action: Remove, host: Host) -> None:
    """The switch is the machine's: once more, where it does not go at first; but something is wrong then."""
    try:
        host.commands.run(action.promote(False))
    except HostError:
        host.commands.run(action.promote(False))
        raise
