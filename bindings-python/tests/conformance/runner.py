"""Runs one scenario through one family against one gateway.

However a scenario ends, its sandboxes are deleted and its tasks are over.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import pickle
import secrets
import signal
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import operations
from .operations import Family
from .values import Broken, Mismatch, Scope, brief, compare, shown
from elsewhere import interruptible

PATIENCE = 30.0
"""Seconds that a step with `eventually` is repeated; nothing takes so long unless it is broken."""
PAUSE = 0.02
"""Seconds between two tries of such a step."""

KNOWN_STEP = {
    "do", "on", "with", "expect", "error", "plain", "wires", "save", "open", "background",
    "eventually",
}  # fmt: skip


@dataclass(frozen=True)
class Scenario:
    """One behaviour, shown in several steps."""

    name: str
    why: str
    wires: list[str]
    sandbox: str
    create: dict[str, Any]
    steps: list[Any]


def load(directory: Path) -> Iterator[Scenario]:
    for path in sorted(directory.glob("*.json")):
        for raw in json.loads(path.read_text())["scenarios"]:
            yield Scenario(
                raw["name"],
                raw["why"],
                raw.get("wires", ["plain", "extended"]),
                raw.get("sandbox", "shared"),
                raw.get("create", {}),
                raw["steps"],
            )


@dataclass
class Stage:
    """What the scenarios of one gateway and one family share."""

    family: Family
    url: str
    token: str
    wire: str
    client: Any = None
    shared: Any = None
    project: str = "conformance"
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    quiet: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    """Takes connections, since the system does, and says nothing."""

    @property
    def silent(self) -> str:
        host, port = self.quiet.getsockname()
        return f"{host}:{port}"

    async def open(self) -> None:
        self.client = self.new_client()

    def new_client(self, **options: Any) -> Any:
        settings = {"base_url": self.url, "token": self.token, "project_id": self.project}
        return self.family.client_class(**{**settings, **options})

    async def sandbox(self, scenario: Scenario, unique: str) -> Any:
        if scenario.sandbox == "none":
            return None
        if scenario.sandbox == "fresh":
            return await self.create(unique, scenario.create)
        async with self.lock:
            if self.shared is None:
                self.shared = await self.create("conformance-shared", {})
        return self.shared

    async def create(self, user: str, options: dict[str, Any]) -> Any:
        return (
            await operations.on_client(
                self.family, "create", self.client, {**options, "user_id": user}
            )
        )[1]

    async def close(self) -> None:
        if self.shared is not None:
            await self.family.do(self.shared.delete)
        await self.family.do(self.client.close)
        self.quiet.close()


async def run(stage: Stage, scenario: Scenario, local: Path) -> None:
    unique = f"{scenario.name}-{secrets.token_hex(4)}"
    saved: dict[str, Any] = {
        "unique": unique,
        "wire": stage.wire,
        "silent": stage.silent,
        "local": str(local),
    }
    handles: dict[str, Any] = {"client": stage.client}
    sandbox = await stage.sandbox(scenario, unique)
    directory = f"/workspace/{unique}"
    if sandbox is not None:
        await stage.family.do(lambda: sandbox.mkdir(directory))
        saved |= {"dir": directory, "sandbox": operations.plain(sandbox.info)}
        handles["sandbox"] = sandbox
    walk = Walk(stage, scenario, handles, local)
    try:
        await walk.steps(scenario.steps, Scope(saved), "")
    finally:
        await walk.clean_up(sandbox, directory)


class Walk:
    """One scenario under way."""

    def __init__(
        self, stage: Stage, scenario: Scenario, handles: dict[str, Any], local: Path
    ) -> None:
        self.stage = stage
        self.family = stage.family
        self.handles = handles
        self.local = local
        self.cancelled = set(cancelled_tasks(scenario.steps))
        self.made: list[Any] = []

    async def steps(self, steps: list[Any], scope: Scope, prefix: str) -> None:
        for at, step in enumerate(steps, 1):
            await self.step(step, scope, f"{prefix}{at}")

    async def step(self, step: dict[str, Any], scope: Scope, place: str) -> None:
        if "parallel" in step:
            branches = [
                self.steps(branch, scope, f"{place}[{n}].")
                for n, branch in enumerate(step["parallel"], 1)
            ]
            for outcome in await asyncio.gather(*branches, return_exceptions=True):
                if isinstance(outcome, BaseException):
                    raise outcome
        elif "repeat" in step or "for_each" in step:
            start = step.get("from", 0)
            values = step.get("for_each") or range(start, start + step.get("repeat", 0))
            name = step.get("as", "i")
            rounds = (
                self.steps(step["steps"], scope.within(name, value), f"{place}({value}).")
                for value in values
            )
            if step.get("concurrent"):
                # Every round goes to its end, so that none is cut off in the middle.
                for outcome in await asyncio.gather(*rounds, return_exceptions=True):
                    if isinstance(outcome, BaseException):
                        raise outcome
            else:
                for one in rounds:
                    await one
        else:
            await self.call(step, scope, place)

    async def call(self, step: dict[str, Any], scope: Scope, place: str) -> None:
        if not set(step) <= KNOWN_STEP:
            raise Broken(f"step {place} has {set(step) - KNOWN_STEP}")
        if self.stage.wire not in step.get("wires", ["plain", "extended"]):
            return
        do = step["do"]
        if "background" in step:
            with_ = scope.resolve(step.get("with", {}))
            on = self.target(step, scope)
            name = scope.text(step["background"])
            if self.family.name == "sync" and step["background"] in self.cancelled:
                task: Any = await Child.start(self, do, on, with_)
            else:
                task = asyncio.ensure_future(self.settled(do, on, with_, False))
            self.handles[name] = task
            return
        until = time.monotonic() + PATIENCE
        while True:
            with_ = scope.resolve(step.get("with", {}))
            on = self.target(step, scope)
            came = await self.settled(do, on, with_, step.get("open", False))
            try:
                self.judge(step, came, scope)
            except Mismatch as mismatch:
                if step.get("eventually") and time.monotonic() < until:
                    await asyncio.sleep(PAUSE)
                    continue
                raise Mismatch(f"step {place} ({do}): {mismatch}") from came.error
            return

    def target(self, step: dict[str, Any], scope: Scope) -> Any:
        family = step["do"].partition(".")[0]
        if family == "local" or step["do"] == "client.new":
            return None
        name = scope.text(step["on"]) if "on" in step else family
        if name not in self.handles:
            raise Broken(f"there is no {family} called {name}")
        return self.handles[name]

    def judge(self, step: dict[str, Any], came: Came, scope: Scope) -> None:
        wanted = {name: step[name] for name in ("expect", "error") if name in step}
        if self.stage.wire == "plain" and "plain" in step:
            wanted = step["plain"]
        if "error" in wanted:
            error = wanted["error"]
            error = scope.resolve({"kind": error} if isinstance(error, str) else error)
            if came.error is None:
                raise Mismatch(f"wanted the error {error}, got {brief(came.value)}")
            compare(error, operations.failure(came.error), "error")
            return
        if came.error is not None:
            raise Mismatch(f"failed: {came.error!r}")
        if "expect" in wanted:
            compare(scope.resolve(wanted["expect"]), came.value, "result")
        if "save" in step:
            name = scope.text(step["save"])
            scope.saved[name] = came.value
            if came.handle is not None:
                self.handles[name] = came.handle

    async def settled(self, do: str, on: Any, with_: dict[str, Any], opened: bool) -> Came:
        try:
            value, handle = await self.perform(do, on, with_, opened)
        except (Broken, asyncio.CancelledError):
            raise
        except Exception as error:
            operations.failure(error)
            return Came(None, None, error)
        if handle is not None and hasattr(handle, "close"):
            self.made.append(handle)
        return Came(value, handle, None)

    async def perform(self, do: str, on: Any, with_: dict[str, Any], opened: bool) -> Any:
        kind, _, verb = do.partition(".")
        if do == "client.new":
            client = self.stage.new_client(**operations.renamed(with_))
            return None, client
        if kind == "client":
            return await operations.on_client(self.family, verb, on, with_)
        if kind == "sandbox":
            return await operations.on_sandbox(self.family, verb, on, with_, opened)
        if kind == "command":
            return await operations.on_command(self.family, verb, on, with_, opened)
        if kind == "local":
            return operations.on_local(verb, self.local, with_), None
        if kind == "task":
            return await self.on_task(verb, on), None
        if do == "stream.drop":
            # Dropped: no name leads to it any more.
            for name in [name for name, held in self.handles.items() if held is on]:
                del self.handles[name]
            self.made = [held for held in self.made if held is not on]
            return None, None
        if kind == "stream":
            return await operations.on_stream(self.family, verb, on), None
        raise Broken(f"no operation is called {do}")

    async def on_task(self, verb: str, task: Any) -> Any:
        if verb == "cancel":
            if isinstance(task, Child):
                await task.interrupt()
            else:
                task.cancel()
                await asyncio.wait([task])
            return None
        came: Came = await task.result() if isinstance(task, Child) else await task
        if verb == "settle":
            if came.error is not None:
                return {"error": operations.failure(came.error)}
            return {"result": came.value}
        if came.error is not None:
            raise came.error
        return came.value

    async def clean_up(self, sandbox: Any, directory: str) -> None:
        for task in self.handles.values():
            if isinstance(task, Child):
                await task.interrupt()
            elif isinstance(task, asyncio.Future) and not task.done():
                if self.family.name == "async":
                    task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.wait([task], timeout=PATIENCE)
        for handle in self.made:
            await self.family.do(handle.close)
        if sandbox is None:
            return
        # A scenario may have deleted or closed it.
        with contextlib.suppress(operations.SandboxError):
            if sandbox is self.stage.shared:
                await self.family.do(lambda: sandbox.run_command("rm -rf --", [directory]))
            else:
                await self.family.do(lambda: self.stage.client.delete(sandbox.id))


@dataclass
class Came:
    """What came of an operation."""

    value: Any
    handle: Any
    error: BaseException | None


def cancelled_tasks(steps: list[Any]) -> Iterator[str]:
    """The tasks that a scenario cancels, as it writes their names."""
    for step in steps:
        inner = [*step.get("steps", []), *itertools.chain(*step.get("parallel", []))]
        yield from cancelled_tasks(inner)
        if step.get("do") == "task.cancel":
            yield step["on"]


class Child:
    """A blocking call in a process of its own: Ctrl-C is how a blocking call is cancelled."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.came: asyncio.Future[Came] = asyncio.ensure_future(self.read())

    @classmethod
    async def start(cls, walk: Walk, do: str, on: Any, with_: dict[str, Any]) -> Child:
        # A command's handle is made anew there, from its id.
        sandbox = walk.handles["sandbox"]
        job = {
            "url": walk.stage.url,
            "token": walk.stage.token,
            "project": walk.stage.project,
            "sandbox": sandbox.id,
            "command": getattr(on, "cmd_id", None),
            "do": do,
            "with": with_,
        }
        paths = [str(Path(__file__).parent.parent), os.environ.get("PYTHONPATH", "")]
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-X", "faulthandler", "-m", f"{__package__}.child",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            env={**interruptible(), "PYTHONPATH": os.pathsep.join(paths)},
        )  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(pickle.dumps(job))
        await process.stdin.drain()
        process.stdin.close()
        # The call is under way, or about to be.
        await process.stdout.readline()
        return cls(process)

    async def read(self) -> Came:
        assert self.process.stdout is not None
        data = await self.process.stdout.read()
        await self.process.wait()
        if not data:
            return Came(None, None, KeyboardInterrupt())
        value, error = pickle.loads(data)
        return Came(value, None, error)

    async def result(self) -> Came:
        return await self.came

    async def interrupt(self) -> None:
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGINT)
        try:
            await asyncio.wait_for(asyncio.shield(self.came), PATIENCE)
        except asyncio.TimeoutError:
            # Makes it show on standard error where each of its threads is.
            self.process.send_signal(signal.SIGABRT)
            await self.came
            raise Mismatch("an interrupted process did not end") from None
        if self.process.returncode not in (0, 128 + signal.SIGINT, -signal.SIGINT):
            raise Mismatch(f"an interrupted process ended with {self.process.returncode}")


__all__ = ["Scenario", "Stage", "load", "run", "shown"]
