"""The agent and the real service: what was served is in the ledger's telemetry, and the host's load in the scores."""

import contextlib
import http.client
import json
import signal
import subprocess
import sys
import time

from sqlalchemy import func, select

from promotion_gate.operate.ledger import tables
from promotion_gate.operate.ledger.ledger import Ledger
from tests.agent.process import SCRAPE, agent, configuration
from tests.agent.shop import Shop, exposed
from tests.operate.service.victims import Victim

MODULE = {"project": "shop", "module": "shop/dates.py"}
BUSY = "while True: pass"


def fis(port):
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request("POST", "/v1/fis", json.dumps(MODULE), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        read = json.loads(answer.read())
        assert answer.status == 200, read
        return read


def told(url, version):
    """The sum of requests, of errors, and the number of windows."""
    with Ledger.look(url) as ledger, ledger.read() as queries:
        seen = tables.telemetry.c
        wanted = select(func.sum(seen.requests), func.sum(seen.errors), func.count(seen.requests))
        return tuple(queries.connection.execute(wanted.where(seen.version == version)).one())


def wait_for(condition, seconds=90):
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.2)


def test_what_the_agent_saw_is_in_the_ledger_once_and_in_the_score_at_once(tmp_path):
    url = f"sqlite:///{tmp_path}/ledger.db"
    shop = Shop()
    shop.served("shop/dates.py", "1", times=0)
    with contextlib.closing(Victim(tmp_path, url)) as service, exposed(shop) as metrics:
        service.wait()
        before = fis(service.port)
        host = {"project": "shop", "modules": ["shop/dates.py"]}
        text = [{"url": metrics, **SCRAPE}]
        config = configuration(tmp_path, f"http://127.0.0.1:{service.port}", host=host, prometheus_text=text)
        burner = subprocess.Popen([sys.executable, "-c", BUSY])
        try:
            with agent(config, tmp_path / "log") as process:
                wait_for(lambda: told(url, "1")[2] > 0)
                shop.served("shop/dates.py", "1", times=40)
                shop.served("shop/dates.py", "1", 500, times=2)
                wait_for(lambda: told(url, "1")[:2] == (42, 2))
                wait_for(lambda: fis(service.port)["fis"] > before["fis"])
                service.kill()
                shop.served("shop/dates.py", "1", times=8)
                service.start()
                service.wait()
                wait_for(lambda: told(url, "1")[:2] == (50, 2))
                process.send_signal(signal.SIGTERM)
                assert process.wait(60) == 0
        finally:
            burner.kill()
            burner.wait()
    assert (tmp_path / "spool/rejected").exists()
    assert list((tmp_path / "spool/rejected").iterdir()) == []
