"""Traces: where the environment asks for them exported to a real receiver, continued from the caller, in the log."""

import datetime as dt
import http.client
import json
import logging
import os
import subprocess
import sys
import time

import pytest

from promotion_gate.errors import InputError
from promotion_gate.operate import spans
from promotion_gate.operate.deployers.names import module_folder, version_folder
from promotion_gate.operate.service import tracing
from tests.operate.service.otlp_receiver import receiver
from tests.operate.service.test_service_program import ROOT, Running, free_port

MODULE = "shop/dates.py"
TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SECRET = "geheim-1234"  # noqa: S105 - looked for where it must not be
QUITE_SOON = "100"
"""Milliseconds between two exports; a test waits for spans."""


@pytest.fixture(autouse=True)
def _variables(monkeypatch):
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def collector(monkeypatch):
    with receiver() as (kept, address):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"authorization=Bearer%20{SECRET}")
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", QUITE_SOON)
        yield kept


def deployers(folder):
    """The file of a deployer between folders, with two versions of a module."""
    (folder / "root").mkdir()
    for version in ("1", "2"):
        source = folder / "sources" / module_folder(MODULE) / version_folder(version)
        source.mkdir(parents=True)
        (source / "main.py").write_text(version)
    place = {"kind": "directory", "root": str(folder / "root"), "sources": str(folder / "sources"), "keep": 3}
    (folder / "deployers.yaml").write_text(json.dumps({"shop": {"production": place}}))
    return str(folder / "deployers.yaml")


def ask(running, path, body=None, *, method="POST", **headers):
    made = http.client.HTTPConnection("127.0.0.1", running.port, timeout=30)
    try:
        sent = {"Content-Type": "application/json", **{name.replace("_", "-"): one for name, one in headers.items()}}
        made.request(method, path, None if body is None else json.dumps(body), sent)
        answer = made.getresponse()
        text = answer.read()
        assert answer.status < 300, text
        return json.loads(text)
    finally:
        made.close()


def promote(running, version, **headers):
    module = {"project": "shop", "module": MODULE, "version": version}
    asked = {"module": module, "coverage": 1.0}
    return ask(running, "/v1/promotions", asked, **headers)["id"]


def test_a_promotion_s_life_as_the_operator_sees_it(tmp_path, collector):
    running = Running(tmp_path, "--no-auth", "--deployers", deployers(tmp_path))
    try:
        for version in ("1", "2"):
            one = promote(running, version, traceparent=f"00-{TRACE}-{CALLER}-01", x_request_id=f"promote-{version}")
            ask(running, f"/v1/promotions/{one}/deploy")
            if version == "1":
                ask(running, f"/v1/promotions/{one}/confirm")
        told = {"project": "shop", "module": MODULE, "source": "pager", "failure_id": "f1", "severity": "high"}
        failed = ask(running, "/v1/failures", {**told, "version": "2", "occurred_at": now()})
        assert failed["answer"] == "opened"
        assert ask(running, f"/v1/promotions/{one}", method="GET")["state"] == "rolled-back"
        ask(running, f"/v1/modules/{MODULE}?project=shop", method="GET")
        ask(running, "/healthz", method="GET")
        began = time.monotonic()
    finally:
        assert running.end() <= 0
    assert time.monotonic() - began < tracing.END_S
    seen = collector.spans  # the last ones too: they came before the service ended

    first, second = (one for one in seen if one.name == "POST /v1/promotions")
    assert (first.trace, first.parent) == (second.trace, second.parent) == (TRACE, CALLER)
    assert first.attributes["http.response.status_code"] == 201
    assert first.attributes["promotion_gate.request_id"] == "promote-1"
    assert first.resource["service.name"] == "promotion-gate"
    below = {(one.name, one.trace) for one in seen if one.parent == first.id}
    assert below == {("gate.score", TRACE), ("ledger.write", TRACE)}
    [scored] = [one for one in seen if one.name == "gate.score" and one.parent == first.id]
    assert scored.attributes["promotion_gate.module"] == MODULE

    [deploy, _] = [one for one in seen if one.name == "POST /v1/promotions/{promotion}/deploy"]
    assert "deployer.deploy" in {one.name for one in seen if one.parent == deploy.id}
    [failure] = [one for one in seen if one.name == "POST /v1/failures"]
    steps = {one.name: one for one in seen if one.parent == failure.id}
    assert {"ledger.write", "rollback.restore", "rollback.verify", "rollback.rescore", "rollback.close"} <= set(steps)
    [restore] = [one for one in seen if one.name == "deployer.restore"]
    assert (restore.parent, restore.trace) == (steps["rollback.restore"].id, failure.trace)
    assert failure.trace != TRACE

    names = {one.name for one in seen}
    assert not {name for name in names if MODULE in name or "healthz" in name}
    [shown] = [one for one in seen if one.name == "GET /v1/modules/{module:path}"]
    assert shown.attributes["url.path"] == f"/v1/modules/{MODULE}"
    assert {one.get("authorization") for one in collector.headers} == {f"Bearer {SECRET}"}
    assert SECRET not in repr(seen)
    log = running.log.read_text()
    assert SECRET not in log
    lines = [json.loads(line) for line in log.splitlines()]
    [line] = [one for one in lines if one.get("request_id") == "promote-1"]
    assert (line["trace_id"], line["span_id"]) == (TRACE, first.id)


def now():
    return dt.datetime.now(dt.UTC).isoformat()


