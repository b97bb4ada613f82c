"""A registry on loopback, for tests: one image, read-only, over HTTP. Run inside the engine's network namespace.

    python -m tests.contract.registry PORT ARCHIVE NAME:TAG [CERTIFICATE]

It serves the image of a docker-save archive under NAME:TAG. The blobs of a tag "slow" never end, those of a tag "trickle" take
ten seconds. With a file that holds a certificate and its key it speaks HTTPS.
"""

import contextlib
import gzip
import hashlib
import json
import ssl
import sys
import tarfile
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


def blobs_of(archive: str) -> tuple[bytes, dict[str, bytes]]:
    """The manifest of the archive's image, and its blobs by digest."""
    with tarfile.open(archive) as tar:

        def read(name: str) -> bytes:
            file = tar.extractfile(name)
            assert file is not None
            return file.read()

        entry = json.loads(read("manifest.json"))[0]
        config, layers = read(entry["Config"]), [gzip.compress(read(name), mtime=0) for name in entry["Layers"]]

    def described(data: bytes, kind: str) -> dict[str, object]:
        return {"mediaType": kind, "size": len(data), "digest": "sha256:" + hashlib.sha256(data).hexdigest()}

    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": described(config, "application/vnd.docker.container.image.v1+json"),
        "layers": [described(layer, "application/vnd.docker.image.rootfs.diff.tar.gzip") for layer in layers],
    }
    return json.dumps(manifest).encode(), {"sha256:" + hashlib.sha256(data).hexdigest(): data for data in (config, *layers)}


def serve(port: int, archive: str, ref: str, certificate: str = "") -> None:
    """Serve until ended. Says "ready" on standard output."""
    manifest, blobs = blobs_of(archive)
    name, _, tag = ref.rpartition(":")
    digest = "sha256:" + hashlib.sha256(manifest).hexdigest()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            if self.path == "/v2/":
                self.say(200, b"{}", "application/json")
            elif self.path in (f"/v2/{name}/manifests/{tag}", f"/v2/{name}/manifests/{digest}"):
                self.say(200, manifest, MANIFEST)
            elif (blob := blobs.get(self.path.rpartition("/")[2])) is not None:
                self.say(200, blob, "application/octet-stream", how=tag)
            else:
                body = {"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}
                self.say(404, json.dumps(body).encode(), "application/json")

        do_GET = do_HEAD = answer

        def say(self, status: int, body: bytes, kind: str, *, how: str = "") -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Docker-Content-Digest", "sha256:" + hashlib.sha256(body).hexdigest())
            self.end_headers()
            if self.command != "GET":
                return
            if how == "slow":
                self.wfile.write(body[: len(body) // 2])
                time.sleep(3600)
            elif how == "trickle":
                piece = len(body) // 100 + 1
                with contextlib.suppress(ConnectionError):  # who pulls may leave off
                    for at in range(0, len(body), piece):
                        self.wfile.write(body[at : at + piece])
                        time.sleep(0.1)
            else:
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        server.daemon_threads = True
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        print("ready", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    serve(int(sys.argv[1]), *sys.argv[2:])
