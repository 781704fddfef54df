"""All of it as real programs: a shop under load, Prometheus, the agent, the service; each can be killed, or cut off."""

import contextlib
import http.client
import json
import re
import shutil
import socket
import subprocess
import threading
import time
import urllib.parse

import yaml
from sqlalchemy import func, select

from demo import monitoring
from demo.programs import COMMAND, Setting, awaited, free_port
from demo.stage import SHOP
from demo.supervisor import supervised
from promotion_gate.operate.deployers.names import module_folder
from promotion_gate.operate.ledger import tables
from promotion_gate.operate.ledger.ledger import Ledger

BUILDS = {"1.0": "basket_1.py", "1.1": "basket_1.py", "2.0": "basket_2.py"}
WAIT_S = 60


def until(condition, what, seconds=WAIT_S):
    """Wait until a condition holds; return what it said."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"within {seconds} s should have come: {what}"
        time.sleep(0.05)
    return found


class Link:
    """A network between the agent and the service, which can be cut: what is under way is lost."""

    def __init__(self, to):
        self._to, self._is_cut, self._open = to, False, set()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self):
        self._is_cut = True
        for one in list(self._open):
            self._end(one)

    def mend(self):
        self._is_cut = False

    def close(self):
        self.cut()
        self._listening.close()

    def _accept(self):
        with contextlib.suppress(OSError):  # closed
            while True:
                caller, _ = self._listening.accept()
                try:
                    if self._is_cut:
                        raise ConnectionError
                    other = socket.create_connection(("127.0.0.1", self._to))
                except OSError:
                    self._end(caller)
                    continue
                self._open |= {caller, other}
                for one, another in ((caller, other), (other, caller)):
                    threading.Thread(target=self._pass, args=(one, another), daemon=True).start()

    def _pass(self, one, another):
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                another.sendall(data)
        self._end(one)
        self._end(another)

    def _end(self, one):
        self._open.discard(one)
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()


class Program:
    """A program that is started, killed and started again."""

    def __init__(self, command, log):
        self._command, self.log = command, log
        self.process = None

    def start(self):
        with self.log.open("ab") as stream:
            self.process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream)
        return self

    def kill(self):
        assert self.process.poll() is None, self.log.read_text()[-2000:]
        self.close()

    def close(self):
        self.process.kill()
        self.process.wait()


class Stack:
    """See the module's text.

    Args:
        folder: of all files.
        models, params: of the gate.
        key: project and module of the shop's service.
        prometheus: the program.
    """

    def __init__(self, stack, folder, models, params, key, prometheus):
        self.folder, self.key = folder, key
        self.url, port = f"sqlite:///{folder}/ledger.db", free_port()
        setting = Setting(models, self._policy(params), folder)
        self.port = stack.enter_context(supervised(self._home()))
        where = ["--port", str(port), "--database", self.url, "--deployers", str(self._deployers())]
        self.service = Program([*COMMAND, "serve", "--no-auth", *where, *setting.gate], folder / "service.log")
        stack.callback(self.service.close)
        self.address = f"http://127.0.0.1:{port}"
        self.link = Link(port)
        stack.callback(self.link.close)
        metrics = stack.enter_context(monitoring.prometheus(setting, str(prometheus), [f"127.0.0.1:{self.port}"]))
        self.agent = Program([*COMMAND, "agent", "--config", str(self._agent(metrics))], folder / "agent.log")
        stack.callback(self.agent.close)
        self.agent.start()
        self.serve()

    def serve(self):
        """Start the service and wait until it is ready."""
        self.service.start()
        assert awaited(self.service.process, f"{self.address}/readyz"), self.service.log.read_text()[-2000:]

    def call(self, method, path, body=None):
        """Return the JSON that the service answers."""
        made = http.client.HTTPConnection("127.0.0.1", int(self.address.rsplit(":", 1)[1]), timeout=60)
        with contextlib.closing(made):
            sent = None if body is None else json.dumps(body)
            made.request(method, path, sent, {"Content-Type": "application/json"})
            answer = made.getresponse()
            told = json.loads(answer.read())
            assert answer.status in (200, 201), told
            return told

    def promote(self, version):
        """Have a version deployed; return the promotion once its watch has begun."""
        module = {"project": self.key[0], "module": self.key[1], "version": version}
        promotion = self.call("POST", "/v1/promotions", {"module": module, "coverage": 1})["id"]
        self.call("POST", f"/v1/promotions/{promotion}/deploy")
        return promotion

    def watch(self, promotion):
        """Return the watch of a promotion, None where there is none."""
        return next((one for one in self.call("GET", "/v1/watch")["watches"] if one["promotion"] == promotion), None)

    def module(self):
        project, module = self.key
        return self.call("GET", f"/v1/modules/{module}?{urllib.parse.urlencode({'project': project})}")

    def told(self, version):
        """Return the sums that the ledger has of a version: requests, errors; and its last window's end."""
        table = tables.telemetry.c
        query = select(func.sum(table.requests), func.sum(table.errors), func.max(table.window_end))
        with Ledger.look(self.url) as ledger, ledger.read() as queries:
            return tuple(queries.connection.execute(query.where(table.version == version)).one())

    def windows(self, version):
        """Return start and end of all windows of a version, in order."""
        table = tables.telemetry.c
        query = (
            select(table.window_start, table.window_end).where(table.version == version).order_by(table.window_start)
        )
        with Ledger.look(self.url) as ledger, ledger.read() as queries:
            return [tuple(row) for row in queries.connection.execute(query)]

    def counted(self):
        """Return what the shop's service itself has counted since it began."""
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)) as made:
            made.request("GET", "/metrics")
            text = made.getresponse().read().decode()
        return sum(float(number) for number in re.findall(r"^shop_requests_total{.*} (\S+)$", text, re.MULTILINE))

    def _home(self):
        return self.folder / "production" / module_folder(self.key[1])

    def _policy(self, params):
        read = yaml.safe_load(params.read_text())
        read["policy"]["monitor"] |= monitoring.QUICK
        file = self.folder / "params.yaml"
        file.write_text(yaml.safe_dump(read))
        return file

    def _deployers(self):
        for version, basket in BUILDS.items():
            build = self.folder / "builds" / module_folder(self.key[1]) / version
            build.mkdir(parents=True)
            shutil.copy(SHOP / "service.py", build)
            shutil.copy(SHOP / basket, build / "basket.py")
            (build / "VERSION").write_text(version)
            (build / "MODULE").write_text(self.key[1])
        (self.folder / "production").mkdir()
        where = {"root": str(self.folder / "production"), "sources": str(self.folder / "builds")}
        file = self.folder / "deployers.yaml"
        file.write_text(yaml.safe_dump({self.key[0]: {"production": {"kind": "directory", **where, "keep": 5}}}))
        return file

    def _agent(self, prometheus):
        file = self.folder / "agent.yaml"
        told = {
            "source": "host-1",
            "window_seconds": 1,
            "service": {"url": f"http://127.0.0.1:{self.link.port}"},
            "spool": {"folder": str(self.folder / "spool")},
            "prometheus_server": [{"url": prometheus, "project": self.key[0], **monitoring.MAPPING}],
        }
        file.write_text(yaml.safe_dump(told))
        return file
