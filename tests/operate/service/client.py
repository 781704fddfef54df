"""Calls the application in this process, over ASGI: a test says what is sent byte by byte, and needs no HTTP client."""

import asyncio
import json
import threading
from dataclasses import dataclass

JSON = "application/json"


@dataclass(frozen=True)
class Got:
    status: int
    headers: dict
    content: bytes

    @property
    def json(self):
        return json.loads(self.content)


class Client:
    """The application, begun; each call is answered in its own event loop's thread."""

    def __init__(self, app):
        self._app = app
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._life = self._run(self._begin())

    def close(self):
        self._run(self._end())
        self._run(self._loop.shutdown_default_executor())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def get(self, path, **more):
        return self.call("GET", path, **more)

    def post(self, path, body=None, **more):
        return self.call("POST", path, body, **more)

    def call(
        self,
        method,
        path,
        body=None,
        *,
        token=None,
        headers=(),
        raw=None,
        content_type=JSON,
        query="",
        host="127.0.0.1",
    ):
        content = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        sent = [(b"content-type", content_type.encode())]
        if host is not None:
            sent.append((b"host", host.encode()))
        if token is not None:
            sent.append((b"authorization", f"Bearer {token}".encode()))
        sent += [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "path": path,
            "raw_path": path.encode("ascii", "backslashreplace"),
            "root_path": "",
            "scheme": "http",
            "query_string": query.encode(),
            "headers": sent,
            "client": ("127.0.0.1", 5),
            "server": ("127.0.0.1", 80),
        }
        return self._run(self._call(scope, content))

    def _run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(60)

    async def _call(self, scope, content):
        told, waiting = [], [{"type": "http.request", "body": content, "more_body": False}]

        async def receive():
            if waiting:
                return waiting.pop()
            await asyncio.sleep(60)
            return {"type": "http.disconnect"}

        async def send(message):
            told.append(message)

        await self._app(scope, receive, send)
        headers = {name.decode(): value.decode("latin-1") for name, value in told[0]["headers"]}
        return Got(told[0]["status"], headers, b"".join(part.get("body", b"") for part in told[1:]))

    async def _begin(self):
        self._asked, self._said = asyncio.Queue(), asyncio.Queue()
        life = asyncio.create_task(self._app({"type": "lifespan"}, self._asked.get, self._said.put))
        await self._asked.put({"type": "lifespan.startup"})
        assert (await self._said.get())["type"] == "lifespan.startup.complete"
        return life

    async def _end(self):
        await self._asked.put({"type": "lifespan.shutdown"})
        assert (await self._said.get())["type"] == "lifespan.shutdown.complete"
        await self._life