def test_a_collector_that_is_gone_harms_nothing_and_the_log_stays_json(tmp_path, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"authorization=Bearer {SECRET},x-own={SECRET}")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", QUITE_SOON)
    running = Running(tmp_path, "--no-auth")
    promote(running, "1")
    ask(running, "/v1/fis", {"project": "shop", "module": MODULE})
    began = time.monotonic()
    assert running.end() <= 0
    assert time.monotonic() - began < tracing.END_S + 5
    log = running.log.read_text()
    assert SECRET not in log
    told = [json.loads(line) for line in log.splitlines()]
    assert any(one["logger"].startswith("opentelemetry") for one in told)


def test_without_the_variables_neither_sdk_nor_exporter_is_imported_and_a_span_is_nothing():
    script = (
        "import sys\n"
        "from promotion_gate.operate import spans\n"
        "from promotion_gate.operate.service import server, tracing\n"
        "app = object()\n"
        "assert tracing.traced(app) is app\n"
        "with spans.span('x', a=1):\n"
        "    pass\n"
        "assert not {'opentelemetry.sdk', 'opentelemetry.exporter', 'opentelemetry.proto'} & set(sys.modules)\n"
    )
    environment = {name: one for name, one in os.environ.items() if not name.startswith("OTEL_")}
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ({}, False),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, False),
        ({"OTEL_SDK_DISABLED": "TRUE", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": " "}, False),
        ({"OTEL_SERVICE_NAME": "gate"}, False),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://collector.example.org/v1/traces"}, True),
    ],
)
def test_the_standard_s_variables_say_whether(monkeypatch, variables, wanted):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert tracing.is_wanted() is wanted


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "OTEL_TRACES_EXPORTER is 'zipkin', expected otlp or none"),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "PROTOCOL is 'grpc', expected http/protobuf; collectors take it on"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": f"me:{SECRET}@host"}, "ENDPOINT is no address, expected http://HOST:PORT or"),
        (
            {"OTEL_EXPORTER_OTLP_HEADERS": f"Bearer {SECRET}"},
            "HEADERS holds something that is no header, expected NAME",
        ),
    ],
)
def test_what_is_wrong_with_them_is_a_line_without_secrets(monkeypatch, variables, said):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InputError) as raised:
        tracing.is_wanted()
    assert said in str(raised.value)
    assert SECRET not in str(raised.value)


def test_an_exporter_that_is_not_installed_is_a_line_and_exit_2(tmp_path):
    script = (
        "import sys\n"
        "sys.modules['opentelemetry.exporter.otlp.proto.http.trace_exporter'] = None\n"
        "from promotion_gate.cli import main\n"
        "main()\n"
    )
    arguments = ["serve", "--no-auth", "--port", str(free_port()), "--database", f"sqlite:///{tmp_path}/l.db"]
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=ROOT,
        env={**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
    assert "pip install 'promotion-gate[opentelemetry]', or unset the variable" in done.stderr
    assert not (tmp_path / "l.db").exists()


class TestInThisProcess:
    """What a request's span is, call by call."""

    @pytest.fixture
    def traced(self, world, collector, monkeypatch):
        handler = logging.StreamHandler()
        monkeypatch.setattr(logging.getLogger("promotion_gate"), "handlers", [handler])
        app = tracing.Traced(world.client._app)
        monkeypatch.setattr(world.client, "_app", app)
        yield world
        app.close()

    def one(self, traced, collector, path, status, headers=()):
        before = len(collector.spans)
        got = traced.get(path, headers=headers)
        assert got.status == status
        collector.wait_for(lambda one: one.attributes.get("http.response.status_code") == status)
        return collector.spans[before:][-1]

    def test_an_address_that_is_none_has_no_name_of_its_own(self, traced, collector):
        seen = self.one(traced, collector, "/etc/passwd", 404)
        assert (seen.name, seen.is_error) == ("GET", False)
        assert "http.route" not in seen.attributes

    def test_a_second_traceparent_makes_both_void_and_tracestate_goes_along(self, traced, collector):
        parent = ("traceparent", f"00-{TRACE}-{CALLER}-01")
        assert self.one(traced, collector, "/v1/promotions", 200, [parent, ("tracestate", "a=1")]).trace == TRACE
        other = ("traceparent", f"00-{TRACE}-{CALLER[::-1]}-01")
        assert self.one(traced, collector, "/v1/promotions/x", 404, [parent, other]).trace != TRACE

    def test_a_caller_who_does_not_sample_is_not_sampled(self, traced, collector):
        traced.get("/v1/promotions", headers=[("traceparent", f"00-{TRACE}-{CALLER}-00")])
        self.one(traced, collector, "/v1/promotions/x", 404)
        assert not collector.of_trace(TRACE)

    def test_of_an_error_the_type_is_told_and_not_the_words(self, traced, collector):
        with pytest.raises(RuntimeError), spans.span("deployer.deploy", promotion="p"):
            raise RuntimeError(SECRET)
        [seen] = collector.wait_for(lambda one: one.name == "deployer.deploy")
        assert (seen.is_error, seen.attributes["error.type"], seen.events) == (True, "RuntimeError", 0)
        assert SECRET not in repr(collector.spans)

    def test_what_failed_inside_is_an_error(self, traced, collector, monkeypatch):
        with monkeypatch.context() as broken:
            broken.setattr(traced.service, "models", None)
            assert traced.post("/v1/fis", {"project": "shop", "module": MODULE}).status == 500
        [seen] = collector.wait_for(lambda one: one.name == "POST /v1/fis")
        assert (seen.is_error, seen.attributes["http.response.status_code"]) == (True, 500)
