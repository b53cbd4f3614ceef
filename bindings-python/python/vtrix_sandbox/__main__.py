"""`python -m vtrix_sandbox`: serve a gateway, or run one command in a fresh sandbox."""

from __future__ import annotations

import argparse
import getpass
import os
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from . import Client, LocalGateway, SandboxError, __version__

_INTERRUPTED = 128 + signal.SIGINT


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    options = _parser().parse_args(argv)
    try:
        return int(options.run(options))
    except SandboxError as error:
        print(f"vtrix_sandbox: {error}", file=sys.stderr)
        return 125
    except KeyboardInterrupt:
        return _INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m vtrix_sandbox", description=__doc__)
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    serve = commands.add_parser("gateway", help="serve a gateway on this machine until Ctrl-C")
    serve.add_argument("--listen", default="127.0.0.1:8080", help="address and port; port 0 is any")
    serve.add_argument("--token", default=os.environ.get("VTRIX_TOKEN"), help="else one is made")
    serve.add_argument("--data-dir", help="kept at the end; else a temporary one")
    serve.add_argument("--backend", choices=["local", "process"], help="process: no isolation")
    serve.add_argument("--max-sandboxes", type=int)
    serve.add_argument(
        "--image", action="append", default=[], metavar="NAME=DIR", help="offer DIR as an image"
    )
    serve.set_defaults(run=_serve)

    run = commands.add_parser(
        "run",
        help="run a command in a fresh sandbox",
        description="Runs a command in a fresh sandbox, which is deleted at the end: of the "
        "gateway of VTRIX_BASE_URL, or of one that lives as long as the command.",
    )
    run.add_argument("--timeout", type=float, help="seconds after which the command is killed")
    run.add_argument("--image")
    run.add_argument(
        "command",
        metavar="CMD",
        nargs="+",
        help="a line for /bin/sh, and arguments, which are quoted and appended to it",
    )
    run.set_defaults(run=_run)
    return parser


def _serve(options: Any) -> int:
    images = dict(pair.split("=", 1) for pair in options.image if "=" in pair)
    if len(images) != len(options.image):
        print("vtrix_sandbox: --image is NAME=DIR", file=sys.stderr)
        return 2
    over = threading.Event()

    def end(number: int, frame: object) -> None:
        over.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    gateway = LocalGateway(
        listen=options.listen,
        token=options.token,
        data_dir=options.data_dir,
        backend=options.backend,
        max_sandboxes=options.max_sandboxes,
        images=images,
    )
    with gateway:
        print(f"VTRIX_BASE_URL={gateway.url}")
        print(f"VTRIX_TOKEN={gateway.token}", flush=True)
        over.wait()
    return 0


def _run(options: Any) -> int:
    with ExitStack() as stack:
        if os.environ.get("VTRIX_BASE_URL"):
            client = stack.enter_context(Client())
        else:
            client = stack.enter_context(stack.enter_context(LocalGateway()).client())
        spec = {"image": options.image} if options.image else None
        sandbox = stack.enter_context(client.create(getpass.getuser(), spec=spec))
        stack.callback(sandbox.delete)
        done = sandbox.run_command(
            options.command[0],
            options.command[1:],
            timeout=options.timeout,
            stdin=None if sys.stdin is None or sys.stdin.isatty() else sys.stdin.buffer.read(),
            stdout=sys.stdout.buffer,
            stderr=sys.stderr.buffer,
        )
        return 125 if done.exit_code is None else done.exit_code


if __name__ == "__main__":
    sys.exit(main())
