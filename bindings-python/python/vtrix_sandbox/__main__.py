"""`python -m vtrix_sandbox`: serve a gateway, or run one command in a fresh sandbox."""

from __future__ import annotations

import argparse
import getpass
import os
import signal
import sys
import threading
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from . import Client, LocalGateway, SandboxError, __version__

if TYPE_CHECKING:
    from typing_extensions import Self

_FAILED = 125
"""Exit status of a failure that is not the command's, as `docker run` has it."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    options = _parser().parse_args(argv)
    try:
        return int(options.run(options))
    except SandboxError as error:
        print(f"vtrix_sandbox: {error}", file=sys.stderr)
        return _FAILED
    except BrokenPipeError:
        # Nobody reads on. What is still in the buffer must not be an error of the exit's.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except _Signalled as signalled:
        return 128 + signalled.number


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
        description="Runs a command in a fresh sandbox of the gateway of VTRIX_BASE_URL, or of one "
        "that lives as long as the command. Its exit status is this program's; 125 stands for a "
        "failure of anything else. Ctrl-C, SIGTERM and SIGHUP kill the command, and the sandbox is "
        "deleted then as well.",
    )
    run.add_argument(
        "-i",
        "--stdin",
        action="store_true",
        help="read standard input to its end first, and give it to the command; else it gets none",
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
    with _Ending() as ending, ExitStack() as stack:
        stdin = sys.stdin.buffer.read() if options.stdin and sys.stdin is not None else None
        if os.environ.get("VTRIX_BASE_URL"):
            client = stack.enter_context(Client())
        else:
            client = stack.enter_context(stack.enter_context(LocalGateway()).client())
        spec = {"image": options.image} if options.image else None
        with ending.held():
            sandbox = stack.enter_context(client.create(getpass.getuser(), spec=spec))
            stack.callback(sandbox.delete)
        done = sandbox.run_command(
            options.command[0],
            options.command[1:],
            timeout=options.timeout,
            stdin=stdin,
            stdout=sys.stdout.buffer,
            stderr=sys.stderr.buffer,
        )
        return _FAILED if done.exit_code is None else done.exit_code


class _Signalled(BaseException):
    """A signal asks to end."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class _Ending:
    """Signals that ask to end, raised once: what cleans up afterwards goes on.

    Only a further Ctrl-C waits for nothing.
    """

    _ASKING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    _PATIENCE = 5.0
    """Seconds that what is held may take once it is asked to end."""

    def __init__(self) -> None:
        self._asked: int | None = None
        self._held = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for number in (*self._ASKING, signal.SIGALRM):
            # What `nohup` ignores stays ignored.
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, number: int, _: object) -> None:
        if number == signal.SIGALRM:
            print("vtrix_sandbox: a sandbox may have been made, and ends in time", file=sys.stderr)
        elif self._asked is None:
            self._asked = number
            if self._held:
                signal.setitimer(signal.ITIMER_REAL, self._PATIENCE)
                return
        elif number != signal.SIGINT:
            return
        raise _Signalled(self._asked or number)

    @contextmanager
    def held(self) -> Generator[None]:
        """Raise at the end what comes meanwhile: something is made that is not known here yet."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
            signal.setitimer(signal.ITIMER_REAL, 0)
        if self._asked is not None:
            raise _Signalled(self._asked)


if __name__ == "__main__":
    sys.exit(main())
