"""promotion-gate watch: what it shows of the service's answer, its exit codes, and that Ctrl-C ends it in order."""

import contextlib
import http.server
import json
import os
import pty
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from click.testing import CliRunner

from promotion_gate.cli import main
from promotion_gate.operate.service.wire import WatchView

TOKEN = {"PROMOTION_GATE_TOKEN": "secret-2"}
SEEN = ("requests", "errors", "measured", "slow", "judged_requests", "judged_errors")


def view(state="healthy", module="shop/cart.py", **more):
    told = {
        "promotion": f"p-{module}",
        "project": "shop",
        "module": module,
        "level": "production",
        "version": "2.0",
        "stable": "1.0",
        "since": "2126-01-31T09:00:00.000000Z",
        "until": "2126-02-01T09:00:00.000000Z",
        "state": state,
        "reason": "as the detector says",
        "severity": None,
        "e_value": 1.25,
        "threshold": 111.1,
        "effect": 0.031,
        "counts": dict.fromkeys(SEEN, 1234.0),
        "worse_since": None,
        "seen_until": None,
        "controls": 3,
        "is_behind": False,
        "is_told": False,
        **more,
    }
    return WatchView.model_validate(told).model_dump()


class Answering(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        server.asked.append((self.path, self.headers.get("Authorization")))
        server.code, server.told = server.next.pop(0) if server.next else (server.code, server.told)
        body = server.told if isinstance(server.told, bytes) else json.dumps(server.told).encode()
        self.send_response(server.code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def service():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        server.code, server.told, server.next, server.asked = 200, {"watches": [view()]}, [], []
        server.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def run(*arguments, environment=None):
    return CliRunner().invoke(main, ["watch", *arguments], env=environment)


@pytest.mark.parametrize(
    ("states", "code"),
    [
        ([], 0),
        (["healthy"], 0),
        (["healthy", "watching"], 10),
        (["no-data"], 10),
        (["system-event"], 10),
        (["degraded", "no-data"], 20),
    ],
)
def test_once_shows_a_line_each_and_its_code_is_that_of_the_worst(service, states, code):
    service.told = {"watches": [view(state, f"m{number}") for number, state in enumerate(states)]}
    came = run("--url", service.url, "--once")
    assert came.exit_code == code, came.output
    assert [line.split()[1] for line in came.stdout.splitlines()] == (states or ["is"])
    if states:
        assert "shop m0 2.0 on production" in came.stdout
        assert "e-value 1.25 of 111, effect +3.10%, 1,234 requests; as the detector says" in came.stdout


def test_json_is_what_the_service_answered(service):
    came = run("--url", service.url, "--once", "--json", "--project", "shop & co")
    assert json.loads(came.stdout) == service.told
    assert service.asked == [("/v1/watch?project=shop+%26+co", None)]


def test_the_token_is_that_of_the_variable_and_is_never_shown(service):
    run("--url", service.url, "--once", "--token-env", "T", environment={"T": "secret-1"})
    run("--url", service.url, "--once", environment=TOKEN)
    assert [token for _, token in service.asked] == ["Bearer secret-1", "Bearer secret-2"]
    service.code, service.told = 401, {"detail": "the token is unknown\x1b[2J"}
    came = run("--url", service.url, "--once", environment=TOKEN)
    assert came.exit_code == 2
    assert "the token is unknown" in came.output
    assert "secret" not in came.output
    assert "\x1b" not in came.output
    came = run("--url", "http://gate.example.org", "--once", environment=TOKEN)
    assert came.exit_code == 2
    assert "would send the token in the open" in came.output


def test_without_an_answer_the_code_is_4(service):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        came = run("--url", f"http://127.0.0.1:{nobody.getsockname()[1]}", "--once")
    assert (came.exit_code, came.output.count("\n")) == (4, 1)
    assert "cannot be reached" in came.output
    for service.code, service.told in ((503, {"detail": "no database"}), (200, b"<html>"), (404, b"nothing")):
        assert run("--url", service.url, "--once").exit_code == 4


def started(service, **more):
    environment = {**os.environ, "COLUMNS": "200", "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "promotion_gate", "watch", "--url", service.url, "--every", "0.2"]
    return subprocess.Popen(command, env=environment, **more)


def test_lines_are_changes_where_it_is_no_terminal_and_a_service_that_comes_back_is_followed(service):
    calm, worse = (200, {"watches": [view()]}), (200, {"watches": [view("degraded")]})
    service.next = [calm, calm, (503, {"detail": "no database"}), worse, worse, (200, {"watches": []})]
    watching = started(service, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    lines = [watching.stdout.readline().split()[1] for _ in range(3)]
    watching.send_signal(signal.SIGINT)
    _, err = watching.communicate(timeout=30)
    assert (lines, watching.returncode) == (["healthy", "degraded", "over"], 0)
    assert err.splitlines() == [f"error: {service.url}/v1/watch: no database"]


def test_on_a_terminal_it_is_a_table_that_is_drawn_anew_until_ctrl_c(service):
    service.told = {"watches": [view("degraded", "shop/[bold]cart.py", is_behind=True)]}
    master, terminal = pty.openpty()
    watching = started(service, stdout=terminal, stderr=terminal, stdin=terminal, start_new_session=True)
    os.close(terminal)
    shown, end = b"", time.monotonic() + 30
    while shown.count(b"Ctrl-C ends") < 2 and time.monotonic() < end:
        shown += os.read(master, 65536)
    watching.send_signal(signal.SIGINT)
    with contextlib.suppress(OSError):  # the terminal's other side is closed
        while more := os.read(master, 65536):
            shown += more
    os.close(master)
    assert watching.wait(30) == 0
    assert b"shop shop/[bold]cart.py" in shown
    assert b"as the detector says (behind)" in shown
    assert b"Traceback" not in shown
