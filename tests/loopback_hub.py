"""A server on 127.0.0.1 that publishes files as the Hugging Face hub does, and breaks on demand."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import yaml

COMMIT = "0123abc"
BLOCK = 1 << 16


@dataclass
class Hub:
    """What the server publishes, how it misbehaves, and what it was asked."""

    content: bytes
    cuts: list[int] = field(default_factory=list)  # bytes of each answer until it breaks
    status: int = 0  # answer this to everything
    has_ranges: bool = True
    stalls_at: int | None = None  # bytes of the first answer, then silence
    url: str = ""
    ranges: list[str | None] = field(default_factory=list)  # asked for, in order
    served: int = 0
    released: threading.Event = field(default_factory=threading.Event)

    def entry(self, **changes: object) -> dict:
        """The entry of weights.yaml for the published file."""
        return {
            "source": f"{self.url}/someone/something",
            "revision": COMMIT,
            "licence": "MIT",
            "file": "model.safetensors",
            "sha256": hashlib.sha256(self.content).hexdigest(),
            "bytes": len(self.content),
        } | changes


def write_entries(resources: Path, **entries: dict) -> Path:
    """Write weights.yaml and return its folder."""
    resources.mkdir(parents=True, exist_ok=True)
    (resources / "weights.yaml").write_text(yaml.safe_dump(entries))
    return resources


@contextlib.contextmanager
def publish(content: bytes) -> Iterator[Hub]:
    """Serve `content` on a free port until the block ends."""
    hub = Hub(content)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub))
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield hub
    finally:
        hub.released.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if hub.status:
                self.send_error(hub.status)
            elif f"/resolve/{COMMIT}/" in self.path:
                # The hub sends on to where the bytes are, by a path of the same server or not.
                self.send_response(302)
                self.send_header("Location", "/cdn/" + self.path.rpartition("/")[2])
                self.send_header("X-Repo-Commit", COMMIT)
                self.send_header("Content-Length", "0")
                self.end_headers()
            else:
                self._send_file()

        def _send_file(self) -> None:
            asked = self.headers["Range"]
            hub.ranges.append(asked)
            start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and hub.has_ranges else 0
            size = len(hub.content)
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
            self.send_header("Content-Length", str(size - start))
            self.end_headers()
            with contextlib.suppress(ConnectionError):
                self._send_bytes(hub.content[start:])

        def _send_bytes(self, rest: bytes) -> None:
            end = hub.cuts.pop(0) if hub.cuts else len(rest)
            for at in range(0, min(end, len(rest)), BLOCK):
                if hub.stalls_at is not None and at >= hub.stalls_at:
                    hub.released.wait()
                    return
                block = rest[at : min(at + BLOCK, end)]
                self.wfile.write(block)
                hub.served += len(block)

        def log_message(self, *_: object) -> None:
            """Write nothing."""

    return Handler
