"""Actions: an engine's folders, its config files, its processes. Pure data; performing.py does them."""

import shlex
from collections.abc import Mapping
from typing import ClassVar

from reconciler.core import shell, units
from reconciler.core.action import BARRIER, Action, Barrier, Effect, Facet
from reconciler.core.observed import Seen
from reconciler.resources import daemon
from reconciler.resources.dockerd import script
from reconciler.resources.dockerd.action import CommandsAction, EngineAction, around_of, around_with, state_of, state_with
from reconciler.resources.dockerd.model import ROOT

_RERUN = frozenset({Facet.RUN, Facet.OUTPUT})


class MakeFolders(EngineAction):
    op: ClassVar[str] = "mkdir"
    facets: ClassVar[frozenset[Facet]] = frozenset({Facet.FOLDER})

    def folders(self) -> tuple[tuple[str, int], ...]:
        """Path and mode of each."""
        want = self.want
        return ((want.run_dir, 0o711), (want.folder, 0o710), (want.exec_root, 0o700), (want.data_root, 0o711))

    def says(self) -> str:
        return f"make folders in {self.want.folder}"

    def command(self) -> str:
        return " && ".join(f"mkdir -p -m {mode:04o} {shlex.quote(path)}" for path, mode in self.folders())

    def after(self, seen: Seen) -> Seen:
        state = state_of(seen)
        found = state_with(seen, folders=True, folder_group=state.folder_group or ROOT, folder_mode=state.folder_mode or "0710")
        if around_of(found).data_root != "missing":
            return found
        return around_with(found, data_root="empty")

    def shown(self, seen: Seen) -> bool:
        return state_of(seen).folders and around_of(seen).data_root != "missing"

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        return () if state_of(before).folders else (RemoveFolders(want=self.want, cgroups=state_of(before).cgroups),)


class Share(CommandsAction):
    """Give the socket and its folder the group and the modes that `want` has for them. parts: the fields that differ."""

    op: ClassVar[str] = "share"
    parts: tuple[str, ...] = ()

    def says(self) -> str:
        group = self.want.docker_socket_group
        return f"let {'only root' if group == ROOT else f'the group {group}'} use {self.want.socket}"

    def commands(self) -> tuple[tuple[str, ...], ...]:
        words = {part: (program, "--", getattr(self.want, part), getattr(self.want, path)) for part, program, path in _ACCESS}
        return tuple(words[part] for part in self.parts)

    def after(self, seen: Seen) -> Seen:
        return state_with(seen, **{part: getattr(self.want, part) for part in self.parts})

    def shown(self, seen: Seen) -> bool:
        return all(getattr(state_of(seen), part) == getattr(self.want, part) for part in self.parts)

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        had = {part: getattr(state_of(before), part) for part in self.parts}
        return (Share(want=self.want.model_copy(update=had), parts=self.parts),)


_ACCESS = (
    ("folder_group", "chgrp", "folder"),
    ("folder_mode", "chmod", "folder"),
    ("docker_socket_group", "chgrp", "socket"),
    ("socket_mode", "chmod", "socket"),
)
"""What a part is changed by, and of what."""


class ClearStale(EngineAction):
    """Unmount and remove what a dead engine left behind. Nothing is done while it lives, or one of its containers.

    mounts, files: what is known to be left. after_stop: the engine is ended just before, so that what it leaves is not known yet.
    """

    op: ClassVar[str] = "clear"
    facets: ClassVar[frozenset[Facet]] = frozenset({Facet.LEFTOVERS})
    mounts: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    after_stop: bool = False

    def says(self) -> str:
        if self.after_stop:
            return "unmount what the engine leaves behind"
        return f"clear {len(self.mounts)} mounts and {len(self.files)} files of an engine that is gone"

    def command(self) -> str:
        lines: list[tuple[str, ...]] = [("umount", path) for path in self.mounts if not self.after_stop]
        if self.files:
            lines.append(("rm", "-f", *self.files))
        text = [shlex.join(words) for words in lines]
        if self.after_stop:
            text.append(script.own_mounts(self.want))
        return " && ".join(text)

    def after(self, seen: Seen) -> Seen:
        state = state_of(seen)
        return state_with(
            seen,
            mounts=tuple(path for path in state.mounts if path not in self.mounts),
            stale=tuple(path for path in state.stale if path not in self.files),
            files=tuple(path for path in state.files if path not in self.files),
            disk=None if self.want.config_file in self.files else state.disk,
        )

    def shown(self, seen: Seen) -> bool:
        state = state_of(seen)
        return not set(self.mounts) & set(state.mounts) and not set(self.files) & {*state.stale, *state.files}

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        return ()


