"""The vocabulary: every keyword and resource type of the reference documents, by name.

Which of them are supported is asked of the models (a model's field is a keyword); what is known here and carried by no
model is "not supported yet". A name that is in neither is a mistake.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import field
from functools import cache
from typing import Final

from reconciler.core.common import Common
from reconciler.core.ids import group_of
from reconciler.core.kind import ResourceKind
from reconciler.core.lazy import dataclass
from reconciler.core.model import Model
from reconciler.core.rules import keywords_of
from reconciler.resources.registry import SECTIONS, TYPES, kind_of
from reconciler.spec.error import meant


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


HANDLED: Final = {
    **{name: name for name in ("name", "env", "app", "comment", "rollback")},
    **{name: name for name in ("nodes", "drpnode", "drpnodes", "encapnodes", "autostart_node")},
    "service_type": "env",
}
"""The service's own keywords that the loader handles: spelling -> keyword. The others belong to models (Keyword.inherit)."""

UNSCOPED: Final[Mapping[str, str]] = {
    "name": "a service has one name on every node",
    "type": "a resource is of one type on every node; write a section for each",
    **dict.fromkeys(("nodes", "drpnode", "drpnodes", "encapnodes"), "what scopes mean depends on it"),
    "autostart_node": "it names nodes itself",
}
"""The keywords that are the same on every node, and why."""

EXPOSED: Final[Mapping[str, str]] = {"loop": "{RID.file}", "lv": "/dev/{RID.vg}/{RID.name}"}
"""Resource type -> what its exposed_devs are, in the words of its section: the device as whoever needs it names it
(core/devices.py), whatever it is called once it is there."""

DEFERRED: Final[Mapping[str, str]] = {
    "exposed_devs": "which devices it brings is known only when it is up",
    "sub_devs": "which devices it lies on is known only when it is up",
    "base_devs": "which devices it lies on in the end is known only when it is up",
}
"""Words of the reference for what only the machine knows, and why they cannot be had."""

ENVIRONMENTS: Final = (
    *("CERT", "DEV", "DRP", "FOR", "INT", "MUS", "POC", "PPR", "PPRD", "PRA", "PRD", "PRJ"),
    *("QUAL", "RCT", "REC", "STG", "TMP", "TST", "UAT"),
)

COMMON_HANDLED: Final = ("subset", "type")
"""The keywords of every resource that the loader handles; the others of all types are fields of core.common."""

OLDER: Final[Mapping[str, str]] = {
    "cluster_type": "topology",
    "flex_min_nodes": "flex_min",
    "flex_max_nodes": "flex_max",
    "affinity": "soft_affinity",
    "anti_affinity": "hard_anti_affinity",
    "container_rid": "netns",
    "net": "netns",
    "vgname": "name",
    "startup_timeout": "start_timeout",
    "shutdown_timeout": "stop_timeout",
}
"""Older spellings of what no model carries yet (a model carries its own in Keyword.aliases)."""

SERVICE: Final = _words("""
    name env service_type app comment rollback id priority lock_timeout kind mode cluster pkg_name drp_type drnoaction nodes
    drpnode drpnodes encapnodes autostart_node placement topology cluster_type orchestrate constraints scale slaves parents
    children flex_min flex_max flex_min_nodes flex_max_nodes flex_target flex_primary drp_flex_primary flex_cpu_low_threshold
    flex_cpu_high_threshold affinity anti_affinity hard_affinity soft_affinity hard_anti_affinity soft_anti_affinity stonith
    show_disabled always_on monitor_action pre_monitor_action docker_data_dir container_data_dir docker_daemon_private
    docker_daemon_args docker_exe dockerd_exe docker_socket_group registry_creds create_pg prkey scsireserv no_preempt_abort
    stat_timeout bwlimit presnap_trigger postsnap_trigger sync_interval sync_period sync_days sync_max_delay max_delay
    sync_schedule comp_schedule push_schedule status_schedule resinfo_schedule run_schedule monitor_schedule containerize
    container_cpus container_cpu_shares container_cpu_share container_mems container_mem_limit container_vmem_limit access
    pool size
""")

