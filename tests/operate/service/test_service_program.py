"""The service as it is really run: a process, a port, signals, slow clients, TLS."""

import contextlib
import http.client
import json
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time

import pytest

from promotion_gate.errors import InputError
from promotion_gate.operate.ledger.ledger import Ledger
from promotion_gate.operate.ledger.verify import verify
from promotion_gate.operate.service import connection, limits
from promotion_gate.operate.service.settings import Settings, check_host, is_loopback
from tests import programs
from tests.cli_bundle import PARAMS, write_bundle
from tests.operate.service import sockets
from tests.operate.service.sockets import free_port, read_all

ROOT = pathlib.Path(__file__).resolve().parents[3]
COMMAND = [sys.executable, "-m", "promotion_gate"]
DATES = {"project": "shop", "module": "shop/dates.py"}
START_S = 60


def run(*arguments, **more):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run([*COMMAND, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)


class Running:
    """A service in a process of its own."""

    def __init__(self, folder, *options, tls=None):
        self.url, self.port = f"sqlite:///{folder}/ledger.db", free_port()
        if not (folder / "champion").exists():
            write_bundle(folder / "champion")
        given = ["--port", str(self.port), "--database", self.url, "--models", str(folder / "champion")]
        self.log = folder / "log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [*COMMAND, "serve", *given, "--params", str(PARAMS), *options],
                cwd=ROOT,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
                stderr=log,
            )
        self.tls = tls
        end = time.monotonic() + START_S
        while time.monotonic() < end:
            try:
                if self.call("GET", "/healthz")[0] == 200:
                    return
            except OSError:
                assert self.process.poll() is None, self.log.read_text()
                time.sleep(0.05)
        pytest.fail("the service did not start")

    def call(self, method, path, body=None, token=None):
        made = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        if self.tls:
            made = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=30, context=self.tls)
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        try:
            made.request(method, path, None if body is None else json.dumps(body), headers)
            answer = made.getresponse()
            return answer.status, json.loads(answer.read() or b"null")
        finally:
            made.close()

    def end(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        return self.process.wait(30)


@pytest.fixture
def running(tmp_path):
    """Without tokens."""
    made = Running(tmp_path, "--no-auth")
    yield made
    if made.process.poll() is None:
        made.end()


def test_it_serves_and_ends_when_it_is_told_with_all_that_it_acknowledged(running):
    got = []

    def ask(number):
        module = {"project": "shop", "module": f"m{number}"}
        got.append(running.call("POST", "/v1/promotions", {"module": module, "coverage": 1})[0])

    asking = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for one in asking:
        one.start()
    time.sleep(0.05)
    assert running.end() in (0, -signal.SIGTERM)
    for one in asking:
        one.join()
    log = running.log.read_text()
    assert "Traceback" not in log
    assert all(json.loads(line) for line in log.splitlines())
    with Ledger.look(running.url) as ledger, ledger.read() as queries:
        assert not list(verify(queries.connection))
        assert len(queries.events(kinds=("promotion-decided",), limit=100)) >= got.count(201)


def test_tokens_are_made_and_revoked_beside_the_running_service(tmp_path):
    url = f"sqlite:///{tmp_path}/ledger.db"
    first = run("token", "create", "--database", url, "--name", "ann", "--scope", "read").stdout.strip()
    running = Running(tmp_path)
    try:
        assert running.call("POST", "/v1/fis", DATES)[0] == 401
        assert running.call("POST", "/v1/fis", DATES, first)[0] == 200
        made = run("token", "create", "--database", url, "--name", "bob", "--scope", "read", "--project", "bank")
        assert (made.returncode, made.stderr) == (0, "")
        assert running.call("POST", "/v1/fis", DATES, made.stdout.strip())[0] == 403
        listed = run("token", "list", "--database", url).stdout.splitlines()
        assert [line.split()[1:3] for line in listed] == [["in", "force"]] * 2
        assert first not in "".join(listed)
        assert run("token", "revoke", "--database", url, "ann").returncode == 0
        time.sleep(1.2)
        assert running.call("POST", "/v1/fis", DATES, first)[0] == 401
        assert "revoked" in run("token", "list", "--database", url).stdout
        assert run("token", "revoke", "--database", url, "ann").returncode == 2
        assert first not in running.log.read_text()
        second = run("serve", "--database", url, "--no-auth", "--port", str(free_port()))
        assert (second.returncode, second.stderr.count("\n")) == (2, 1)
        assert "another service" in second.stderr
    finally:
        running.end()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org.invalid", ""])  # noqa: S104
def test_without_tokens_it_listens_on_the_loopback_alone(host):
    with pytest.raises(InputError, match="--no-auth is for the loopback alone"):
        check_host(host, no_auth=True)
    check_host(host, no_auth=False)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "::1", "localhost"])
