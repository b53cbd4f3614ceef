"""One blocking call, described on standard input; ends by Ctrl-C or with its result."""

from __future__ import annotations

import asyncio
import pickle
import sys
from concurrent.futures import Executor, Future
from typing import Any

import vtrix_sandbox

from . import operations


class Here(Executor):
    """Makes blocking calls on this very thread, the main one, where Ctrl-C arrives."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


def main() -> None:
    job = pickle.loads(sys.stdin.buffer.read())
    family = operations.Family("sync", Here())
    client = vtrix_sandbox.Client(job["url"], job["token"], job["project"])
    with client, client.attach(job["sandbox"]) as sandbox:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        kind, _, verb = job["do"].partition(".")
        if kind == "command":
            work = operations.on_command(
                family, verb, sandbox.get_command(job["command"]), job["with"], False
            )
        else:
            work = operations.on_sandbox(family, verb, sandbox, job["with"], False)
        value, error = None, None
        try:
            value, _ = drive(work)
        except vtrix_sandbox.SandboxError as raised:
            error = raised
        sys.stdout.buffer.write(pickle.dumps((value, error)))


def drive(work: Any) -> Any:
    # No loop of asyncio: it would take Ctrl-C for itself.
    loop = Loop()
    asyncio._set_running_loop(loop)  # type: ignore[arg-type]
    try:
        while True:
            work.send(None)
    except StopIteration as end:
        return end.value


class Loop:
    """As much of a loop as `Family.do` needs: what it runs is done when it returns."""

    def run_in_executor(self, executor: Executor, call: Any) -> Any:
        return Done(executor.submit(call))


class Done:
    def __init__(self, future: Future[Any]) -> None:
        self.future = future

    def __await__(self) -> Any:
        return self.future.result()
        yield


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
