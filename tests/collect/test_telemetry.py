"""Telemetry from a real Prometheus that holds a past which promtool wrote; and from one that answers nonsense."""

import contextlib
import csv
import gzip
import http.client
import http.server
import socket
import subprocess
import threading
import time

import pytest
from click.testing import CliRunner

from promotion_gate.cli import main
from promotion_gate.collect import prometheus, telemetry
from promotion_gate.collect.git import settings
from promotion_gate.errors import InputError
from promotion_gate.learn.ingest import read_table
from promotion_gate.schema import CONTRACTS
from tests import programs

BEGIN, MINUTE, HOUR = 1_600_000_000 - 1_600_000_000 % 3600, 60, 3600
QUERIES = settings.load(None).prometheus


def exposition() -> str:
    """Four hours: the cart has 60 requests a minute, and 3 failures from the third hour on; the till has 1."""
    lines = ["# TYPE http_requests counter"]
    minutes = range(4 * 60 + 1)
    for module, code, count in (
        ("cart", "200", lambda m: 60 * m), ("cart", "500", lambda m: 3 * max(0, m - 120)), ("till", "200", lambda m: m),
    ):  # fmt: skip
        series = f'http_requests_total{{module="{module}",code="{code}"}}'
        lines += [f"{series} {count(minute)} {BEGIN + MINUTE * minute}" for minute in minutes]
    lines.append("# TYPE http_request_duration_seconds histogram")
    for bound, share in (("0.1", 90), ("0.5", 100), ("+Inf", 100)):
        series = f'http_request_duration_seconds_bucket{{module="cart",le="{bound}"}}'
        lines += [f"{series} {share * minute} {BEGIN + MINUTE * minute}" for minute in minutes]
    return "\n".join([*lines, "# EOF", ""])


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def ready(port):
    with (
        contextlib.suppress(OSError, http.client.HTTPException),
        contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection,
    ):
        connection.request("GET", "/-/ready")
        return connection.getresponse().status == 200
    return False


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The address of a Prometheus that scrapes nothing and has the past of `exposition`."""
    program, tool = programs.program("prometheus", "prometheus"), programs.program("promtool", "prometheus")
    folder = tmp_path_factory.mktemp("prometheus")
    (folder / "past").write_text(exposition())
    make = [tool, "tsdb", "create-blocks-from", "openmetrics", folder / "past", folder / "data"]
    subprocess.run(make, check=True, capture_output=True)
    (folder / "prometheus.yml").write_text("scrape_configs: []\n")
    port = free_port()
    told = [
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        "--storage.tsdb.retention.time=100y",
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, *told, f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log)
        try:
            limit = time.monotonic() + 60
            while not ready(port):
                assert time.monotonic() < limit, (folder / "log").read_text()
                assert process.poll() is None, (folder / "log").read_text()
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()
            process.wait()


def collect(url, raw, *further, window="1h"):
    times = ["--from", "2020-09-13T12:00:00Z", "--until", "2020-09-13T16:00:00Z", "--window", window]
    command = ["collect", "telemetry", "--url", url, "--project", "shop", *times, "--out", str(raw), *further]
    return CliRunner().invoke(main, command)


def test_windows_of_a_real_server_are_what_was_counted(server, tmp_path):
    done = collect(server, tmp_path)
    assert done.exit_code == 0, done.stderr
    assert "8 windows of 2 modules, 8 rows in all" in done.stdout
    assert "cpu_seconds: known in 0 of 8 windows" in done.stdout
    typed = read_table(tmp_path / "telemetry.csv.gz", CONTRACTS["telemetry"])
    assert not len(typed.rejects)
    table = typed.accepted.set_index("module")
    assert table.window_end.max().isoformat() == "2020-09-13T16:00:00+00:00"
    cart, till = table.loc["cart"], table.loc["till"]
    assert cart.requests.tolist() == pytest.approx([3600, 3600, 3780, 3780], rel=0.02)
    assert cart.errors.tolist() == pytest.approx([0, 0, 180, 180], rel=0.02, abs=0.1)
    assert till.requests.tolist() == pytest.approx([60] * 4, rel=0.02)
    assert till.errors.tolist() == [0] * 4  # failures are known of the cart: the till had none
    assert cart.latency_p95_s.tolist() == pytest.approx([0.3] * 4)
    assert till.latency_p95_s.isna().all()


def test_a_second_run_puts_the_same_windows_in_their_place(server, tmp_path):
    collect(server, tmp_path)
    once = (tmp_path / "telemetry.csv.gz").read_bytes()
    collect(server, tmp_path)
    assert (tmp_path / "telemetry.csv.gz").read_bytes() == once
    done = collect(server, tmp_path, window="2h")
    assert "4 windows of 2 modules, 4 rows in all" in done.stdout
    other = CliRunner().invoke(
        main,
        ["collect", "telemetry", "--url", server, "--project", "other", "--from", "2020-09-13T12:00:00", "--until",
         "2020-09-13T14:00:00", "--out", str(tmp_path)],
    )  # fmt: skip
    assert "4 windows of 2 modules, 8 rows in all" in other.stdout


def test_a_long_time_is_asked_in_parts_and_is_the_same(server, monkeypatch):
    def rows():
        return telemetry.rows(prometheus.Server(server), QUERIES, "shop", BEGIN, BEGIN + 4 * HOUR, 600)

    whole = rows()
    monkeypatch.setattr(prometheus, "POINTS", 7)
    assert rows() == whole
    assert len(whole) == 2 * 24


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("requests: sum by (module (", 'unexpected "(" in grouping opts'),
        ("requests: nobody_total", "the server has no requests of any module in that time"),
        ("requests: http_requests_total", "several series have module='cart'; begin it with sum by (module)"),
        ("label: service", "a series has no label service; begin it with sum by (service)"),
        ("label: not a label", "prometheus.label"),
        ("kinds: 1", "prometheus.kinds: unknown key"),
    ],
)
def test_a_query_that_does_not_do_is_said(server, tmp_path, section, said):
    (tmp_path / "config.yaml").write_text(f"prometheus:\n  {section}\n")
    done = collect(server, tmp_path, "--config", str(tmp_path / "config.yaml"))
    assert (done.exit_code, len(done.stderr.splitlines())) == (2, 1)
    assert said in done.stderr
    assert not (tmp_path / "telemetry.csv.gz").exists()


@pytest.fixture
def liar():
    """A server that answers as it is told, and tells what it was sent."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            told.append(self.headers.get("Authorization"))
            self.rfile.read(int(self.headers["Content-Length"]))
            code, body = answer
            self.send_response(code)
            self.send_header("Location", "http://127.0.0.1:1/")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            """Say nothing."""

    told, answer = [], [200, b""]
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}", answer, told
        httpd.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("code", "body"),
    [
        (200, b""), (200, b"<html>"), (200, b"[]"), (200, b'{"status": "success"}'), (200, b"[" * 100_000), (302, b""),
        (503, b'{"status": "error", "error": "starting"}'),
        (200, b'{"status": "success", "data": {"resultType": "vector", "result": []}}'),
        (200, b'{"status": "success", "data": {"resultType": "matrix", "result": [{"metric": {"module": "a"}}]}}'),
        (200, b'{"status": "success", "data": {"resultType": "matrix", "result": 7}}'),
    ],
)  # fmt: skip
def test_an_answer_that_is_none_is_one_line(liar, tmp_path, code, body):
    url, answer, _ = liar
    answer[:] = [code, body]
    done = collect(url, tmp_path)
    assert (done.exit_code, len(done.stderr.splitlines())) == (2, 1), done.stderr


