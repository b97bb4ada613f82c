"""The ladder: what a change of each field may cost whoever runs the service. A step down this ladder is a promise broken: it is
made here on purpose, or not at all."""

import pytest

from reconciler.core.rules import Impact, rules_of
from reconciler.resources.dockerd.options import same_words
from reconciler.resources.registry import TYPES, kind_of

LADDER = {
    "ip": {
        Impact.NONE: "address",
        Impact.REPLACE: "name dev netmask label",
    },
    "vg": {
        Impact.NONE: "pvs options provision keep_tags tag uuid",
        Impact.LIVE: "others inactive",
        Impact.REFUSE: "name",
    },
    "lv": {
        Impact.NONE: "size create_options provision keep_tags tag",
        Impact.REFUSE: "name vg",
    },
    "loop": {
        Impact.NONE: "provision",
        Impact.REPLACE: "file",
        Impact.REFUSE: "size",
    },
    "raw": {
        Impact.NONE: "devs",
    },
    "fs": {
        Impact.NONE: "stat_timeout kill_grace provision mkfs_opt size",
        Impact.LIVE: "mnt_opt",
        Impact.REPLACE: "dev mnt mount_only",
        Impact.REFUSE: "type",
    },
    "directory": {
        Impact.LIVE: "user group perm",
        Impact.REPLACE: "path",
    },
    "flag": {
        Impact.REPLACE: "path",
    },
    "dockerd": {
        Impact.NONE: "docker_daemon_private service private run_dir tag subnet_pool systemd",
        Impact.LIVE: "docker_socket_group socket_mode folder_group folder_mode "
        "subnet settings loaded containerd bridge_up rules forwarding",
        Impact.RESTART: "docker_daemon_args boot_settings data_root_in_place bridge_there",
        Impact.REFUSE: "container_data_dir",
    },
    "network": {
        Impact.NONE: "parent container_data_dir docker_daemon_private called socket service rid private bridge chain",
        Impact.LIVE: "rules",
        Impact.REPLACE: "driver subnet gateway ip_range aux_addresses internal ipv6 options labels",
    },
    "volume": {
        Impact.NONE: "container_data_dir docker_daemon_private called socket service rid private",
        Impact.REFUSE: "driver options labels",
    },
    "container": {
        Impact.NONE: "start_timeout stop_timeout pull_timeout image_pull_policy image_archive run_args "
        "container_data_dir docker_daemon_private "
        "socket service rid private chain env_file label_file detach rm registry_creds replace client_address",
        Impact.LIVE: "restart_policy memory memory_swap cpus cpu_shares pids_limit name leftovers rules",
        Impact.RESTART: "health",
        Impact.REPLACE: "image platform command entrypoint environment volume_mounts ports network user hostname workdir tty "
        "interactive "
        "privileged read_only labels group_add init stop_signal mounts tmpfs shm_size storage_opt publish_all expose domainname "
        "network_alias ip ip6 link_local_ip "
        "mac_address dns dns_options dns_search extra_hosts cap_add cap_drop security_opt devices device_cgroup_rules gpus pidns "
        "ipcns utsns userns cgroupns cgroup_parent sysctl runtime "
        "memory_reservation memory_swappiness cpu_period cpu_quota cpu_rt_period "
        "cpu_rt_runtime cpuset_cpus cpuset_mems ulimits oom_kill_disable oom_score_adj blkio_weight blkio_weight_device "
        "device_read_bps device_read_iops device_write_bps device_write_iops health_cmd health_interval health_timeout "
        "health_retries health_start_period health_start_interval log_driver log_options annotations",
    },
    "app": {
        Impact.NONE: "script stop check info retcodes timeout start_timeout stop_timeout check_timeout kill order service rid "
        "run_dir cgroup",
        Impact.RESTART: "type start user group cwd umask environment limit_as limit_core limit_cpu limit_data limit_fsize "
        "limit_memlock limit_nofile limit_nproc limit_rss limit_stack",
    },
}
UNORDERED = {
    "ip": "",
    "vg": "others inactive",
    "lv": "",
    "loop": "",
    "raw": "",
    "fs": "mnt_opt mount_only",
    "directory": "",
    "flag": "",
    "dockerd": "rules",
    "network": "subnet gateway ip_range rules",
    "volume": "",
    "container": "volume_mounts mounts tmpfs network_alias link_local_ip ports expose extra_hosts "
    "leftovers rules cap_add cap_drop security_opt group_add devices device_cgroup_rules blkio_weight_device "
    "device_read_bps device_read_iops device_write_bps device_write_iops",
    "app": "",
}
"""The fields whose members count, and not their order."""


def test_every_type_is_on_the_ladder():
    assert set(LADDER) == set(TYPES)


@pytest.mark.parametrize("name", LADDER)
def test_a_field_costs_what_was_promised(name):
    found: dict[Impact, set[str]] = {}
    for field, rule in rules_of(kind_of(name).desired).items():
        found.setdefault(rule.impact, set()).add(field)
    assert found == {impact: set(fields.split()) for impact, fields in LADDER[name].items()}


@pytest.mark.parametrize("name", LADDER)
def test_the_order_of_members_counts_where_it_means_something(name):
    rules = rules_of(kind_of(name).desired)
    unordered = {field for field, rule in rules.items() if rule.compare(("--a", "--b"), ("--b", "--a"))}
    assert unordered == set(UNORDERED[name].split())


def test_daemon_arguments_that_cannot_be_read_are_the_same_word_for_word_only():
    unread = ("--debug=perhaps",)
    assert same_words(unread, unread) and not same_words(unread, ("--debug=never",))
    compare = rules_of(kind_of("dockerd").desired)["docker_daemon_args"].compare
    assert compare((), ("--debug",)), "a SIGHUP reloads it"