HEAD: Final = _words("""
    docker_data_dir container_data_dir docker_daemon_private docker_daemon_args docker_exe dockerd_exe docker_socket_group
""")
"""Those of them that describe the service's one engine: no section of a resource may say otherwise."""

CGROUP: Final = _words("""
    pg_cpus pg_mems pg_cpu_shares pg_cpu_quota pg_mem_limit pg_vmem_limit pg_mem_swappiness pg_mem_oom_control pg_blkio_weight
""")

COMMON: Final = (
    _words("""
    optional optional_on disable disable_on monitor monitor_on restart restart_delay subset tags always_on standby shared
    encap provision unprovision comment type schedule
""")
    | CGROUP
)

_IP = _words("""
    ipname name ipdev dev netmask gateway zone network alias check_carrier dns_update dns_name_suffix wait_dns provisioner
    expose netns container_rid mode macaddr nsdev vlan_tag vlan_mode del_net_route
""")
_SCSI = _words("prkey no_preempt_abort promote_rw scsireserv")
_VG = _words("vgname name dsf pvs options") | _SCSI
_LV = _words("name vg size create_options") | _SCSI
_ENVIRONMENT = _words("environment secrets_environment configs_environment")
_TIMEOUTS = _words("startup_timeout shutdown_timeout start_timeout stop_timeout")
_DOCKER = (
    _words("""
    image run_image command run_command run_args entrypoint name hostname user detach rm image_pull_policy volume_mounts
    devices netns net pidns ipcns utsns userns privileged interactive tty pull_timeout registry_creds guestos osvc_root_path
    cwd init read_only sysctl dns_search log_outputs run_swarm
""")
    | _ENVIRONMENT
    | _TIMEOUTS
    | _SCSI
)
_MACHINE = (
    _words("""
    name hostname guestos rcmd container_data_dir create_environment create_configs_environment create_secrets_environment cf
    rootfs template template_options qga virtinst snap snapof uuid cloud_id key_name save_dir mapper zonepath delete_on_stop
""")
    | _TIMEOUTS
    | _SCSI
)
_LIMITS = _words("""
    limit_as limit_cpu limit_core limit_data limit_fsize limit_memlock limit_nofile limit_nproc limit_rss limit_stack
    limit_vmem
""")
_RUNNER = _words("timeout user group cwd umask") | _ENVIRONMENT | _LIMITS


@dataclass(frozen=True, slots=True)
class Known:
    """A resource type of the reference: its keywords beside the common ones, and what its `type` keyword may say.

    types: empty where the model has a field for it, and knows.
    """

    keywords: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()


