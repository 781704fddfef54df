"""A real endpoint: a service's metrics as prometheus_client exposes them."""

import contextlib
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, start_http_server

BUCKETS = (0.1, 0.5)


class Shop:
    """Counts requests of modules, as their service would."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        labels = ("module", "version")
        self._requests = Counter("shop_requests", "Requests", (*labels, "code"), registry=self.registry)
        self._seconds = Histogram("shop_seconds", "Latency", labels, buckets=BUCKETS, registry=self.registry)

    def served(self, module: str, version: str, code: int = 200, seconds: float = 0.05, times: int = 1) -> None:
        """Count requests."""
        self._requests.labels(module, version, str(code)).inc(times)
        for _ in range(times):
            self._seconds.labels(module, version).observe(seconds)


@contextlib.contextmanager
def exposed(shop: Shop, port: int = 0) -> Iterator[str]:
    """Serve its metrics; yields the address."""
    server, thread = start_http_server(port, addr="127.0.0.1", registry=shop.registry)
    try:
        yield f"http://127.0.0.1:{server.server_port}/metrics"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