class Mark(EngineAction):
    """Lay the marker into the data root. One that is there is kept."""

    op: ClassVar[str] = "mark"
    facets: ClassVar[frozenset[Facet]] = frozenset({Facet.MARKER})
    adopts: bool = False

    def says(self) -> str:
        return f"mark {self.want.data_root} as the data root of {self.want.service}" + (
            ": it has been in use, and is adopted" if self.adopts else ""
        )

    def command(self) -> str:
        service = shlex.quote(self.want.service)
        return f"{{ cat /proc/sys/kernel/random/uuid; echo {service}; }} > {shlex.quote(self.want.marker)}"

    def after(self, seen: Seen) -> Seen:
        if around_of(seen).marker:
            return seen
        return around_with(seen, marker="new")

    def shown(self, seen: Seen) -> bool:
        return bool(around_of(seen).marker)

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        return ()


class WriteConfig(EngineAction):
    """Write the config file of the engine's containerd, and its own: that this is there says that both are."""

    op: ClassVar[str] = "configure"

    def says(self) -> str:
        return f"write {self.want.config_file}"

    def command(self) -> str:
        texts = ((self.want.containerd_config, self.want.containerd_text()), (self.want.config_file, self.want.config_text()))
        return " && ".join(f"{shell.join(('printf', '%s', text))} > {shlex.quote(path)}" for path, text in texts)

    def script(self) -> str:
        return daemon.private(f"\n{super().script()}\n")

    @property
    def secrets(self) -> Mapping[str, str]:
        return shell.variables((self.want.config_text(),))

    def after(self, seen: Seen) -> Seen:
        new = {self.want.config_file, self.want.containerd_config}
        return state_with(seen, disk=self.want.config(), files=tuple(sorted({*state_of(seen).files, *new})))

    def shown(self, seen: Seen) -> bool:
        return state_of(seen).disk == self.want.config()

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        state = state_of(before)
        if state.disk is None:
            return (ClearStale(want=self.want, files=(self.want.config_file, self.want.containerd_config)),)
        settings = {key: value for key, value in state.disk.items() if key in {*self.want.settings, *state.settings}}
        boot = {key: value for key, value in state.disk.items() if key not in settings}
        return (WriteConfig(want=self.want.model_copy(update={"settings": settings, "boot_settings": boot})),)


class StartContainerd(EngineAction):
    """Start the engine's own containerd, detached, and wait for its socket."""

    op: ClassVar[str] = "containerd"
    facets: ClassVar[frozenset[Facet]] = _RERUN

    def says(self) -> str:
        return "start the engine's own containerd" + (f", in {self.want.unit}" if self.want.unit else "")

    def command(self) -> str:
        unit = self.want.unit
        return script.detached((*(units.begun(unit) if unit else ()), *self.want.containerd_argv()), self.want.containerd_log)

    def script(self) -> str:
        want = self.want
        started = script.in_its_group(want.containerd_argv(), want.containerd_log, want)
        return f"{started}\n{script.listens(want)}"

    def after(self, seen: Seen) -> Seen:
        return state_with(seen, containerd=True, cgroups=self.want.cgroups()[:1], files=_and(seen, self.want.containerd_log))

    def shown(self, seen: Seen) -> bool:
        return state_of(seen).containerd

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        return () if state_of(before).containerd else (StopContainerd(want=self.want),)


