"""A shop under watch: agents that tell of its modules, seconds after seconds, and a service's watches over them."""

import datetime as dt

from promotion_gate.operate.ledger.module_events import Telemetry, Window
from promotion_gate.operate.ledger.records import record_telemetry
from promotion_gate.operate.watches.telling import Telling
from promotion_gate.operate.watches.watches import Watches
from tests.operate.management.management_world import Shop

STEP = dt.timedelta(seconds=10)


class WatchedShop(Shop):
    """Windows of 10 s: each module has `each` requests in it; told as one batch a window."""

    def __init__(self, ledger, deployers=None):
        super().__init__(ledger, deployers)
        self.watches = Watches(ledger, lambda: self.gate, self.clock)
        self.number = 0

    def tell(self, modules, seconds=10, each=500, agents=("agent",)):
        """Tell what each agent saw while time passes; modules: name -> (version, share of errors)."""
        self.clock.at += -self.clock.at.timestamp() % 10 * dt.timedelta(seconds=1)  # agents' windows are on one grid
        with self.ledger.write("agent", self.clock.now()) as writer:
            for _ in range(int(seconds // 10)):
                begin = self.clock.at
                self.clock.at += STEP
                told = [window(name, what[0], begin, each, round(each * what[1])) for name, what in modules.items()]
                for agent in agents:
                    self._record(writer, told, agent)

    def record(self, *windows):
        with self.ledger.write("agent", self.clock.now()) as writer:
            self._record(writer, windows)

    def _record(self, writer, windows, agent="agent"):
        self.number += 1
        assert record_telemetry(writer, Telemetry(source=agent, batch_id=str(self.number), windows=tuple(windows)))

    def watch(self):
        """Look, and tell what was found until it is in the ledger, as the service does; return the only watch."""
        assert self.watches.look()
        telling = Telling(self.management, lambda work: work())
        telling.tell(self.watches.degraded())
        telling.close()
        self.watches.look()
        return next(iter(self.watches.standing()), None)


def window(module, version, begin, requests, errors, buckets=None):
    slow = {"0.1": float(requests), "+Inf": float(requests)} if buckets is None and requests is not None else buckets
    return Window(
        project="shop",
        module=module,
        version=version,
        window_start=begin,
        window_end=begin + STEP,
        requests=requests,
        errors=errors,
        latency_buckets=slow,
    )


def calm(version="1", others=4, share=0.002):
    """The module `tax` and others, all with few errors."""
    return {"tax": (version, share), **{f"m{number:02}": ("7", share) for number in range(others)}}
