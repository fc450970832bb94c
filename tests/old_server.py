"""An MLflow server of before logged models: a real one, behind a proxy that knows no such call."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlparse

OLD_VERSION = "2.9.2"
UNKNOWN_TO_IT = ("/api/2.0/mlflow/logged-models",)
_OF_A_HOP = ("transfer-encoding", "connection", "content-length", "date", "server")


@contextmanager
def without_logged_models(
    address: str, *, version: str = OLD_VERSION, unknown: tuple[str, ...] = UNKNOWN_TO_IT
) -> Iterator[str]:
    """Pass everything on to a server, but for its version and the calls it does not know."""
    host = urlparse(address).netloc

    class Proxy(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            if self.path == "/version":
                self.reply(200, {"Content-Type": "text/plain"}, version.encode())
            elif self.path.startswith(unknown):
                self.reply(404, {"Content-Type": "text/html"}, b"<title>404 Not Found</title>")
            else:
                connection = http.client.HTTPConnection(host, timeout=60)
                connection.request(self.command, self.path, body, dict(self.headers))
                answer = connection.getresponse()
                self.reply(answer.status, dict(answer.getheaders()), answer.read())
                connection.close()

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = answer

        def reply(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                if name.lower() not in _OF_A_HOP:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing on the test's console."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
