"""The client that somebody writes in an afternoon: `websockets` and `json`, for comparison.

It speaks the same wire to the same gateway: calls by id, notifications collected, files as base64.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import time
import urllib.request
from typing import Any

import websockets


class PlainClient:
    """One sandbox over one WebSocket."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self.headers = {"Authorization": f"Bearer {token}"}
        self.ids = itertools.count(1)
        self.waiting: dict[int, asyncio.Future[Any]] = {}
        self.notified: dict[int, list[Any]] = {}

    def http(self, method: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            f"{self.url}/api/v1/sandbox{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={**self.headers, "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)["data"]

    async def create(self, user: str) -> None:
        info = self.http("POST", "/create", {"user_id": user})["sandbox"]
        # What such a client does: look every two seconds.
        while info["status"] != "active":
            time.sleep(2)
            info = self.http("GET", f"/{info['id']}")
        await self.attach(info["id"])

    async def attach(self, sandbox_id: str) -> None:
        self.id = sandbox_id
        address = f"{self.url.replace('http', 'ws', 1)}/api/v1/sandbox/{sandbox_id}/connect"
        self.socket = await websockets.connect(
            address, additional_headers=self.headers, max_size=None, compression=None
        )
        self.reader = asyncio.create_task(self.read())

    async def read(self) -> None:
        async for text in self.socket:
            message = json.loads(text)
            if "method" in message:
                params = message["params"]
                self.notified.setdefault(params["id"], []).append(params)
                continue
            future = self.waiting.pop(message["id"])
            if "error" in message:
                future.set_exception(RuntimeError(message["error"]["message"]))
            else:
                future.set_result(message["result"])

    async def call(self, method: str, **params: Any) -> Any:
        number = next(self.ids)
        future = self.waiting[number] = asyncio.get_running_loop().create_future()
        await self.socket.send(
            json.dumps({"jsonrpc": "2.0", "method": method, "params": params, "id": number})
        )
        result = await future
        return result, self.notified.pop(number, [])

    async def run(self, command: str) -> tuple[int, str]:
        result, notified = await self.call("exec", command=command)
        output = "".join(params["data"] for params in notified if "data" in params)
        return result["exit_code"], output

    async def exists(self, path: str) -> bool:
        return (await self.call("stat", path=path))[0]["exists"]

    async def read_file(self, path: str) -> bytes:
        _, notified = await self.call("read_stream", path=path)
        return b"".join(base64.b64decode(params["data"]) for params in notified)

    async def write_file(self, path: str, data: bytes) -> None:
        await self.call("write_binary", path=path, data=base64.b64encode(data).decode())

    async def close(self) -> None:
        await self.socket.close()
        await self.reader