class StartDaemon(EngineAction):
    """Start dockerd, detached, and wait until it answers.

    marker: the uuid that has to lie in the data root, or "" for any: without its filesystem no engine is started.
    kills: ids of containers that live, and that this start will kill (no live-restore). stale: what a dead one has left where its
    socket and its pid file are to be; they are removed.
    """

    op: ClassVar[str] = "start"
    facets: ClassVar[frozenset[Facet]] = _RERUN
    marker: str = ""
    kills: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()

    @property
    def costs(self) -> Effect:
        return Effect.DISRUPTIVE if self.kills else Effect.SAFE

    def says(self) -> str:
        text = f"start the Docker engine on {self.want.data_root}"
        return f"{text}; without live-restore this kills {len(self.kills)} containers" if self.kills else text

    def command(self) -> str:
        started = script.detached(self.want.argv(), self.want.log)
        return f"{shell.join(('rm', '-f', *self.stale))} && {started}" if self.stale else started

    def script(self) -> str:
        want = self.want
        stale = shell.join(("rm", "-f", want.socket, want.pid_file))
        started = script.in_its_group(want.argv(), want.log, want)
        return f"{stale}\n{started}\n{script.answers(want)}\n{script.noted(want)}"

    @property
    def secrets(self) -> Mapping[str, str]:
        return shell.variables((*self.want.argv(), self.want.config_text()))

    def after(self, seen: Seen) -> Seen:
        want = self.want
        around = around_of(seen)
        found = state_with(
            seen,
            running=True,
            answers=True,
            container_data_dir=want.container_data_dir,
            docker_daemon_args=want.docker_daemon_args,
            docker_socket_group=want.docker_socket_group,
            socket_mode=want.socket_mode,
            settings=want.settings,
            boot_settings=want.boot_settings,
            loaded=True,
            data_root_in_place=True,
            stale=(),
            shims=() if self.kills else state_of(seen).shims,
            cgroups=want.cgroups()[:1],
            files=tuple(sorted({*state_of(seen).files, *want.files()})),
        )
        return around_with(found, known_marker=around.marker, known_data_root=want.data_root, data_root="used")

    def shown(self, seen: Seen) -> bool:
        state = state_of(seen)
        return state.running and state.answers

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        return () if state_of(before).running else (StopDaemon(want=self.want, keeps=state_of(before).shims),)


class Reload(EngineAction):
    """Have the daemon read its config file again."""

    op: ClassVar[str] = "reload"

    def says(self) -> str:
        return "reload the engine's settings"

    def command(self) -> str:
        return f"kill -HUP $(cat {shlex.quote(self.want.pid_file)})"

    def script(self) -> str:
        return f"{self.command()}\n{script.noted(self.want)}"

    @property
    def secrets(self) -> Mapping[str, str]:
        return shell.variables((self.want.config_text(),))

    def after(self, seen: Seen) -> Seen:
        return state_with(seen, settings=self.want.settings, loaded=True)

    def shown(self, seen: Seen) -> bool:
        state = state_of(seen)
        return state.loaded and state.settings == self.want.settings

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        return (Reload(want=self.want.model_copy(update={"settings": state_of(before).settings})),)


class StopContainers(EngineAction):
    """Stop the containers that somebody started by hand. They are never removed."""

    op: ClassVar[str] = "stop-strays"
    effect: ClassVar[Effect] = Effect.DISRUPTIVE
    names: tuple[str, ...] = ()

    def says(self) -> str:
        return f"stop containers that were started by hand: {', '.join(self.names)}"

    def command(self) -> str:
        return shlex.join(("docker", "-H", f"unix://{self.want.socket}", "stop", *self.names))

    def after(self, seen: Seen) -> Seen:
        return state_with(seen, strays=tuple(name for name in state_of(seen).strays if name not in self.names))

    def shown(self, seen: Seen) -> bool:
        return not set(self.names) & set(state_of(seen).strays)

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        return BARRIER


