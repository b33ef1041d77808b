"""A stand-in for the key service that a stack's secrets can be encrypted with. With a passphrase every command derives
the key itself, in a quarter of a second of processor time; a service only unwraps it."""

from __future__ import annotations

import json
import threading
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_WRAPPED = "vault:v1:"


class _Transit(BaseHTTPRequestHandler):
    """The two requests of Vault's transit engine that wrap a key and unwrap it; nothing is encrypted."""

    def do_PUT(self) -> None:  # the name is the base class's
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path.startswith("/v1/transit/encrypt/"):
            data = {"ciphertext": _WRAPPED + body["plaintext"]}
        else:
            data = {"plaintext": body["ciphertext"].removeprefix(_WRAPPED)}
        answer = json.dumps({"data": data}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@cache
def key_service() -> dict[str, str]:
    """The variables that name it: it serves on loopback until this process ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Transit)
    threading.Thread(target=server.serve_forever, name="key-service", daemon=True).start()
    return {"VAULT_SERVER_URL": f"http://127.0.0.1:{server.server_port}", "VAULT_SERVER_TOKEN": "tests"}
