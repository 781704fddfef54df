"""HTTP, asked once: nobody can make the agent wait or fill its memory, and no certificate is taken on trust."""

import contextlib
import http.server
import shutil
import ssl
import subprocess
import threading
import time

import pytest

from promotion_gate.agent.fetching import Client, FetchError, checked


@contextlib.contextmanager
def serving(body, context=None):
    """Serve chunks, as an iterator gives them."""
    stop = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            with contextlib.suppress(OSError):
                self.send_response(302 if self.path == "/moved" else 200)
                self.send_header("Location", "/")
                self.end_headers()
                for chunk in body(stop):
                    self.wfile.write(chunk)

        def log_message(self, format, *args):  # noqa: A002 - the library's name
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda request, address: None
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"{'https' if context else 'http'}://localhost:{server.server_port}"
    finally:
        stop.set()
        server.shutdown()
        server.server_close()
        thread.join()


def drops(stop):
    while not stop.wait(0.05):
        yield b"x"


def flood(stop):
    while not stop.is_set():
        yield b"x" * 65536


def short(stop):
    return [b"here"]


def test_an_answer_that_comes_drop_by_drop_is_given_up():
    with serving(drops) as url:
        begin = time.monotonic()
        with pytest.raises(FetchError, match=r"no answer within 0\.5 s"):
            Client(0.5, 1 << 20).ask("GET", url)
        assert time.monotonic() - begin < 20


def test_an_answer_without_end_is_given_up():
    with serving(flood) as url, pytest.raises(FetchError, match="more than 1,000,000 bytes"):
        Client(30, 1_000_000).ask("GET", url)


def test_a_redirect_is_an_answer():
    with serving(short) as url:
        assert Client(5, 1000).ask("GET", f"{url}/moved").code == 302


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed (Debian: apt-get install openssl)")
    folder = tmp_path_factory.mktemp("tls")
    kind = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "2"]
    names = ["-addext", "subjectAltName=DNS:localhost"]
    files = ["-keyout", folder / "key.pem", "-out", folder / "cert.pem"]
    subprocess.run([openssl, *kind, *names, *files], check=True, capture_output=True)
    return folder


def test_a_certificate_must_be_trusted_or_named(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    with serving(short, context) as url:
        with pytest.raises(FetchError, match="no safe connection"):
            Client(5, 1000).ask("GET", url)
        assert Client(5, 1000, str(certificate / "cert.pem")).ask("GET", url).body == b"here"


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://[::1]:1", "http://localhost/x", "https://example.org"])
def test_a_token_goes_over_tls_or_the_loopback(url):
    assert checked(url, is_secret=True) == url
    with pytest.raises(ValueError, match="https is expected"):
        checked("http://10.0.0.1:8080", is_secret=True)