def test_the_loopback_has_several_names(host):
    assert is_loopback(host)


def test_what_is_wrong_with_the_options_is_a_line(tmp_path):
    database = f"sqlite:///{tmp_path}/l.db"
    (tmp_path / "key").write_text("")
    for options, code, said in (
        (["--no-auth", "--host", "0.0.0.0"], 2, "loopback"),  # noqa: S104
        (["--no-auth", "--workers", "2"], 2, "PostgreSQL"),
        (["--tls-key", str(tmp_path / "key")], 2, "go together"),
        (["--deployers", str(tmp_path / "none")], 2, "none"),
    ):
        got = run("serve", "--database", database, *options)
        assert (got.returncode, got.stderr.count("\n"), got.stdout) == (code, 1, ""), got.stderr
        assert said in got.stderr
    assert "geheim" not in repr(Settings("postgresql://u:geheim@h/d"))


def test_tls_by_files(tmp_path):
    openssl = programs.program("openssl", "openssl")
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    made = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    more = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)]
    subprocess.run([openssl, *made, *more], check=True, capture_output=True)
    trusted = ssl.create_default_context(cafile=str(cert))
    running = Running(tmp_path, "--no-auth", "--tls-cert", str(cert), "--tls-key", str(key), tls=trusted)
    try:
        assert running.call("POST", "/v1/fis", DATES)[0] == 200
    finally:
        running.end()


@pytest.fixture
def listening(world, monkeypatch):
    """A port of this process, with little patience."""
    monkeypatch.setattr(connection, "HEAD_S", 0.3)
    monkeypatch.setattr(limits, "BODY_S", 0.3)
    with sockets.listening(world.service) as port:
        yield port


@pytest.mark.parametrize("begun", [b"", b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "])
def test_who_does_not_send_a_head_is_cut_off(listening, begun):
    with socket.create_connection(("127.0.0.1", listening)) as made:
        made.sendall(begun)
        began = time.monotonic()
        with contextlib.suppress(ConnectionResetError):
            assert read_all(made) == b""
        assert time.monotonic() - began < 5


def test_who_drips_a_head_after_a_good_request_is_cut_off_too(listening):
    with socket.create_connection(("127.0.0.1", listening)) as made:
        made.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert made.recv(65536).startswith(b"HTTP/1.1 200")
        began = time.monotonic()
        try:
            while time.monotonic() - began < 5:
                made.sendall(b"G")
                time.sleep(0.1)
        except OSError:
            pass
        assert time.monotonic() - began < 4


def test_who_drips_a_body_is_told_and_cut_off(listening):
    with socket.create_connection(("127.0.0.1", listening)) as made:
        made.sendall(
            b"POST /v1/fis HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"
        )
        assert read_all(made).startswith(b"HTTP/1.1 408")


def test_a_body_in_pieces_is_bounded_too(listening):
    def pieces():
        for _ in range(40):
            yield b" " * (1 << 20)

    made = http.client.HTTPConnection("127.0.0.1", listening, timeout=10)
    try:
        made.request("POST", "/v1/promotions", pieces(), {"Content-Type": "application/json"}, encode_chunked=True)
        assert made.getresponse().status == 413
    except (BrokenPipeError, ConnectionResetError):
        pass  # cut off while it still sent
    finally:
        made.close()


def test_a_head_that_is_too_large_is_refused(listening):
    with socket.create_connection(("127.0.0.1", listening)) as made:
        try:
            made.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"y" * 200_000)
            assert read_all(made).split()[1] in (b"400", b"431")
        except (BrokenPipeError, ConnectionResetError):
            pass


def test_one_connection_serves_many_requests(listening):
    made = http.client.HTTPConnection("127.0.0.1", listening, timeout=10)
    for _ in range(3):
        made.request("GET", "/healthz")
        assert made.getresponse().read() == b'{"status":"ok"}'
        time.sleep(0.2)
    made.close()
