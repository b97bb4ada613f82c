"""The demo image: a deterministic docker-save archive, made from Debian's busybox-static without a registry or an engine.

    python tools/make_image.py OUT TAG [REVISION]

The same busybox, revision and tag give the same bytes, so that the image's id is known before any engine has seen it.
Tests and the demo use it; `reconciler` does not.
"""

import argparse
import gzip
import hashlib
import io
import json
import os
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

BUSYBOX = "/bin/busybox"
"""From the Debian package busybox-static; a dynamically linked one would not run in an empty tree."""

_LINKS = """
ash awk base64 basename cat chmod chown cp cut date dd df dirname du echo env expr false find free grep head
hostname httpd id ifconfig ip kill ln ls md5sum mkdir mkfifo mktemp mount mv nc netstat nproc od pidof ping
printf ps pwd readlink realpath rm rmdir route sed seq setsid sh sha256sum sleep sort stat stty sync tail tar
tee test timeout top touch tr true tty umount uname uniq usleep vi wc wget which whoami xargs yes
"""
APPLETS = tuple(_LINKS.split())

MACHINES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386", "ppc64le": "ppc64le", "s390x": "s390x"}

FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nwww:x:33:33:www:/var/www:/bin/false\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    "etc/group": "root:x:0:\nwww:x:33:\nnogroup:x:65534:\n",
}
FOLDERS = {"bin": 0o755, "etc": 0o755, "root": 0o700, "tmp": 0o1777, "var": 0o755, "var/www": 0o755}


@dataclass(frozen=True, slots=True)
class Image:
    """id: "sha256:…", as the engine will name it. config: the image's configuration, whose digest is the id."""

    id: str
    config: bytes
    layer: bytes


def _member(name: str, mode: int, size: int = 0) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.mode, info.size, info.mtime = mode, size, 0
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    return info


def build_layer(busybox: str = BUSYBOX) -> bytes:
    """The root filesystem as a tar: busybox, its links, a few files. Raises OSError when busybox cannot be read."""
    program = Path(busybox).read_bytes()
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, mode in sorted(FOLDERS.items()):
            info = _member(name, mode)
            info.type = tarfile.DIRTYPE
            tar.addfile(info)
        tar.addfile(_member("bin/busybox", 0o755, len(program)), io.BytesIO(program))
        for applet in APPLETS:
            info = _member(f"bin/{applet}", 0o777)
            info.type, info.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(info)
        for name, text in sorted(FILES.items()):
            data = text.encode()
            tar.addfile(_member(name, 0o644, len(data)), io.BytesIO(data))
    return out.getvalue()


def build_image(revision: int = 1, busybox: str = BUSYBOX) -> Image:
    """The image in memory. Another revision has another id: an environment variable and a label carry it.

    StopSignal is SIGKILL: the first process of a container ignores TERM unless it handles it, and `sleep` does not; each stop
    would take the whole grace time.
    """
    layer = build_layer(busybox)
    config = {
        "architecture": MACHINES.get(os.uname().machine, os.uname().machine),
        "os": "linux",
        "created": "1970-01-01T00:00:00Z",
        "config": {
            "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", f"DEMO_REVISION={revision}"],
            "Cmd": ["sh"],
            "WorkingDir": "/",
            "Labels": {"osvc.demo.revision": str(revision)},
            "StopSignal": "SIGKILL",
        },
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]},
        "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "tools/make_image.py"}],
    }
    text = json.dumps(config, sort_keys=True, separators=(",", ":")).encode()
    return Image("sha256:" + hashlib.sha256(text).hexdigest(), text, layer)


def image_id(revision: int = 1, busybox: str = BUSYBOX) -> str:
    """The id that the engine will give to the image, without writing it."""
    return build_image(revision, busybox).id


def write_image(path: str | os.PathLike[str], tag: str, *, revision: int = 1, busybox: str = BUSYBOX) -> str:
    """Write the docker-save archive of the demo image. Its id.

    tag: the reference that `docker load` gives it ("osvc/demo:1"). A path that ends in ".gz" is compressed.
    """
    image = build_image(revision, busybox)
    config, layer = f"{image.id.removeprefix('sha256:')}.json", f"{hashlib.sha256(image.layer).hexdigest()}/layer.tar"
    reference = tag if ":" in tag.rpartition("/")[2] else f"{tag}:latest"
    manifest = json.dumps([{"Config": config, "RepoTags": [reference], "Layers": [layer]}]).encode()
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in (("manifest.json", manifest), (config, image.config), (layer, image.layer)):
            tar.addfile(_member(name, 0o644, len(data)), io.BytesIO(data))
    target = Path(path)
    target.write_bytes(gzip.compress(out.getvalue(), mtime=0) if target.suffix == ".gz" else out.getvalue())
    return image.id


def write_rootfs(path: str | os.PathLike[str], *, busybox: str = BUSYBOX) -> None:
    """Write the bare root filesystem as a tar, for what imports one. An import has no configuration and another id each time."""
    Path(path).write_bytes(build_layer(busybox))


def main(argv: list[str] | None = None) -> int:
    """Write the archive and print the image's id."""
    parser = argparse.ArgumentParser(description="write the demo image as a docker-save archive", allow_abbrev=False)
    parser.add_argument("out", metavar="OUT", help="the archive to write; compressed when it ends in .gz")
    parser.add_argument("tag", metavar="TAG", help="its reference, for example osvc/demo:1")
    parser.add_argument("revision", metavar="REVISION", type=int, nargs="?", default=1, help="another one has another id")
    parser.add_argument("--rootfs", action="store_true", help="write the bare root filesystem instead, without a tag")
    options = parser.parse_args(argv)
    try:
        if options.rootfs:
            write_rootfs(options.out)
        else:
            print(write_image(options.out, options.tag, revision=options.revision))
    except OSError as error:
        print(f"error: cannot write the image: {error} (is the package busybox-static installed?)", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