KNOWN: Final[Mapping[str, Known]] = {
    "ip": Known(_IP, _words("host netns docker cni crossbow amazon gce")),
    "vg": Known(_VG, _words("veritas raw amazon gandi")),
    "disk": Known(
        _VG | _LV | _words("file res devs uuid level chunk spares layout zone"),
        _words(
            "vg lvm lv loop zpool zvol zfs md raw rados drbd scsireserv advfs amazon gandi gce hpvm ldom vmdg vxdg vxvol vdisk disk"
        ),
    ),
    "lv": Known(_LV),
    "loop": Known(_words("file size")),
    "pool": Known(_words("poolname name zone")),
    "zpool": Known(_words("poolname name zone multihost size vdev create_options")),
    "drbd": Known(_words("res network port disk addr max_peers")),
    "vdisk": Known(_words("path")),
    "vmdg": Known(_words("name container_id")),
    "fs": Known(
        _words("""
    dev mnt mnt_opt mnt_opts mkfs_opt create_options snap_size size vg zone stat_timeout check_read user group perm path
""")
        | _SCSI
    ),
    "share": Known(_words("path opts nfs_opts"), _words("nfs")),
    "container": Known(
        _DOCKER | _MACHINE,
        _words("docker oci podman lxc kvm xen vbox zone jail ldom vz esx openstack vcloud ovm srp hpvm amazon"),
    ),
    "app": Known(
        _words("""
    script start stop check info run_as start_timeout stop_timeout check_timeout info_timeout retcodes status_log kill
""")
        | _RUNNER,
        _words("forking simple winservice"),
    ),
    "sync": Known(
        _words("""
    src dst dstfs target options reset_options snap bwlimit exclude snap_size delta_store sender timeout sync_interval
    sync_period sync_days sync_max_delay max_delay recursive intermediary keyspec
"""),
        _words("""
    rsync dds docker oci btrfs btrfssnap zfs zfssnap s3 netapp nexenta evasnap hp3par hp3parsnap symclone symsnap symsrdfs
    ibmdssnap
"""),
    ),
    "hb": Known(
        _words("name dedicated addr port intf nodes dev timeout interval"),
        _words("OpenHA LinuxHA sg rhcs vcs ovm unicast multicast disk relay"),
    ),
    "task": Known(
        _words("check last_run confirmation on_error max_parallel snooze log logs retcodes") | _DOCKER | _RUNNER,
        _words("host docker oci podman"),
    ),
    "volume": Known(
        _words("""
    name pool type size access rwo format configs secrets directories user group perm dirperm signal
""")
    ),
    "network": Known(_words("network gateway ips_per_node dev public"), _words("bridge routed_bridge weave lo")),
    "stonith": Known(_words("cmd name target command"), _words("callout ilo")),
    "expose": Known(_words("port protocol listener_addr listener_port sni lb_policy gateway vhosts"), _words("envoy")),
    "vhost": Known(_words("domains routes"), _words("envoy")),
    "route": Known(
        _words("match_path match_regex match_prefix route_prefix_rewrite route_host_rewrite route_timeout"), _words("envoy")
    ),
    "hashpolicy": Known(),
    "certificate": Known(_words("certificate_secret validation_secret"), _words("tls")),
}

DRIVEN: Final[Mapping[str, tuple[str, ...]]] = {"ip": ("host",), "container": ("docker",)}
"""What `type` may say where the model has no field of that name; the first is what an absent one means."""

SUBSET_KNOWN: Final = _words("parallel comment") | CGROUP

REFERENCES: Final = _words("""
    nodename short_nodename namespace kind id path svcpath name svcname short_name scaler_name rid rindex clusterid
    clustername clusternodes clusterdrpnodes dns dnsnodes fqdn domain etc var private_var initd svcmgr nodemgr collector_api
""")

_ACTIONS = (
    "boot|freeze|thaw|start|startstandby|stop|stopstandby|shutdown|restart|provision|unprovision|run|resync|syncnodes|syncdrp|syncresync|syncall"
    "|sync_nodes|sync_drp|sync_all|sync_resync|sync_update|sync_restore|sync_break|sync_quiesce|sync_resume|sync_full|sync_split"
)
_TRIGGER = re.compile(
    rf"(?:blocking_)?(?:pre|post)_?(?:{_ACTIONS})|(?:{_ACTIONS})_requires|(?:pre|post)snap_trigger|(?:pre|post)sync"
)


def known_type(name: str) -> bool:
    """Whether a resource type is one of the reference or has a driver."""
    return name in KNOWN or name in TYPES


@cache
def sectioned() -> tuple[str, ...]:
    """What the rids of sections may begin with, as far as there are drivers (an engine has no section)."""
    own = [name for name in TYPES if name in KNOWN]
    return (*own, *(group for group in SECTIONS if group not in own))


@cache
def unsectioned() -> tuple[str, ...]:
    """The resource types that have no section: what there is of them follows from the service's own keywords."""
    behind = {name for words in SECTIONS.values() for name in words.values()}
    return tuple(name for name in TYPES if name not in KNOWN and name not in behind)


def resource_type(group: str, word: str) -> str:
    """The resource type of a section whose rid begins with `group` and whose `type` is `word` ("" for none); "" where there is no
    driver for it."""
    if group not in sectioned():
        return ""
    return SECTIONS.get(group, {}).get(word) or (group if group in TYPES else "")


