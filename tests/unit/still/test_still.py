"""Folders and flags: what a spec may write, and the driver on the fake machine."""

import pytest

from reconciler.core.diff import diff_down, diff_up
from reconciler.core.ids import ResourceId
from reconciler.core.node import Node
from reconciler.core.observed import Absent, Present, Unknown
from reconciler.core.ownership import Owned, Ownership
from reconciler.core.policy import Policy
from reconciler.engine.observe import wanted_of
from reconciler.host.errors import Conflict, Transient
from reconciler.resources.directory.actions import MakeFolder
from reconciler.resources.driver import Wanted
from reconciler.resources.registry import driver_of, kind_of
from reconciler.spec.load import load_text


def resource(words):
    (service,) = load_text(f"resources:\n  fs#1: {{{words}}}\n", "yaml", "web", "web.yaml", Node()).services
    return service.resources["fs#1"]


def errors(words):
    return [str(error) for error in load_text(f"resources:\n  fs#1: {{{words}}}\n", "yaml", "web", "web.yaml", Node()).errors]


class Bench:
    def __init__(self, host):
        self.host, self.owned = host, None

    def look(self, want):
        item = Wanted(ResourceId("web", "fs#1"), want.desired, self.owned, want.type)
        return driver_of(want.type).observe([item], self.host)[item.id]

    def change(self, want):
        return diff_up(kind_of(want.type), "fs#1", want.desired, self.look(want), self.owned, Policy())

    def up(self, want):
        kind, change = kind_of(want.type), self.change(want)
        moves = kind.moves(change) if change.verdict.value not in ("keep", "adopt", "refuse") else ()
        for action in (action for slot in moves for action in slot):
            self.do(want, action)
            assert action.shown(self.look(want)), action.says()
            self.do(want, action)
        self.owned = Owned(want.type, want.desired, change.desired)
        return change.verdict.value

    def down(self, want):
        change = diff_down(kind_of(want.type), "fs#1", want.desired, self.look(want), self.owned, remove=False)
        for action in kind_of(want.type).moves(change).down:
            self.do(want, action)
            assert action.shown(self.look(want))

    def do(self, want, action):
        driver_of(want.type).perform(ResourceId("web", "fs#1"), action, self.host, lambda line: None)


@pytest.fixture
def bench(host):
    return Bench(host)


class TestFlag:
    def test_it_is_set_cleared_and_set_again(self, machine, bench):
        flag = resource("type: flag")
        assert (flag.type, flag.desired.path) == ("flag", "/run/osvc/.flags/web/fs#1")
        assert [bench.up(flag), bench.up(flag)] == ["create", "keep"]
        assert machine.tree.find("/run/osvc/.flags/web/fs#1").kind == "file"
        bench.down(flag)
        assert bench.change(flag).reason == "is not set"
        assert bench.up(flag) == "create"

    def test_it_takes_no_keywords(self):
        assert errors("type: flag, path: /x") == ["web.yaml:2:22: keyword 'path' in fs#1 does not go with type flag"]


class TestDirectory:
    def test_it_is_made_and_given_away_and_stays(self, machine, bench):
        want = resource("type: directory, path: /srv/a/b, user: daemon, group: docker, perm: '0750'")
        assert want.type == "directory"
        assert [bench.up(want), bench.up(want)] == ["create", "keep"]
        made = machine.tree.find("/srv/a/b")
        assert (made.uid, made.gid, made.mode) == (1, 990, 0o750)
        bench.down(want)
        assert isinstance(bench.look(want), Present)

    def test_owner_and_mode_are_changed_in_place_and_what_is_not_said_stays(self, machine, bench):
        machine.tree.make_dir("/srv/a", 0o700)
        assert bench.up(resource("type: directory, path: /srv/a")) == "adopt"
        want = resource("type: directory, path: /srv/a, user: nobody")
        assert [bench.up(want), bench.up(want)] == ["update", "keep"]
        assert (machine.tree.find("/srv/a").uid, machine.tree.find("/srv/a").mode) == (65534, 0o700)
        want = resource("type: directory, path: /srv/a, user: '3', group: '4', perm: '2770'")
        assert [bench.up(want), bench.up(want)] == ["update", "keep"]
        assert (machine.tree.find("/srv/a").uid, machine.tree.find("/srv/a").mode) == (3, 0o2770)
        machine.tree.find("/srv/a").mode = 0o755
        assert bench.change(want).cause.value == "drift"

    @pytest.mark.parametrize(
        ("words", "reason"),
        [
            ("path: /srv/f", "/srv/f is not a folder but a file"),
            ("path: /srv/l", "/srv/l is not a folder but a link"),
            ("path: /srv/a, user: ghost", "this machine has no user ghost"),
            ("path: /srv/a, group: ghosts", "this machine has no group ghosts"),
        ],
    )
    def test_what_is_in_the_way(self, machine, bench, words, reason):
        machine.add_file("/srv/f")
        machine.add_link("/srv/l", "/etc")
        change = bench.change(resource(f"type: directory, {words}"))
        assert (change.verdict.value, change.reason) == ("refuse", reason)

    def test_what_became_a_link_meanwhile_is_not_followed(self, machine, bench):
        machine.add_link("/srv/a", "/etc")
        with pytest.raises(Conflict, match="it is a link"):
            bench.do(resource("type: directory, path: /srv/a"), MakeFolder(path="/srv/a", user="root", group="root", perm="755"))

    def test_one_that_cannot_be_looked_at_is_unknown(self, machine, bench):
        machine.fail_next("stat /srv/a", Transient("/srv/a does not answer within 5 s"))
        assert isinstance(bench.look(resource("type: directory, path: /srv/a")), Unknown)
        assert isinstance(bench.look(resource("type: directory, path: /srv/a")), Absent)

    @pytest.mark.parametrize(
        ("words", "text"),
        [
            ("path: /", "the root of the machine is no folder of a service"),
            ("path: a", "expected an absolute path"),
            ("path: /a, perm: rwx", "expected an octal mode such as 0750, not 'rwx'"),
            ("path: /a, perm: 9", "expected an octal mode"),
            ("path: /a, user: '-x'", "'-x' names no user and no group"),
            ("path: /a, mnt: /b", "keyword 'mnt' in fs#1 does not go with type directory"),
            ("user: root", "fs#1 lacks the keyword 'path'"),
        ],
    )
    def test_bad_values_say_what_is_wrong(self, words, text):
        (message,) = errors(f"type: directory, {words}")
        assert text in message


def test_their_names_alone_are_no_sections():
    (message,) = [
        str(error) for error in load_text("resources:\n  directory#1: {path: /a}\n", "yaml", "web", "web.yaml", Node()).errors
    ]
    assert message.endswith("'directory#1' is written as 'fs#1' with 'type: directory'")


def test_a_keyword_of_theirs_says_whose_it_is():
    assert any("keyword 'perm' in fs#1 goes with type directory" in message for message in errors("type: ext4, perm: '0750'"))


def test_what_was_of_another_type_is_looked_at_as_that():
    (service,) = load_text("resources: {fs#1: {type: flag}}\n", "yaml", "web", "web.yaml", Node()).services
    was = resource("type: directory, path: /srv/a")
    (item,) = wanted_of("web", service, Ownership("store", {"fs#1": Owned("directory", was.desired, was.desired)}))
    assert (item.type, item.desired, item.handles) == ("directory", None, (was.desired,))
    (item,) = wanted_of("web", service, Ownership("store", {}))
    assert (item.type, item.desired) == ("flag", service.resources["fs#1"].desired)
