"""An S3 server, on loopback unless it is told otherwise, and what may happen on the way to one."""

from __future__ import annotations

import http.client
import logging
import threading
import urllib.request
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

OPTIONS = {"client_options": {"allow_http": True}, "region": "us-east-1"}
KEYS = {"access_key_id": "test", "secret_access_key": "test"}


@contextmanager
def s3_server(host="127.0.0.1", port=0):
    """The address of a server with the bucket `bucket`; port 0 is any that is free."""
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    moto, one_at_a_time = DomainDispatcherApplication(create_backend_app), threading.Lock()

    def application(environ, start_response):
        with one_at_a_time:  # a bucket checks a condition and writes in one step, moto in two
            return list(moto(environ, start_response))

    server = make_server(host, port, application, threaded=True)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    address = f"http://{host}:{server.server_port}"
    create_bucket(address)
    try:
        yield address
    finally:
        server.shutdown()
        server.server_close()


def create_bucket(address, name="bucket"):
    urllib.request.urlopen(urllib.request.Request(f"{address}/{name}", method="PUT"))


class Proxy:
    """Passes requests on to a server and counts them; the next ones meet `faults`, in order.

    A fault is a status to answer with, `lost` (the server does it, and its answer does not arrive), `cut` (half an
    answer arrives) or None. While the server is `away`, every connection is cut.
    """

    def __init__(self, server):
        self.away = False
        self.faults = []
        self.requests = []
        proxy, upstream = self, urlsplit(server).netloc

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_request(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if proxy.away:
                    self.close_connection = True
                    return
                proxy.requests.append(f"{self.command} {self.path}")
                fault = proxy.faults.pop(0) if proxy.faults else None
                if isinstance(fault, int):
                    self.answer(fault, [], b"<Error><Code>SlowDown</Code></Error>")
                    return
                connection = http.client.HTTPConnection(upstream)
                headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
                connection.request(self.command, self.path, body, headers)
                answer = connection.getresponse()
                content = answer.read()
                connection.close()
                self.close_connection = fault is not None
                if fault != "lost":
                    self.answer(answer.status, answer.getheaders(), content, half=fault == "cut")

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_request

            def answer(self, status, headers, content, half=False):
                self.send_response(status)
                length = next((value for name, value in headers if name.lower() == "content-length"), len(content))
                for name, value in headers:
                    if name.lower() not in ("content-length", "connection", "transfer-encoding", "date", "server"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(length))
                self.end_headers()
                self.wfile.write(content[: len(content) // 2] if half else content)

            def log_message(self, *words):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
