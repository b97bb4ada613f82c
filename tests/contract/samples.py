"""A value of each option of the table, for the tests of all of them. What the machine or the engine cannot do is told as that."""

from dataclasses import dataclass, field, replace
from typing import Any

DISK = "/dev/loop0"


@dataclass(frozen=True)
class Sample:
    """value: of the keyword, as a spec writes it. others: what has to be said with it.

    starts: whether a container with it can be started here. refused: what osvc or the engine says where it cannot be had here.
    client: what the docker client says that is newer than the engine, and does not give it to it.
    since: the engine (its first number) from which on neither is said any more; 0 for none.
    """

    value: Any
    others: dict[str, Any] = field(default_factory=dict)
    starts: bool = True
    refused: str = ""
    client: str = ""
    since: int = 0

    def on(self, engine: int) -> "Sample":
        """The sample as it is for this engine."""
        return replace(self, refused="", client="") if self.since and engine >= self.since else self


SAMPLES: dict[str, Sample] = {
    "entrypoint": Sample(["env"], {"command": "sleep 1000"}),
    "environment": Sample({"A": "b c", "EMPTY": ""}),
    "labels": Sample({"made.by": "a person"}),
    "user": Sample("33:33"),
    "group_add": Sample("44 45"),
    "workdir": Sample("/tmp"),
    "tty": Sample(True),
    "interactive": Sample(True),
    "init": Sample(True),
    "stop_signal": Sample("usr1"),
    "restart_policy": Sample("on-failure:2"),
    "volume_mounts": Sample(["/nameless", "named:/named", "/tmp:/here:ro"]),
    "mounts": Sample(
        [
            "type=tmpfs,target=/quick,tmpfs-size=1m,tmpfs-mode=0700",
            "type=volume,source=labelled,target=/labelled,volume-label=a=b,volume-nocopy,volume-driver=local",
            "type=bind,source=/tmp,target=/one,bind-nonrecursive,readonly",
        ]
    ),
    "tmpfs": Sample(["/run:size=1m,mode=1777", "/quick"]),
    "read_only": Sample(True),
    "shm_size": Sample("32m"),
    "storage_opt": Sample("size=10g", refused="storage-opt"),
    "network": Sample("none"),
    "ports": Sample(["127.0.0.1:8080:80", "53/udp", "127.0.0.1::81"], {"network": "bridge"}),
    "publish_all": Sample(True, {"network": "bridge"}),
    "expose": Sample(["80", "90-91/udp"]),
    "hostname": Sample("web1"),
    "domainname": Sample("example.org"),
    "mac_address": Sample("02:42:AC:11:00:63", {"network": "bridge"}, client="requires API version", since=25),
    "dns": Sample(["192.0.2.2", "192.0.2.1"]),
    "dns_options": Sample("ndots:2 timeout:1"),
    "dns_search": Sample("b.example a.example"),
    "extra_hosts": Sample(["db:192.0.2.7", "gate:host-gateway", "six:[2001:db8::1]"]),
    "privileged": Sample(True, starts=False),
    "cap_add": Sample("net_admin CAP_SYS_TIME"),
    "cap_drop": Sample("ALL"),
    "security_opt": Sample("no-new-privileges:true seccomp=unconfined"),
    "devices": Sample(["/dev/null:/dev/nothing:rw", "/dev/zero"]),
    "device_cgroup_rules": Sample(["c 1:3 rwm", "b 7:* r"]),
    "gpus": Sample("all", starts=False),
    "pidns": Sample("host"),
    "ipcns": Sample("host"),
    "utsns": Sample("host"),
    "userns": Sample("host"),
    "cgroupns": Sample("private"),
    "cgroup_parent": Sample("/osvc-sample"),
    "sysctl": Sample({"net.ipv4.ip_forward": 1, "kernel.msgmax": 65536}),
    "runtime": Sample("io.containerd.runc.v2"),
    "memory": Sample("64m"),
    "memory_swap": Sample("96m", {"memory": "64m"}),
    "memory_reservation": Sample("32m"),
    "memory_swappiness": Sample(0),
    "cpus": Sample(0.5),
    "cpu_shares": Sample(512),
    "cpu_period": Sample(50000),
    "cpu_quota": Sample(25000),
    "cpu_rt_period": Sample(1000000),
    "cpu_rt_runtime": Sample(950000, starts=False),
    "cpuset_cpus": Sample("0"),
    "cpuset_mems": Sample("0"),
    "pids_limit": Sample(50),
    "ulimits": Sample("nofile=1024:2048 core=0"),
    "oom_kill_disable": Sample(True, {"memory": "64m"}),
    "oom_score_adj": Sample(500),
    "blkio_weight": Sample(500, refused="did not take blkio_weight"),
    "blkio_weight_device": Sample(f"{DISK}:500", refused="did not take blkio_weight_device"),
    "device_read_bps": Sample(f"{DISK}:1m"),
    "device_read_iops": Sample(f"{DISK}:100"),
    "device_write_bps": Sample(f"{DISK}:1m"),
    "device_write_iops": Sample(f"{DISK}:100"),
    "health_cmd": Sample("test -e /bin/sh", {"health_interval": "1s"}),
    "health_interval": Sample("90s", {"health_cmd": "true"}, starts=False),
    "health_timeout": Sample("1500ms", {"health_cmd": "true", "health_interval": "1s"}),
    "health_retries": Sample(2, {"health_cmd": "true", "health_interval": "1s"}),
    "health_start_period": Sample("2s", {"health_cmd": "true", "health_interval": "1s"}),
    "health_start_interval": Sample(
        "500ms",
        {"health_cmd": "true", "health_interval": "1s"},
        refused="health_start_interval",
        client="requires API version",
        since=25,
    ),
    "log_driver": Sample("local"),
    "log_options": Sample({"max-size": "1m", "max-file": "2"}, {"log_driver": "json-file"}),
    "annotations": Sample({"a": "b"}, refused="annotations", client="requires API version", since=24),
}

NETWORKS = "it needs a network of the engine: tests/contract/test_networks.py"
NOT_CREATED = {
    "network_alias": NETWORKS,
    "ip": NETWORKS,
    "ip6": NETWORKS,
    "link_local_ip": NETWORKS,
    "name": "a container's name is its own",
    "platform": "it is about the image, before there is a container",
    "image_pull_policy": "it is about the image, before there is a container",
    "stop_timeout": "osvc says it at each stop",
    "env_file": "it is read with the spec, and its variables are those of environment",
    "label_file": "it is read with the spec, and its labels are those of labels",
    "detach": "it says what osvc waits for after the start",
    "rm": "it says what osvc does when the service is stopped",
}
"""The options of the table that are not tried by themselves, and why."""
