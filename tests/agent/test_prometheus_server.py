"""The collector of a Prometheus server: a real one, of Debian's package, that scrapes a real endpoint."""

import contextlib
import http.client
import json
import socket
import subprocess
import time
import urllib.parse

import pytest

from promotion_gate.agent.collector import CollectError
from promotion_gate.agent.prometheus_server import ServerCollector
from promotion_gate.agent.settings import ServerSettings
from promotion_gate.agent.spans import Span
from tests import programs
from tests.agent.process import SCRAPE
from tests.agent.shop import Shop, exposed

RULES = """
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: shop
    static_configs: [{{targets: ["{target}"]}}]
"""


class Prometheus:
    """A server that scrapes one target each second."""

    def __init__(self, folder, target):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        (folder / "prometheus.yml").write_text(RULES.format(target=target))
        told = [f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
        listen = f"--web.listen-address=127.0.0.1:{self.port}"
        self.log = (folder / "log").open("wb")
        self.process = subprocess.Popen(
            [programs.program("prometheus", "prometheus"), *told, listen], stdout=self.log, stderr=self.log
        )

    def close(self):
        self.process.kill()
        self.process.wait()
        self.log.close()

    def value(self, query):
        """The newest value of a sum, None where the server does not answer or has none."""
        try:
            with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)) as connection:
                connection.request("GET", "/api/v1/query?" + urllib.parse.urlencode({"query": query}))
                result = json.loads(connection.getresponse().read())["data"]["result"]
            return float(result[0]["value"][1]) if result else None
        except (OSError, http.client.HTTPException):
            return None

    def wait_for(self, query, value, seconds=60):
        """Wait until the server has seen a value."""
        limit = time.monotonic() + seconds
        while self.value(query) != value:
            assert time.monotonic() < limit, f"{query} is {self.value(query)}, not {value}"
            time.sleep(0.1)


@pytest.fixture
def shop():
    return Shop()


@pytest.fixture
def address(shop):
    with exposed(shop) as url:
        yield url.split("/")[2]


@pytest.fixture
def prometheus(tmp_path, address):
    server = Prometheus(tmp_path, address)
    yield server
    server.close()


def now():
    return Span(int(time.time()) - 5, int(time.time()) + 1)


def collector(port, **other):
    return ServerCollector(ServerSettings(url=f"http://127.0.0.1:{port}", **{**SCRAPE, **other}), seconds=5)


def test_what_a_real_server_saw_between_two_looks(prometheus, shop):
    shop.served("pay", "1", times=100)
    prometheus.wait_for("sum(shop_requests_total)", 100)
    asking = collector(prometheus.port, selector='job="shop"')
    first = asking.collect(now(), {})
    assert first.windows == []
    shop.served("pay", "1", times=7)
    shop.served("pay", "1", 500, seconds=0.3, times=3)
    shop.served("pay", "2", times=2)
    prometheus.wait_for("sum(shop_requests_total)", 112)
    prometheus.wait_for("sum(shop_seconds_count)", 112)
    later = now()
    old, new = asking.collect(Span(later.start + 2, later.end + 2), first.state).windows
    assert (old.module, old.version, old.requests, old.errors) == ("pay", "1", 10, 3)
    assert old.latency_buckets == {"0.1": 7, "0.5": 10, "+Inf": 10}
    assert (new.version, new.requests, new.errors) == ("2", 2, 0)
    with pytest.raises(CollectError, match="knows none of shop_requests_total"):
        collector(prometheus.port, selector='job="other"').collect(now(), {})
    with pytest.raises(CollectError, match="answered 400: invalid parameter"):
        collector(prometheus.port, selector="job=").collect(now(), {})


class Answers:
    """The collector with answers of our own, to see what no real server does when it is asked to."""

    def __init__(self):
        self.collector = collector(1)
        self.state, self.end = {}, 10

    def look(self, *samples):
        """Samples: instance, version, code, time, value."""
        self.end += 10
        result = [
            {
                "metric": {
                    "__name__": "shop_requests_total",
                    "job": "shop",
                    "instance": instance,
                    "module": "pay",
                    "version": version,
                    "code": code,
                },
                "values": [[at, str(value)]],
            }
            for instance, version, code, at, value in samples
        ]
        self.collector._asked = lambda span: result
        found = self.collector.collect(Span(self.end - 10, self.end), self.state)
        self.state = json.loads(json.dumps(found.state))
        return [(one.start, one.end, one.version, one.requests, one.errors) for one in found.windows]


def test_an_evaluation_that_was_missed_makes_the_next_window_wider():
    answers = Answers()
    assert answers.look(("a", "1", "200", 18, 5)) == []
    assert answers.look(("a", "1", "200", 18, 5)) == []  # not scraped since: nothing is known, not nothing happened
    assert answers.look(("a", "1", "200", 38, 9)) == [(20, 40, "1", 4, 0)]


def test_a_target_that_comes_back_is_not_counted_from_zero():
    answers = Answers()
    answers.look(("a", "1", "200", 18, 5), ("b", "1", "200", 18, 1000))
    assert answers.look(("a", "1", "200", 28, 6)) == [(20, 30, "1", 1, 0)]
    assert answers.look(("a", "1", "200", 38, 6), ("b", "1", "200", 38, 1002)) == [
        (30, 40, "1", 0, 0),
        (20, 40, "1", 2, 0),
    ]


def test_a_target_never_seen_has_no_past_but_a_new_series_of_a_known_one_has():
    answers = Answers()
    answers.look(("a", "1", "200", 18, 5))
    told = answers.look(("a", "1", "200", 28, 5), ("a", "1", "500", 28, 2), ("c", "1", "200", 28, 4000))
    assert told == [(20, 30, "1", 2, 2)]


@pytest.mark.parametrize("metric", [{}, {"metric": 1, "values": []}, {"metric": {}, "values": []}])
def test_an_answer_that_is_none_is_an_error(metric):
    asking = collector(1)
    asking._asked = lambda span: [metric]
    with pytest.raises(CollectError, match="no matrix"):
        asking.collect(Span(0, 10), {})


def test_a_server_that_is_away_is_an_error():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(CollectError, match="cannot be reached"):
        collector(port).collect(Span(0, 10), {})
