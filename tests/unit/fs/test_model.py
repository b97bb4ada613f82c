"""fs: what a spec may write, and what each action says, does and undoes."""

import pytest
from pydantic import ValidationError

from reconciler.core.action import Effect
from reconciler.core.node import Node, Place
from reconciler.core.observed import Absent, Present
from reconciler.core.rules import Impact, keywords_of, rules_of
from reconciler.resources.fs.actions import MakeMountPoint, Mount, Remount, RemoveMountPoint, Unmount, mount
from reconciler.resources.fs.model import Around, Desired, State

PLACE = Place("web", "fs#1", Node())


def desired(**keywords):
    return Desired.model_validate({"dev": "/srv/x.img", "mnt": "/srv/x", "type": "ext4"} | keywords, context=PLACE)


def message(**keywords):
    with pytest.raises(ValidationError) as caught:
        desired(**keywords)
    return str(caught.value)


def test_every_field_has_a_rule_and_a_sentence():
    rules = rules_of(Desired)
    assert list(rules) == list(Desired.model_fields)
    for name, field in Desired.model_fields.items():
        assert field.description and field.description.endswith("."), name
        assert rules[name].impact is Impact.NONE or name in State.model_fields
    assert keywords_of(Desired)["mnt_opt"].aliases == ("mnt_opts",)


@pytest.mark.parametrize("type_name", ["cifs", "overlay", "zfs"])
def test_a_known_type_is_not_supported_yet(type_name):
    assert f"filesystem type {type_name!r} is not supported yet" in message(type=type_name)


def test_an_unknown_type_gets_a_hint():
    assert "unknown filesystem type 'ext5'; did you mean 'ext" in message(type="ext5")
    assert "unknown filesystem type 'qqqq'; there are ext2" in message(type="qqqq")


@pytest.mark.parametrize(
    ("keywords", "text"),
    [
        ({"dev": "x.img"}, "expected an absolute path"),
        ({"dev": "/srv/../x"}, "must not contain '..'"),
        ({"dev": "/srv//x/"}, "expected a plain absolute path such as '/srv/x'"),
        ({"dev": "UUID="}, "expected a value after"),
        ({"type": "bind", "dev": "UUID=12"}, "expected an absolute path"),
        ({"mnt": "srv"}, "expected an absolute path"),
        ({"mnt": "/"}, "root of the machine"),
        ({"type": "none"}, "write mnt_opt: bind"),
        ({"type": "none", "mnt_opt": "bind,size=1m"}, "has no effect on a bind mount"),
        ({"type": "none", "mnt_opt": "bind", "dev": "/srv/x"}, "are the same folder"),
        ({"mnt_opt": "bind"}, "needs type none"),
        ({"mkfs_opt": "-f /dev/sdb"}, "mkfs_opt names a device"),
        ({"mkfs_opt": "-l logdev=/dev/sdc,size=64m"}, "mkfs_opt names a device"),
        ({"mnt_opt": "remount"}, "osvc remounts by itself"),
        ({"mnt_opt": "a b"}, "no mount option"),
        ({"mnt_opt": {"a": 1}}, "a map"),
        ({"type": "tmpfs", "dev": "-t"}, "plain name"),
        ({"type": "tmpfs", "dev": "tmpfs", "mnt_opt": "size=10%"}, "write the size in bytes"),
        ({"fstype": "ext4"}, "Extra inputs"),
    ],
)
def test_bad_values_say_what_is_wrong(keywords, text):
    assert text in message(**keywords)


def test_none_with_bind_is_a_bind_mount():
    wanted = desired(type="none", dev="/srv/data", mnt_opt="bind,ro")
    assert wanted.type == "bind"
    assert Desired.model_validate_json(wanted.model_dump_json()) == wanted


def test_options_are_text_or_a_list():
    assert desired(mnt_opt="rw, noatime").mnt_opt == desired(mnt_opt=["rw", "noatime"]).mnt_opt == ("rw", "noatime")


STATE = State(dev="/srv/x.img", mnt="/srv/x", type="ext4", mnt_opt=("noatime",), loop=True)
AROUND = Around(source="file", signature="ext4", make=("/srv", "/srv/x"))
ACTIONS = [
    (MakeMountPoint(mnt="/srv/x"), Absent(AROUND)),
    (RemoveMountPoint(folders=("/srv/x", "/srv")), Absent(Around(point="dir"))),
    (mount(STATE), Absent(AROUND)),
    (Remount(mnt="/srv/x", type="ext4", mnt_opt=("ro",), was=("noatime",)), Present(STATE, Around())),
    (Unmount(dev="/srv/x.img", mnt="/srv/x", type="ext4"), Present(STATE, Around())),
]


@pytest.mark.parametrize(("action", "before"), ACTIONS, ids=lambda item: getattr(item, "op", ""))
def test_an_action_survives_the_store_shows_its_effect_and_is_undone(action, before):
    assert type(action).model_validate_json(action.model_dump_json()) == action
    assert action.command().split()[0] in {"mkdir", "rmdir", "e2fsck", "mount", "umount"}
    after = action.after(before)
    assert action.shown(after)
    seen = after
    for back in action.undo(before):
        seen = back.after(seen)
        assert back.shown(seen)
    assert type(seen) is type(before)
    if isinstance(before, Present):
        assert seen.state == before.state


def test_only_what_changes_something_fails_to_show_beforehand():
    for action, before in ACTIONS:
        if action.op in {"mkdir", "mount", "remount", "unmount"}:
            assert not action.shown(before), action.op


def test_commands_are_what_a_person_would_type():
    assert mount(STATE).command() == "e2fsck -p -- /srv/x.img && mount -t ext4 -o loop,noatime -- /srv/x.img /srv/x"
    assert Mount(dev="/a b", mnt="/c", type="bind", mnt_opt=("ro",)).command() == "mount -o bind,ro -- '/a b' /c"
    late = Mount(dev="/a", mnt="/c", type="bind", mnt_opt=("rw", "strictatime", "suid")).command()
    assert late == "mount -o bind,rw,strictatime,suid -- /a /c && mount -o remount,bind,rw,strictatime,suid -- /c"
    assert Mount(dev="tmpfs", mnt="/c", type="tmpfs").command() == "mount -t tmpfs -- tmpfs /c"
    bind = Remount(mnt="/c", type="bind", mnt_opt=(), was=("ro",))
    assert bind.command() == "mount -o remount,bind,rw -- /c"
    assert Unmount(dev="/a", mnt="/c", type="ext4").command() == "umount -- /c"


def test_what_interrupts_somebody_says_so():
    assert Unmount(dev="/a", mnt="/c", type="ext4").costs is Effect.DISRUPTIVE
    assert Remount(mnt="/c", type="ext4", mnt_opt=("ro",), was=()).costs is Effect.DISRUPTIVE
    assert Remount(mnt="/c", type="ext4", mnt_opt=(), was=("ro",)).costs is Effect.SAFE
    assert "content is lost" in Unmount(dev="tmpfs", mnt="/c", type="tmpfs").says()
    assert mount(STATE, hides=2).says().endswith("hides 2 entries of the folder")


def test_undo_of_a_mount_that_was_there_already_does_nothing():
    assert mount(STATE).undo(Present(STATE, Around())) == ()


def test_undo_removes_the_folders_that_were_made_innermost_first():
    assert MakeMountPoint(mnt="/srv/x").undo(Absent(AROUND)) == (RemoveMountPoint(folders=("/srv/x", "/srv")),)
    assert MakeMountPoint(mnt="/srv/x").undo(Absent(Around(point="dir"))) == ()