def said_type(group: str, type_name: str) -> str:
    """What `type` says in a section whose rid begins with `group`, for a resource of this type; "" where nothing has to be said."""
    if group == type_name:
        return next(iter(DRIVEN.get(type_name, ())), "")
    return next((word for word, name in SECTIONS[group].items() if name == type_name), "")


def known_keyword(type_name: str, name: str) -> bool:
    """Whether the reference knows this keyword for resources of this type."""
    return name in COMMON or name in KNOWN.get(type_name, Known()).keywords or _TRIGGER.fullmatch(name) is not None


@cache
def known_anywhere(name: str) -> bool:
    """Whether the reference knows this keyword for anything."""
    return name in SERVICE or any(known_keyword(type_name, name) for type_name in KNOWN)


@dataclass(frozen=True, slots=True)
class Spelt:
    """The keywords of a model.

    fields: spelling -> field, for keywords that may stand in a section of a resource.
    inherited: spelling -> field, for keywords that the service's own section passes on.
    implies: older spelling -> the flags that it turns on.
    names: the fields that may stand in a section of a resource.
    """

    fields: Mapping[str, str] = field(default_factory=dict)
    inherited: Mapping[str, str] = field(default_factory=dict)
    implies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    names: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Carried(Spelt):
    """What a resource type's model carries."""

    kind: ResourceKind = field(kw_only=True)


@cache
def carried(type_name: str) -> Carried:
    """The keywords of a type's model. Raises KeyError for a type without a driver."""
    kind = kind_of(type_name)
    return Carried(*_spelt(kind.desired), kind=kind)


@cache
def shared() -> Spelt:
    """The keywords that every resource with a section has."""
    return Spelt(*_spelt(Common))


def _spelt(model: type[Model]) -> tuple[dict[str, str], dict[str, str], dict[str, tuple[str, ...]], frozenset[str]]:
    fields: dict[str, str] = {}
    inherited: dict[str, str] = {}
    implies: dict[str, tuple[str, ...]] = {}
    for name, keyword in keywords_of(model).items():
        if keyword.internal:
            continue
        implies.update((alias, keyword.implies) for alias in keyword.aliases if keyword.implies)
        for spelling in (name, *keyword.aliases):
            if keyword.inherit:
                inherited[spelling] = name
            if not (keyword.inherit and name in HEAD):
                fields[spelling] = name
    return fields, inherited, implies, frozenset(fields.values())


def own_keyword(spelling: str) -> str | None:
    """What a spelling means in the service's own section; None for nothing there. Each type is imported when it is asked, so those
    come first that pass on the most; where two pass on one spelling, it means the same."""
    found = HANDLED.get(spelling) or shared().inherited.get(spelling)
    passed_on = (carried(type_name).inherited.get(spelling) for type_name in reversed(TYPES))
    return found or next(filter(None, passed_on), None)


@cache
def own_keywords() -> Mapping[str, str]:
    """The keywords that the service's own section may hold, of all types: spelling -> name."""
    found = {**HANDLED, **shared().inherited}
    for type_name in TYPES:
        found.update(carried(type_name).inherited)
    return found


def spellings(rid: str, word: str = "") -> Mapping[str, str]:
    """What may stand in the section of a resource: spelling -> keyword. word: what `type` says. Empty where it has no driver."""
    return _spellings(resource_type(group_of(rid), word))


def plain(rid: str, word: str = "") -> frozenset[str]:
    """The keywords that may stand in the section of a resource, by their own names alone."""
    return _plain(resource_type(group_of(rid), word))


@cache
def _plain(type_name: str) -> frozenset[str]:
    return frozenset(spelling for spelling, name in _spellings(type_name).items() if spelling == name)


@cache
def _spellings(type_name: str) -> Mapping[str, str]:
    return {**{name: name for name in COMMON_HANDLED}, **shared().fields, **carried(type_name).fields} if type_name else {}


