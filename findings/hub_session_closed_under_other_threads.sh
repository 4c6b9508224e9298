#!/usr/bin/env bash
# huggingface_hub 2.4.0: where one thread's request is refused by its server, downloads of other threads from
# other servers end with "Bad file descriptor".
#
# Observed: a thread reads a body over huggingface_hub.get_session(); another asks an endpoint where nobody
# listens. Asked over the session itself, its ConnectionError is its own affair. Asked by anything that retries
# (http_backoff, on which the client's listings are built), the first thread's read ends as well, half-way, with
# ReadError: [Errno 9] Bad file descriptor. Reason: after each ConnectError the retrying function closes the
# session that all threads of the process share, lest a certificate be remembered, with every connection in it.
# Remedy: treat a ReadError as a cut connection and ask for the rest of the bytes on a new session; ask endpoints
# that may be down over the session itself, without http_backoff; or before the threads begin.
#
# Exits with 0 while this is so, with 1 once the other thread's download comes through.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check huggingface_hub==2.4.0
cat > "$folder/show.py" <<'PYTHON'
import http.server
import platform
import socket
import threading
import time

import huggingface_hub
from huggingface_hub import HfApi, get_session
from huggingface_hub.utils import http_backoff

SIZE, PIECES = 1024, 20


class Slow(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(SIZE * PIECES))
        self.end_headers()
        try:
            for _ in range(PIECES):
                self.wfile.write(bytes(SIZE))
                time.sleep(0.1)
        except OSError:
            pass  # the reader is gone

    def log_message(self, *_):
        pass


def read(address, told):
    count = 0
    try:
        with get_session().stream("GET", address) as response:
            for piece in response.iter_raw():
                count += len(piece)
                told["begun"].set()
        told["end"] = f"whole, {count} bytes"
    except Exception as error:
        told["end"] = f"{type(error).__name__} after {count} bytes: {error}"


def nobody(_):
    pass


def session(url):
    get_session().get(url)


def backoff(url):
    http_backoff("GET", url, max_retries=0)


def listing(url):
    next(iter(HfApi(endpoint=url).list_repo_tree("user/data", repo_type="dataset")))


def unused_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def beside(server, ask):
    told = {"begun": threading.Event()}
    thread = threading.Thread(target=read, args=(f"http://127.0.0.1:{server.server_port}/", told))
    thread.start()
    told["begun"].wait()
    try:
        ask(f"http://127.0.0.1:{unused_port()}")
        own = "asks nobody"
    except Exception as error:
        own = type(error).__name__
    thread.join()
    print(f"{ask.__name__} ({own}): the other thread's download: {told['end']}")
    return told["end"]


if __name__ == "__main__":
    print(f"Python {platform.python_version()}, huggingface_hub {huggingface_hub.__version__}")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    assert beside(server, nobody).startswith("whole")
    assert beside(server, session).startswith("whole")
    for ask in (backoff, listing):
        if "Bad file descriptor" not in beside(server, ask):
            raise SystemExit("changed: the other thread's download was not cut")
    print("as observed: a refused connection of one thread cuts the downloads of all others")
PYTHON
"$folder/venv/bin/python" "$folder/show.py"