def test_a_token_is_sent_but_never_in_the_open(liar, tmp_path, monkeypatch):
    url, _, told = liar
    monkeypatch.setenv("TOKEN", "hush")
    collect(url, tmp_path, "--token-env", "TOKEN")
    assert told == ["Bearer hush"]
    done = collect("http://prometheus.example.org", tmp_path, "--token-env", "TOKEN")
    assert "https is expected: the token would go in the open" in done.stderr
    assert "hush" not in done.stderr
    assert "is empty or not set" in collect(url, tmp_path, "--token-env", "NO_SUCH").stderr


@pytest.mark.parametrize(
    "url", ["ftp://host/", "http://", "host:9090", "http://ann:secret@host/", "http://host/?a=b", "http://["]
)
def test_an_address_is_one(url):
    with pytest.raises(InputError, match="an address as https://host/path"):
        prometheus.Server(url)


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--from", "yesterday", "a time in ISO 8601 is expected"),
        ("--window", "1", "a length as 30s, 5m, 1h or 1d is expected"),
        ("--window", "9d", "0 windows of 777600 s"),
        ("--project", "a\nb", "a name of printable characters is expected"),
    ],
)
def test_times_and_names_are_such(tmp_path, option, value, said):
    done = collect("http://127.0.0.1:1", tmp_path, option, value)
    assert (done.exit_code, said in done.stderr) == (2, True), done.stderr


def test_nobody_answers(tmp_path):
    assert "no answer" in collect(f"http://127.0.0.1:{free_port()}", tmp_path).stderr


def test_rows_are_kept_as_they_were_written(tmp_path):
    with gzip.open(tmp_path / "telemetry.csv.gz", "wt", newline="") as stream:
        csv.writer(stream).writerows([telemetry.COLUMNS, ["old", "a", "x", "y", "1", "", "", "", "0.25"]])
    assert telemetry.put(tmp_path, [], "shop", BEGIN, BEGIN + HOUR) == 1
    with gzip.open(tmp_path / "telemetry.csv.gz", "rt", newline="") as stream:
        assert list(csv.reader(stream))[1] == ["old", "a", "x", "y", "1", "", "", "", "0.25"]
