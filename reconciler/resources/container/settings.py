"""Settings: what a container is created with. The one table of it: how a spec says it, what a difference costs, where it stands
for `docker run` and in the engine's records.

The desired state and what is seen of a container both have these fields: with checks in the one, as they are in the other.
An empty value means: as the image, or the engine, has it.
"""

from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import Field, create_model

from reconciler.core.model import Model
from reconciler.core.rules import Impact, Keyword, Rule, same_set
from reconciler.core.tags import Labels
from reconciler.core.values import Flag, Pairs, Seconds, Words
from reconciler.resources.container import forms
from reconciler.resources.container.devices import DEVICES, GPUS
from reconciler.resources.container.health import CHECK
from reconciler.resources.container.limits import RATES, ULIMITS, WEIGHTS
from reconciler.resources.container.mounts import TMPFS
from reconciler.resources.container.option import NUMBER, PAIRS, SWITCH, TEXT, TEXTS, TIME, Option, default_of
from reconciler.resources.container.rights import CAPABILITIES, SECURITY

LIVE: Final = Rule(Impact.LIVE)
REPLACE: Final = Rule(Impact.REPLACE)
ANY_ORDER: Final = Rule(Impact.REPLACE, same_set)
ASKED: Final = Rule(Impact.REPLACE, asked=True)
"""For what engines fill in by themselves, each as it is configured."""

NO_LIMIT: Final = 1 << 50
"""The engine cannot take a limit of memory away from a container, only set another: this much and more counts as none."""


def _host(name: str, shape: Any, **more: Any) -> Option:
    """An option of the half of the record that is about the host."""
    return Option(f"HostConfig.{name}", shape, **more)