def why_not_in_resource(type_name: str, rid: str, name: str) -> str:
    """Why a keyword that is not carried cannot stand in a resource's section."""
    plain = name.partition("@")[0]
    mine, group = carried(type_name), group_of(rid)
    if group != type_name and plain not in mine.fields and plain in KNOWN.get(group, Known()).keywords:
        return f"keyword '{plain}' in {rid} does not go with type {said_type(group, type_name)}"
    for word, other in SECTIONS.get(group, {}).items():
        if other != type_name and plain in carried(other).fields and plain not in mine.fields:
            return f"keyword '{plain}' in {rid} goes with type {word}"
    if known_keyword(type_name, plain):
        return f"keyword '{plain}'{_now(plain)} in {rid} is not supported yet; leave it out"
    if plain in own_keywords() and plain not in mine.fields:
        return f"keyword '{plain}' in {rid} belongs in the service's own section"
    if plain in SERVICE:
        return f"keyword '{plain}' in {rid} belongs in the service's own section, where it is not supported yet; leave it out"
    owners = _owners(plain)
    if owners:
        return f"keyword '{plain}' in {rid} belongs to {owners}"
    close = meant(plain, [*mine.fields, *shared().fields, *COMMON_HANDLED]) or meant(plain, _all_known(type_name))
    return f"unknown keyword '{name}' in {rid}{close}"


def why_not_own(name: str, groups: Iterable[str]) -> str:
    """Why a keyword that is not carried cannot stand in the service's own section. groups: other words allowed there."""
    plain = name.partition("@")[0]
    own = own_keywords()
    if plain in shared().fields:
        why = ": a run may start or stop any part of a service" if _TRIGGER.fullmatch(plain) else ""
        return f"keyword '{plain}' belongs in the section of a resource{why}"
    if plain in SERVICE or plain in COMMON or _TRIGGER.fullmatch(plain):
        return f"keyword '{plain}'{_now(plain)} is not supported yet; leave it out"
    owners = _owners(plain)
    if owners:
        return f"keyword '{plain}' belongs in the section of a resource ({owners})"
    if "#" in plain and known_type(plain.partition("#")[0]):
        return f"'{plain}' belongs under 'resources:'"
    if plain == "services":
        return "'services' is a word of Compose; what a service of osvc runs stands under 'resources:' (docs/migration.md)"
    close = meant(plain, [*own, *groups]) or meant(plain, SERVICE)
    return f"unknown keyword '{name}' in the service's own section{close}"


def why_not_type(type_name: str, rid: str) -> str:
    """Why a section's type cannot be used."""
    for group, words in SECTIONS.items():
        if type_name in words:
            return f"'{rid}' is written as '{group}#{rid.partition('#')[2] or 1}' with 'type: {type_name}'"
    if known_type(type_name):
        return f"{rid}: the resource type '{type_name}' is not supported yet; leave this section out"
    return f"unknown resource type '{type_name}' in {rid}{meant(type_name, [*TYPES, *KNOWN])}"


def why_not_subtype(type_name: str, rid: str, word: str) -> str:
    """Why a `type = …` cannot be used."""
    types, supported = KNOWN.get(type_name, Known()).types, [*DRIVEN.get(type_name, ()), *SECTIONS.get(type_name, ())]
    if word in types:
        return f"{rid}: the type '{word}' is not supported yet; supported: {', '.join(supported)}"
    return f"{rid}: unknown type '{word}'{meant(word, [*types, *supported])}"


def _now(name: str) -> str:
    return f" (now '{OLDER[name]}')" if name in OLDER else ""


def _owners(name: str) -> str:
    """The types that have this keyword, as words."""
    owners = [type_name for type_name in TYPES if name in carried(type_name).fields]
    owners += [type_name for type_name, known in KNOWN.items() if name in known.keywords and type_name not in owners]
    return ", ".join(owners[:4])


def _all_known(type_name: str) -> list[str]:
    return [*sorted(KNOWN.get(type_name, Known()).keywords), *sorted(COMMON)]
