"""Image archives: which of the two kinds a tar is, and what a docker-save archive says that it holds."""

import json
from typing import IO

from reconciler.host.errors import Denied, HostError, NotFound, Permanent
from reconciler.host.text import first_line


def references(path: str) -> tuple[str, ...] | None:
    """The references in a docker-save archive (perhaps none), or None when the tar is a root filesystem.

    A docker-save archive has a `manifest.json` at its top; newer engines write an `index.json` (OCI) beside it or alone.
    Compressed archives are read too. Raises NotFound, Denied, Permanent.
    """
    import tarfile

    try:
        with tarfile.open(path, "r:*") as tar:
            oci = False
            for member in tar:
                name = member.name.removeprefix("./")
                if name == "manifest.json" and member.isfile():
                    file = tar.extractfile(member)
                    return _named(file.read()) if file is not None else ()
                oci = oci or name == "oci-layout"
            return () if oci else None
    except tarfile.TarError as error:
        raise Permanent(f"{path} is not an image archive: {first_line(str(error))}") from error
    except (ValueError, KeyError, TypeError, EOFError) as error:
        raise Permanent(f"{path} is damaged: {error}") from error
    except OSError as error:
        raise _unreadable(path, error) from error


def open_archive(path: str) -> IO[bytes]:
    """The archive's bytes, as they are. Raises NotFound, Denied, Permanent."""
    try:
        return open(path, "rb")
    except OSError as error:
        raise _unreadable(path, error) from error


def with_tag(ref: str) -> str:
    """A reference with its tag written out: "busybox" is "busybox:latest"."""
    return ref if ":" in ref.rpartition("/")[2] else f"{ref}:latest"


def _named(manifest: bytes) -> tuple[str, ...]:
    return tuple(str(ref) for image in json.loads(manifest) for ref in image.get("RepoTags") or ())


def _unreadable(path: str, error: OSError) -> HostError:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return NotFound(f"there is no archive {path}")
    if isinstance(error, PermissionError):
        return Denied(f"not permitted to read the archive {path}")
    return Permanent(f"cannot read the archive {path}: {error.strerror or error}")
