"""Collector of an endpoint that tells Prometheus' text format, version 0.0.4."""

from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from promotion_gate.agent.collector import Collected, CollectError, State
from promotion_gate.agent.counters import Counts, Series, put
from promotion_gate.agent.fetching import Client, FetchError, line
from promotion_gate.agent.mapping import STARTED, MetricMapping
from promotion_gate.agent.settings import TextSettings
from promotion_gate.agent.spans import Span
from promotion_gate.agent.targets import Look, told

LARGEST = 64 << 20
HEADERS = {"Accept": "text/plain;version=0.0.4"}


@dataclass(frozen=True)
class _Known:
    """A series' text as it was read: what it counts, None: nothing of ours."""

    name: str
    series: Series | None


class TextCollector:
    """Scrapes an endpoint, which is one target: its counters are those of one process, or of one that adds up.

    The library's parser goes letter by letter. A series' name and labels are the same in every scrape, so each is
    parsed once; after that only its number is read.
    """

    def __init__(self, settings: TextSettings, seconds: float) -> None:
        self.name = f"prometheus-text {settings.url}"
        self._settings = settings
        self._mapping = MetricMapping(settings)
        self._wanted = (*self._mapping.names, STARTED)
        self._client = Client(seconds, LARGEST)
        self._known: dict[str, _Known] = {}

    def collect(self, span: Span, state: State) -> Collected:
        """Scrape, and tell what was counted since the last time; as `Collector.collect`."""
        try:
            answer = self._client.ask("GET", self._settings.url, headers=HEADERS)
        except FetchError as error:
            raise CollectError(str(error)) from None
        if answer.code != 200:
            raise CollectError(f"answered {answer.code}, expected 200")
        look = self._look(answer.body)
        return told(self._settings.project, span, state, {"": look}, self._mapping.counts_errors)

    def _look(self, body: bytes) -> Look:
        counts: Counts = {}
        started = None
        seen: dict[str, _Known] = {}
        try:
            for text in body.decode().splitlines():
                if not text.startswith(self._wanted):
                    continue
                series, value = _split(text)
                known = self._known.get(series)
                if known is None:
                    known = self._parsed(series)
                seen[series] = known
                if known.series is not None:
                    put(counts, known.series, float(value))
                elif known.name == STARTED:
                    started = float(value)
        except ValueError as error:
            raise CollectError(f"no Prometheus text format: {line(error)}") from None
        self._known = seen  # those that are gone are forgotten
        if not counts and started is None:  # a page of something else, or of a service that begins?
            raise CollectError(f"tells none of {', '.join(self._mapping.names)} with the labels of the mapping")
        return Look(counts, started)

    def _parsed(self, series: str) -> _Known:
        family = next(iter(text_string_to_metric_families(f"{series} 0\n")))
        sample = family.samples[0]
        return _Known(sample.name, self._mapping.series(sample.name, sample.labels))


def _split(text: str) -> tuple[str, str]:
    """Return a sample's series and its number. After the last brace stand a number, and maybe a time."""
    at = text.rfind("}") + 1 or (text.find(" ") if " " in text else text.find("\t"))
    rest = text[at:].split()
    if at < 1 or not rest:
        raise ValueError(f"a name and a number are expected, not {text!r:.80}")
    return text[:at], rest[0]