class Settings(Model):
    """What a spec may say that a container is created with."""

    image: Annotated[forms.Image, REPLACE, Keyword(aliases=("run_image",), implies=("tty", "interactive"))] = Field(
        description="The image to run: a name with tag or digest, or an image's id."
    )
    platform: Annotated[forms.Platform, REPLACE, Option("", TEXT)] = Field(
        "", description="The platform of the image, such as linux/arm64; by default the engine's."
    )
    command: Annotated[Words, REPLACE, Keyword(aliases=("run_command",), implies=("tty", "interactive"))] = Field(
        (), description="The command and its words, in place of the image's own."
    )
    entrypoint: Annotated[Words, REPLACE, Option("", TEXT)] = Field(
        (), description='The entry point, in place of the image\'s own; a list with one empty word ([""]) clears it.'
    )
    environment: Annotated[forms.Environment, REPLACE, Option("", PAIRS, flag="env", letter="e")] = Field(
        default_factory=dict,
        repr=False,
        description="Environment variables, on top of the image's; secret-looking values stay hidden.",
    )
    labels: Annotated[Labels, REPLACE, Option("", PAIRS, flag="label", letter="l")] = Field(
        default_factory=dict, description="Labels of the container."
    )
    user: Annotated[forms.User, REPLACE, Option("User", TEXT, letter="u", image=True)] = Field(
        "", description="The user that runs the command, and :group."
    )
    group_add: Annotated[forms.Groups, ANY_ORDER, _host("GroupAdd", TEXTS)] = Field(
        (), description="More groups of the user that runs the command."
    )
    workdir: Annotated[forms.Folder, REPLACE, Keyword(aliases=("cwd",)), Option("WorkingDir", TEXT, letter="w", image=True)] = (
        Field("", description="The working folder inside the container.")
    )
    tty: Annotated[Flag, REPLACE, Option("Tty", SWITCH, letter="t")] = Field(
        False, description="Give the command a terminal; run_image and run_command imply it."
    )
    interactive: Annotated[Flag, REPLACE, Option("OpenStdin", SWITCH, letter="i")] = Field(
        False, description="Keep the command's standard input open; run_image and run_command imply it."
    )
    init: Annotated[Flag, REPLACE, _host("Init", SWITCH)] = Field(
        False, description="Run an init as the first process, which takes in orphans and passes signals on."
    )
    stop_signal: Annotated[forms.Signal, ASKED, Option("StopSignal", TEXT, image=True)] = Field(
        "", description="The signal that asks the command to end."
    )
    restart_policy: Annotated[forms.Restart, LIVE, Option("", TEXT, flag="restart")] = Field(
        "no", description="What the engine does when the command ends: no, always, on-failure[:N] or unless-stopped."
    )

    # Storage

    volume_mounts: Annotated[
        forms.Volumes, ANY_ORDER, Keyword(refers=("volume",)), Option("", TEXTS, flag="volume", letter="v")
    ] = Field(
        (),
        description="Mounts, each SOURCE:TARGET[:ro]; the source is a path that exists, volume#… of this service, or the name "
        "of a volume of the engine. TARGET alone is a volume without a name.",
    )
    mounts: Annotated[forms.Mounts, ANY_ORDER, Keyword(refers=("volume",)), Option("", TEXTS, flag="mount")] = Field(
        (), description="Mounts of any type, each as docker run --mount has it: type=…,source=…,target=…,readonly."
    )
    tmpfs: Annotated[forms.Tmpfs, ANY_ORDER, _host("Tmpfs", TMPFS)] = Field(
        (), description="Filesystems in memory, each PATH[:OPTIONS]."
    )
    read_only: Annotated[Flag, REPLACE, _host("ReadonlyRootfs", SWITCH)] = Field(
        False, description="Mount the container's root read-only."
    )
    shm_size: Annotated[forms.Bytes, ASKED, _host("ShmSize", NUMBER)] = Field(
        0, description="The size of /dev/shm, such as 128m; 0 is as the engine has it."
    )
    storage_opt: Annotated[Pairs, REPLACE, _host("StorageOpt", PAIRS)] = Field(
        default_factory=dict, description="Options of the engine's storage driver, such as size=10g."
    )

    # Network

    network: Annotated[forms.Network, REPLACE, Keyword(aliases=("netns", "net"), refers=("network",)), Option("", TEXT)] = Field(
        "bridge", description="The network: bridge, host, none, network#… of this service, or the name of one of the engine."
    )
    network_alias: Annotated[forms.Texts, ANY_ORDER, Option("", TEXTS)] = Field(
        (), description="More names of the container on its network; not for bridge, host and none."
    )
    ip: Annotated[forms.Address, REPLACE, Option("", TEXT)] = Field(
        "", description="Its IPv4 address on its network; not for bridge, host and none."
    )
    ip6: Annotated[forms.Address, REPLACE, Option("", TEXT)] = Field(
        "", description="Its IPv6 address on its network; not for bridge, host and none."
    )
    link_local_ip: Annotated[forms.Addresses, ANY_ORDER, Option("", TEXTS)] = Field(
        (), description="Its link-local addresses on its network; not for bridge, host and none."
    )
    ports: Annotated[forms.Ports, ANY_ORDER, Option("", TEXTS, flag="publish", letter="p")] = Field(
        (),
        description="Published ports, each [IP:]HOST:CONTAINER[/protocol]; ranges are allowed. In a service's own engine the "
        "container sees the bridge's address instead of its clients', unless client_address says otherwise.",
    )
    publish_all: Annotated[Flag, REPLACE, _host("PublishAllPorts", SWITCH, letter="P")] = Field(
        False, description="Publish every exposed port on a free port of the host."
    )
    expose: Annotated[forms.Exposed, ANY_ORDER, Option("", TEXTS)] = Field(
        (), description="Ports that the container listens on, beside those that the image names or that are published."
    )
    hostname: Annotated[forms.Hostname, REPLACE, Option("", TEXT, letter="h")] = Field(
        "", description="The host name inside the container."
    )
    domainname: Annotated[forms.Hostname, REPLACE, Option("Domainname", TEXT)] = Field(
        "", description="The domain name inside the container."
    )
    mac_address: Annotated[forms.Mac, ASKED, Option("MacAddress", TEXT)] = Field(
        "", description="The address of the container's network interface, such as 02:42:ac:11:00:63."
    )
    dns: Annotated[forms.Addresses, REPLACE, _host("Dns", TEXTS)] = Field(
        (), description="The name servers, in the order that they are asked in."
    )
    dns_options: Annotated[forms.Texts, REPLACE, _host("DnsOptions", TEXTS, flag="dns-option")] = Field(
        (), description="Options of the resolver, such as ndots:2."
    )
    dns_search: Annotated[forms.Texts, REPLACE, _host("DnsSearch", TEXTS)] = Field(
        (), description="The domains that short names are looked for in; . is none."
    )
    extra_hosts: Annotated[forms.Hosts, ANY_ORDER, _host("ExtraHosts", TEXTS, flag="add-host")] = Field(
        (), description="Lines for /etc/hosts, each NAME:ADDRESS; host-gateway is the host's own address."
    )

    # Rights

    privileged: Annotated[Flag, REPLACE, _host("Privileged", SWITCH)] = Field(
        False, description="Give the container all rights over the machine."
    )
    cap_add: Annotated[forms.Capabilities, ANY_ORDER, _host("CapAdd", CAPABILITIES)] = Field(
        (), description="Capabilities beyond the engine's own set, such as NET_ADMIN; ALL is every one."
    )
    cap_drop: Annotated[forms.Capabilities, ANY_ORDER, _host("CapDrop", CAPABILITIES)] = Field(
        (), description="Capabilities that are taken away; ALL is every one."
    )
    security_opt: Annotated[forms.Security, ANY_ORDER, _host("SecurityOpt", SECURITY)] = Field(
        (), description="Security options: no-new-privileges, apparmor=…, label=…, seccomp=unconfined."
    )
    devices: Annotated[forms.Devices, ANY_ORDER, _host("Devices", DEVICES, flag="device")] = Field(
        (), description="Devices of the host, each HOST[:CONTAINER][:rwm]."
    )
    device_cgroup_rules: Annotated[forms.CgroupRules, ANY_ORDER, _host("DeviceCgroupRules", TEXTS, flag="device-cgroup-rule")] = (
        Field((), description="Rights on devices by number, each such as 'c 1:3 rwm'; quote them.")
    )
    gpus: Annotated[forms.Gpus, REPLACE, _host("DeviceRequests", GPUS)] = Field(
        "", description="GPUs: all, a number, or as docker run --gpus has it."
    )
    pidns: Annotated[forms.Namespace, REPLACE, _host("PidMode", TEXT, flag="pid")] = Field(
        "", description="The processes that it sees: its own, or host."
    )
    ipcns: Annotated[forms.Ipc, ASKED, _host("IpcMode", TEXT, flag="ipc")] = Field(
        "", description="Shared memory and semaphores: private, shareable, none or host."
    )
    utsns: Annotated[forms.Namespace, REPLACE, _host("UTSMode", TEXT, flag="uts")] = Field(
        "", description="The host name: its own, or host."
    )
    userns: Annotated[forms.Namespace, REPLACE, _host("UsernsMode", TEXT)] = Field(
        "", description="The users: as the engine maps them, or host."
    )
    cgroupns: Annotated[forms.Cgroupns, ASKED, _host("CgroupnsMode", TEXT)] = Field(
        "", description="The control groups that it sees: private or host."
    )
    cgroup_parent: Annotated[forms.CgroupParent, REPLACE, _host("CgroupParent", TEXT)] = Field(
        "", description="The control group that the container's own is in."
    )
    sysctl: Annotated[Pairs, REPLACE, _host("Sysctls", PAIRS)] = Field(
        default_factory=dict, description="Settings of the kernel inside the container, such as net.core.somaxconn=1024."
    )
    runtime: Annotated[forms.Word, ASKED, _host("Runtime", TEXT)] = Field("", description="The runtime of the engine that runs it.")

    # Limits

    memory: Annotated[forms.Memory, LIVE, Option("", TEXT, letter="m")] = Field(
        0, description="The limit of memory, such as 64m; 0 is none."
    )
    memory_swap: Annotated[forms.Swap, Rule(Impact.LIVE, forms.same_swap), Option("", TEXT)] = Field(
        0, description="The limit of memory and swap together; 0 is twice that of memory, -1 is none."
    )
    memory_reservation: Annotated[forms.Memory, REPLACE, _host("MemoryReservation", NUMBER)] = Field(
        0, description="The memory that it is held to when the machine runs short, such as 32m; 0 is none."
    )
    memory_swappiness: Annotated[forms.Swappiness, REPLACE, _host("MemorySwappiness", NUMBER)] = Field(
        -1, description="How readily its memory is swapped out, from 0 to 100; -1 is as the kernel has it."
    )
    cpus: Annotated[forms.Cpus, LIVE, Option("", TEXT)] = Field(0.0, description="The limit of processors, such as 0.5; 0 is none.")
    cpu_shares: Annotated[forms.Shares, LIVE, _host("CpuShares", NUMBER, letter="c", lifted=1024)] = Field(
        0, description="Its weight when processors run short; 0 is the usual one, 1024."
    )
    cpu_period: Annotated[forms.Microseconds, REPLACE, _host("CpuPeriod", NUMBER)] = Field(
        0, description="The period that cpu_quota is counted in, in microseconds."
    )
    cpu_quota: Annotated[forms.Microseconds, REPLACE, _host("CpuQuota", NUMBER)] = Field(
        0, description="The time of processors that it gets in each period, in microseconds."
    )
    cpu_rt_period: Annotated[forms.Microseconds, REPLACE, _host("CpuRealtimePeriod", NUMBER)] = Field(
        0, description="The period of the realtime scheduler, in microseconds."
    )
    cpu_rt_runtime: Annotated[forms.Microseconds, REPLACE, _host("CpuRealtimeRuntime", NUMBER)] = Field(
        0, description="The time that it may run at realtime priority in each period, in microseconds."
    )
    cpuset_cpus: Annotated[forms.CpuSet, REPLACE, _host("CpusetCpus", TEXT)] = Field(
        "", description="The processors that it may run on, such as 0-1,3."
    )
    cpuset_mems: Annotated[forms.CpuSet, REPLACE, _host("CpusetMems", TEXT)] = Field(
        "", description="The memory nodes that it may use, such as 0."
    )
    pids_limit: Annotated[forms.Pids, LIVE, _host("PidsLimit", NUMBER, lifted=-1)] = Field(
        0, description="How many processes it may have; 0 is no limit."
    )
    ulimits: Annotated[forms.Ulimits, ASKED, _host("Ulimits", ULIMITS, flag="ulimit")] = Field(
        default_factory=dict, description="Limits of each process, each NAME=SOFT[:HARD]."
    )
    oom_kill_disable: Annotated[Flag, REPLACE, _host("OomKillDisable", SWITCH)] = Field(
        False, description="Have it wait instead of being killed when it reaches its limit of memory."
    )
    oom_score_adj: Annotated[forms.OomScore, REPLACE, _host("OomScoreAdj", NUMBER)] = Field(
        0, description="How readily it is killed when the machine runs out of memory, from -1000 to 1000."
    )
    blkio_weight: Annotated[forms.BlkioWeight, REPLACE, _host("BlkioWeight", NUMBER)] = Field(
        0, description="Its weight when disks are busy, from 10 to 1000; 0 is the usual one."
    )
    blkio_weight_device: Annotated[forms.Weights, ANY_ORDER, _host("BlkioWeightDevice", WEIGHTS)] = Field(
        (), description="Its weight on single disks, each DEVICE:WEIGHT."
    )
    device_read_bps: Annotated[forms.ByteRates, ANY_ORDER, _host("BlkioDeviceReadBps", RATES)] = Field(
        (), description="Limits of reading, each DEVICE:BYTES a second."
    )
    device_read_iops: Annotated[forms.Rates, ANY_ORDER, _host("BlkioDeviceReadIOps", RATES)] = Field(
        (), description="Limits of reading, each DEVICE:OPERATIONS a second."
    )
    device_write_bps: Annotated[forms.ByteRates, ANY_ORDER, _host("BlkioDeviceWriteBps", RATES)] = Field(
        (), description="Limits of writing, each DEVICE:BYTES a second."
    )
    device_write_iops: Annotated[forms.Rates, ANY_ORDER, _host("BlkioDeviceWriteIOps", RATES)] = Field(
        (), description="Limits of writing, each DEVICE:OPERATIONS a second."
    )

    # Health, output

    health_cmd: Annotated[forms.HealthCheck, REPLACE, Option("Healthcheck.Test", CHECK, image=True)] = Field(
        "", description="The health check, a command of the container's shell; NONE switches the image's own off."
    )
    health_interval: Annotated[Seconds, REPLACE, Option("Healthcheck.Interval", TIME, image=True)] = Field(
        0.0, ge=0, description="The time between two health checks; 0 is as the image or the engine has it (30s)."
    )
    health_timeout: Annotated[Seconds, REPLACE, Option("Healthcheck.Timeout", TIME, image=True)] = Field(
        0.0, ge=0, description="The time that a health check may take; 0 is as the image or the engine has it (30s)."
    )
    health_retries: Annotated[forms.Count, REPLACE, Option("Healthcheck.Retries", NUMBER, image=True)] = Field(
        0, description="How many health checks in a row have to fail; 0 is as the image or the engine has it (3)."
    )
    health_start_period: Annotated[Seconds, REPLACE, Option("Healthcheck.StartPeriod", TIME, image=True)] = Field(
        0.0, ge=0, description="The time after a start in which failed health checks do not count."
    )
    health_start_interval: Annotated[Seconds, REPLACE, Option("Healthcheck.StartInterval", TIME, image=True)] = Field(
        0.0, ge=0, description="The time between two health checks in the start period; needs a newer engine (25)."
    )
    log_driver: Annotated[forms.Word, ASKED, _host("LogConfig.Type", TEXT)] = Field(
        "", description="Where the output goes, such as journald or local."
    )
    log_options: Annotated[Pairs, ASKED, _host("LogConfig.Config", PAIRS, flag="log-opt")] = Field(
        default_factory=dict, description="Options of the log driver, such as max-size=10m."
    )
    annotations: Annotated[Pairs, REPLACE, _host("Annotations", PAIRS, flag="annotation")] = Field(
        default_factory=dict, description="Notes for the runtime, NAME=VALUE; needs a newer engine (24)."
    )


if TYPE_CHECKING:

    class SeenSettings(Settings):
        """The same fields without the checks: what is seen is taken as it is."""

else:
    SeenSettings = create_model(
        "SeenSettings",
        __base__=Model,
        **{
            name: (field.annotation, Field("" if field.is_required() else default_of(field), repr=field.repr))
            for name, field in Settings.model_fields.items()
        },
    )