class StopDaemon(EngineAction):
    """End dockerd and wait until it is gone.

    keeps: what happens to containers that run: None stops the service's own that are left, and refuses for others;
    a tuple (of ids, for the record) lets all of them live on.
    """

    op: ClassVar[str] = "stop"
    facets: ClassVar[frozenset[Facet]] = _RERUN
    effect: ClassVar[Effect] = Effect.DISRUPTIVE
    keeps: tuple[str, ...] | None = None

    def says(self) -> str:
        return "stop the Docker engine" if self.keeps is None else "stop the Docker engine; its containers live on"

    def command(self) -> str:
        return f"kill -TERM $(cat {shlex.quote(self.want.pid_file)})"

    def script(self) -> str:
        return daemon.ended(f"$(cat {shlex.quote(self.want.pid_file)})", self.want.pid_file, self.want.socket)

    def after(self, seen: Seen) -> Seen:
        state = state_of(seen)
        gone = {self.want.socket, self.want.pid_file}
        shims = state.shims if self.keeps is not None else ()
        return state_with(
            seen, running=False, answers=False, pid=0, started=0, loaded=False, strays=(), stale=(), shims=shims,
            docker_socket_group="", socket_mode="",
            files=tuple(path for path in state.files if path not in gone),
        )  # fmt: skip

    def shown(self, seen: Seen) -> bool:
        return not state_of(seen).running

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        """Start it again as it ran, with the arguments and settings it had."""
        state = state_of(before)
        had = {name: getattr(state, name) for name in ("docker_daemon_args", "settings", "boot_settings")}
        was = self.want.model_copy(update=had)
        return (StartDaemon(want=was, marker=around_of(before).known_marker),) if state.running else ()


class StopContainerd(EngineAction):
    op: ClassVar[str] = "stop-containerd"
    facets: ClassVar[frozenset[Facet]] = _RERUN

    def says(self) -> str:
        return "stop the engine's own containerd"

    def command(self) -> str:
        return f"kill -TERM {script.containerd_pid(self.want)}"

    def script(self) -> str:
        return daemon.ended(script.containerd_pid(self.want))

    def after(self, seen: Seen) -> Seen:
        return state_with(seen, containerd=False)

    def shown(self, seen: Seen) -> bool:
        return not state_of(seen).containerd

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        return (StartContainerd(want=self.want),) if state_of(before).containerd else ()


class RemoveFolders(EngineAction):
    """Remove the engine's own files, its exec-root, the service's folder when it is empty, and its control groups."""

    op: ClassVar[str] = "rmdir"
    facets: ClassVar[frozenset[Facet]] = frozenset({Facet.FOLDER, Facet.OUTPUT, Facet.LEFTOVERS})
    cgroups: tuple[str, ...] = ()

    def says(self) -> str:
        return f"remove what is left in {self.want.folder}"

    def command(self) -> str:
        words = [shlex.join(("rm", "-rf", "--one-file-system", self.want.exec_root, *self.want.files()))]
        words += [f"rmdir --ignore-fail-on-non-empty {shlex.quote(path)}" for path in (self.want.folder, self.want.run_dir)]
        return " && ".join(words)

    def script(self) -> str:
        return f"{super().script()}\n{script.without_groups(self.want)}"

    def after(self, seen: Seen) -> Seen:
        return state_with(seen, folders=False, files=(), stale=(), cgroups=(), disk=None, folder_group="", folder_mode="")

    def shown(self, seen: Seen) -> bool:
        state = state_of(seen)
        return not (state.folders or state.files or state.stale or state.cgroups)

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        return (MakeFolders(want=self.want), WriteConfig(want=self.want)) if state_of(before).folders else ()


def _and(seen: Seen, path: str) -> tuple[str, ...]:
    return tuple(sorted({*state_of(seen).files, path}))
