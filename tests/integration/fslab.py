"""A folder for filesystems of a test's own: images, mounts, loop devices and processes in it, all gone afterwards."""

import contextlib
import ctypes
import os
import select
import shutil
import struct
import subprocess
import sys
import tempfile
import time

from reconciler.core.node import Node
from reconciler.host.linux.host import linux_host

SIZES = {"xfs": 320 << 20, "btrfs": 128 << 20}


@contextlib.contextmanager
def workplace():
    """A folder; what is mounted below it is unmounted in the end, and nothing else."""
    made = tempfile.mkdtemp(prefix="o-", dir="/tmp")
    try:
        yield made
    finally:
        for target in sorted(mounted_below(made), reverse=True):
            subprocess.run(["umount", "--", target], check=False)
        left = mounted_below(made)
        if not left:
            shutil.rmtree(made)
        assert left == []


def mounted_below(folder):
    return [mount.target for mount in linux_host(Node()).mounts.table() if mount.target.startswith(folder + "/")]


def image(folder, name="x.img", kind="ext4"):
    """A backing file; kind: "" for one that holds nothing."""
    path = f"{folder}/{name}"
    with open(path, "wb") as stream:
        stream.truncate(SIZES.get(kind, 16 << 20))
    if kind:
        subprocess.run([f"mkfs.{kind}", "-q", path], check=True)
    return path


@contextlib.contextmanager
def loop_device(path):
    """A loop device on a file, made by hand."""
    loop = subprocess.run(["losetup", "-f", "--show", path], capture_output=True, text=True, check=True).stdout.strip()
    try:
        yield loop
    finally:
        subprocess.run(["losetup", "-d", loop], check=True)


def gone(path):
    """A loop device lets go of its file a moment after the unmount."""
    for _ in range(100):
        if not subprocess.run(["losetup", "-j", path], capture_output=True, text=True, check=True).stdout:
            return True
        time.sleep(0.05)
    return False


@contextlib.contextmanager
def process(words, path):
    """A process that does something with a path, says so, and waits; killed in the end if it still lives."""
    program = f"import os, signal, sys, time; path = sys.argv[1]; {words}; print(1, flush=True); time.sleep(600)"
    child = subprocess.Popen([sys.executable, "-S", "-c", program, path], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
    try:
        assert child.stdout.readline() == b"1\n"
        yield child
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


@contextlib.contextmanager
def mute_filesystem(point, user=0):
    """A mount of FUSE whose server greets the kernel, and answers nothing after that. user: whom alone the kernel lets in."""
    libc = ctypes.CDLL(None, use_errno=True)
    device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    try:
        words = f"fd={device},rootmode=40000,user_id={user},group_id=0".encode()
        assert libc.mount(b"mute", point.encode(), b"fuse.mute", 0, words) == 0, os.strerror(ctypes.get_errno())
        try:
            assert select.select([device], [], [], 5)[0], "the kernel greets whoever serves"
            _, opcode, unique = struct.unpack_from("<IIQ", os.read(device, 1 << 17))
            assert opcode == 26
            body = struct.pack("<IIIIHHIIHHI7I", 7, 31, 4096, 0, 12, 9, 4096, 1, 0, 0, 0, *(0,) * 7)
            os.write(device, struct.pack("<IiQ", 16 + len(body), 0, unique) + body)
            yield
        finally:
            assert libc.umount2(point.encode(), 2) == 0, os.strerror(ctypes.get_errno())
    finally:
        os.close(device)
