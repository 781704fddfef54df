"""The collector of Prometheus' text format, on a real endpoint of prometheus_client."""

import http.server
import threading

import pytest

from promotion_gate.agent.collector import CollectError
from promotion_gate.agent.prometheus_text import TextCollector
from promotion_gate.agent.settings import TextSettings
from promotion_gate.agent.spans import Span
from tests.agent.process import SCRAPE
from tests.agent.shop import Shop, exposed

FIRST, SECOND, THIRD = Span(0, 10), Span(10, 20), Span(20, 30)


def collector(url, **other):
    return TextCollector(TextSettings(url=url, **{**SCRAPE, **other}), seconds=5)


def counts(collected):
    return {(one.module, one.version): (one.requests, one.errors) for one in collected.windows}


@pytest.fixture
def shop():
    return Shop()


def test_what_was_counted_between_two_scrapes(shop):
    shop.served("pay", "1", times=100)
    with exposed(shop) as url:
        scraper = collector(url)
        first = scraper.collect(FIRST, {})
        shop.served("pay", "1", times=3)
        shop.served("pay", "1", 503, seconds=0.3, times=2)
        shop.served("pay", "2", 404)
        second = scraper.collect(SECOND, first.state)
    assert first.windows == []
    assert counts(second) == {("pay", "1"): (5, 2), ("pay", "2"): (1, 0)}
    assert second.windows[0].latency_buckets == {"0.1": 3, "0.5": 5, "+Inf": 5}
    assert {(one.start, one.end) for one in second.windows} == {(10, 20)}


def test_a_quiet_module_has_no_requests_which_is_told(shop):
    shop.served("pay", "1")
    with exposed(shop) as url:
        scraper = collector(url)
        assert counts(scraper.collect(SECOND, scraper.collect(FIRST, {}).state)) == {("pay", "1"): (0, 0)}


def test_a_service_that_was_started_anew(shop):
    shop.served("pay", "1", times=100)
    with exposed(shop) as url:
        first = collector(url).collect(FIRST, {})
    again = Shop()
    again.served("pay", "1", times=4)
    with exposed(again) as url:
        assert counts(collector(url).collect(SECOND, first.state)) == {("pay", "1"): (4, 0)}


def test_a_restart_is_known_by_the_start_of_the_process_though_no_counter_fell():
    body = 'shop_requests_total{{module="pay",version="1",code="200"}} {}\nprocess_start_time_seconds {}\n'
    with telling([body.format(10, 1.5), body.format(30, 2.5)]) as url:
        scraper = collector(url)
        assert counts(scraper.collect(SECOND, scraper.collect(FIRST, {}).state)) == {("pay", "1"): (30, 0)}


def test_a_scrape_that_fails_makes_the_next_window_wider(shop):
    shop.served("pay", "1")
    with exposed(shop) as url:
        port = int(url.split(":")[2].split("/")[0])
        scraper = collector(url)
        first = scraper.collect(FIRST, {})
    with pytest.raises(CollectError, match="cannot be reached"):
        scraper.collect(SECOND, first.state)
    shop.served("pay", "1", times=7)
    with exposed(shop, port):
        (told,) = scraper.collect(THIRD, first.state).windows
    assert (told.start, told.end, told.requests) == (10, 30, 7)


def test_after_a_long_gap_counting_begins_anew(shop):
    shop.served("pay", "1")
    with exposed(shop) as url:
        scraper = collector(url)
        first = scraper.collect(FIRST, {})
        shop.served("pay", "1", times=7)
        later = scraper.collect(Span(1000, 1010), first.state)
        shop.served("pay", "1", times=2)
        assert later.windows == []
        assert counts(scraper.collect(Span(1010, 1020), later.state)) == {("pay", "1"): (2, 0)}


def test_labels_of_any_kind_are_read_as_they_are_written():
    label = r'a} b, "c\\d" = 1'
    body = 'shop_requests_total{{module="{}",version="",code="200"}} {} 1700000000000\n'
    escaped = label.replace("\\", "\\\\").replace('"', '\\"')
    with telling([body.format(escaped, 1), body.format(escaped, "5e0")]) as url:
        scraper = collector(url)
        assert counts(scraper.collect(SECOND, scraper.collect(FIRST, {}).state)) == {(label, None): (4, 0)}


def test_a_service_that_was_not_asked_yet_begins_at_zero():
    started = "process_start_time_seconds 1.5\n"
    body = 'shop_requests_total{module="pay",version="1",code="200"} 3\n'
    with telling([started, started + body]) as url:
        scraper = collector(url)
        assert counts(scraper.collect(SECOND, scraper.collect(FIRST, {}).state)) == {("pay", "1"): (3, 0)}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("<html>no metrics</html>", "tells none of shop_requests_total, shop_seconds_bucket"),
        ('shop_requests_total{module="pay",version="1"} many', "no Prometheus text format"),
        ("shop_requests_total{module=pay} 1", "no Prometheus text format"),
        ("shop_requests_total", "no Prometheus text format"),
    ],
)
def test_what_is_no_exposition_is_an_error(body, said):
    with telling([body]) as url, pytest.raises(CollectError, match=said):
        collector(url).collect(FIRST, {})


def test_one_module_by_name_and_failures_by_a_counter_of_their_own():
    body = "hits_total {}\nfailed_total {}\n"
    settings = {"requests": "hits_total", "errors": {"metric": "failed_total"}, "latency": None}
    named = {"module": "pay", "version": "3", "module_label": None, "version_label": None}
    with telling([body.format(10, 1), body.format(15, 3)]) as url:
        scraper = collector(url, **settings, **named)
        assert counts(scraper.collect(SECOND, scraper.collect(FIRST, {}).state)) == {("pay", "3"): (5, 2)}


class telling:  # noqa: N801 - read as a word
    """An endpoint that tells one text after the other."""

    def __init__(self, texts):
        waiting = list(texts)

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                raw = waiting.pop(0).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, format, *args):  # noqa: A002 - the library's name
                pass

        self._server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self):
        self._thread.start()
        return f"http://127.0.0.1:{self._server.server_port}/metrics"

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
