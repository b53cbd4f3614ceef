"""A gateway inside this process: sandboxes on the reader's own machine, with nothing to set up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from . import _check, _lifetime, _logging, _native
from ._options import Seconds, StrPath
from .exceptions import ClosedError

if TYPE_CHECKING:
    from pathlib import Path

    from typing_extensions import Self, Unpack

    from ._async.client import AsyncClient
    from ._options import ClientOptions
    from ._sync.client import Client
    from .types import TokenLimits

__all__ = ["LocalGateway"]


class LocalGateway:
    """A Vtrix gateway inside this process.

    It is started by `with`, by `async with`, by `start` or `start_async`, and serves any client:
    `gw.url` and `gw.token` are what one needs. Its sandboxes end with it, also when the process is
    killed. It needs Linux.

    Args:
        listen: Address and port, such as `"127.0.0.1:8080"`; a free port of the loopback address
            unless given.
        data_dir: Where records and sandboxes are kept, and stay; a temporary directory, removed at
            the end, unless given.
        token: What clients have to show; made here unless given.
        backend: `"local"` for the best isolation that this machine allows, `"process"` for none,
            for trusted commands on machines that allow nothing better, which every start logs as a
            warning.
        default_ttl: Seconds that a sandbox lives which asks for nothing; twelve hours.
        max_sandboxes: Most sandboxes at once; 256.
        images: Directories offered as images, by name; `"default"` replaces the host's tree.
        expose: Directories of the host that every sandbox sees, read-only, at the same path.
        plain_wire: Leave every addition to the documented wire off, as other gateways would.
        client_grace: Seconds that the commands of a client that went away go on; ten.
        kill_grace: Seconds between TERM and KILL; two.
        allow_hosts: Host names by which clients may call it; addresses and `localhost` always may.
        allow_origins: Origins of web pages that may call it, such as `"https://console.example"`.
        tokens: A file of tokens, each of which belongs to one project, in place of `token`.
        token_limits: What the holder of each token may use at once.

    Example:
        >>> with LocalGateway() as gw, gw.client() as client:
        ...     with client.create("me") as sandbox:
        ...         print(sandbox.run_command("echo hello from $(hostname)").output)
    """

    def __init__(
        self,
        *,
        listen: str | None = None,
        data_dir: StrPath | None = None,
        token: str | None = None,
        backend: Literal["local", "process"] | None = None,
        default_ttl: Seconds | None = None,
        max_sandboxes: int | None = None,
        images: Mapping[str, StrPath] | None = None,
        expose: Iterable[StrPath] | None = None,
        plain_wire: bool = False,
        client_grace: Seconds | None = None,
        kill_grace: Seconds | None = None,
        allow_hosts: Iterable[str] | None = None,
        allow_origins: Iterable[str] | None = None,
        tokens: StrPath | None = None,
        token_limits: TokenLimits | None = None,
    ) -> None:
        self._settings: dict[str, Any] = {
            "listen": _check.some_text("listen", listen),
            "data_dir": None if data_dir is None else _check.local_path("data_dir", data_dir),
            "token": _check.some_text("token", token),
            "backend": _check.some_text("backend", backend),
            "default_ttl": _check.some_seconds("default_ttl", default_ttl),
            "max_sandboxes": _check.some_number("max_sandboxes", max_sandboxes),
            "images": _images(images),
            "expose": [
                _check.local_path("expose", place)
                for place in _check.iterable("expose", () if expose is None else expose)
            ],
            "plain_wire": _check.flag("plain_wire", plain_wire),
            "client_grace": _check.some_seconds("client_grace", client_grace),
            "kill_grace": _check.some_seconds("kill_grace", kill_grace),
            "allow_hosts": _check.texts("allow_hosts", () if allow_hosts is None else allow_hosts),
            "allow_origins": _check.texts(
                "allow_origins", () if allow_origins is None else allow_origins
            ),
            "tokens": None if tokens is None else _check.local_path("tokens", tokens),
            "token_limits": _limits(token_limits),
        }
        self._running: _native.Gateway | None = None

    def __repr__(self) -> str:
        return f"<LocalGateway {'not running' if self._running is None else self._running.url}>"

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return await self.start_async()

    async def __aexit__(self, *_: object) -> None:
        await self.close_async()

    def start(self) -> Self:
        """Start it, unless it runs, and return it.

        Raises:
            UnavailableError: No sandbox can be built on this machine; the message says why.
            InvalidArgumentError: A setting can't work.
            LocalIoError: The address is taken, or the directory can't be used.

        Example:
            >>> gw = LocalGateway().start()
            >>> client = gw.client()
        """
        if self._running is None:
            _lifetime.begun()
            self._started(_native.wait(_native.start_gateway(**self._settings)))
        return self

    async def start_async(self) -> Self:
        """Start it as `start` does, for a running event loop.

        Raises:
            UnavailableError: No sandbox can be built on this machine; the message says why.
            InvalidArgumentError: A setting can't work.
            LocalIoError: The address is taken, or the directory can't be used.

        Example:
            >>> gw = await LocalGateway().start_async()
        """
        if self._running is None:
            from ._async._runner import run

            _lifetime.begun()
            self._started(await run(_native.start_gateway(**self._settings)))
        return self

    def close(self) -> None:
        """End it with its sandboxes, and leave nothing of them behind. Idempotent.

        Raises:
            UnavailableError: Something could not be cleaned up; the message says what.

        Example:
            >>> gw = LocalGateway().start()
            >>> gw.close()
        """
        stop = self._stop()
        if stop is not None:
            _native.wait(stop)

    async def close_async(self) -> None:
        """End it as `close` does, for a running event loop.

        Raises:
            UnavailableError: Something could not be cleaned up; the message says what.

        Example:
            >>> gw = await LocalGateway().start_async()
            >>> await gw.close_async()
        """
        stop = self._stop()
        if stop is not None:
            from ._async._runner import run

            await run(stop)

    @property
    def url(self) -> str:
        """The base URL for clients, such as `http://127.0.0.1:41234`.

        It, like all that is known only of a gateway that runs, raises `ClosedError` before and
        after.
        """
        return self._must_run().url

    @property
    def token(self) -> str:
        """The bearer token for clients."""
        return self._must_run().token

    @property
    def mode(self) -> str:
        """How sandboxes are kept apart from the host."""
        return self._must_run().mode

    @property
    def data_dir(self) -> Path:
        """Where records and sandboxes are kept."""
        return self._must_run().data_dir

    def client(self, **options: Unpack[ClientOptions]) -> Client:
        """Return a new client of this gateway; it takes the options of `Client`.

        Raises:
            ClosedError: The gateway does not run.
            InvalidArgumentError: An option can't work.

        Example:
            >>> with LocalGateway() as gw, gw.client(call_timeout=5) as client:
            ...     print(client.list())
        """
        from ._sync.client import Client

        return Client(self.url, self.token, **options)

    def async_client(self, **options: Unpack[ClientOptions]) -> AsyncClient:
        """Return a new asyncio client of this gateway; it takes the options of `AsyncClient`.

        Raises:
            ClosedError: The gateway does not run.
            InvalidArgumentError: An option can't work.

        Example:
            >>> async with LocalGateway() as gw, gw.async_client() as client:
            ...     print(await client.list())
        """
        from ._async.client import AsyncClient

        return AsyncClient(self.url, self.token, **options)

    def _started(self, running: _native.Gateway) -> None:
        self._running = running
        _lifetime.made(self)
        if running.mode == "Process":
            _logging.warn(
                "vtrix_sandbox.gateway",
                f"isolation: process (NONE: commands run as this user) at {running.url}",
            )

    def _stop(self) -> _native.Op[None] | None:
        running, self._running = self._running, None
        return None if running is None else running.stop()

    def _must_run(self) -> _native.Gateway:
        if self._running is None:
            raise ClosedError("the gateway does not run: use it in a with block, or start it")
        return self._running


def _images(images: Mapping[str, StrPath] | None) -> dict[str, str]:
    if images is None:
        return {}
    if not isinstance(images, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise _check.wrong_type("images", images, "a mapping")
    return {
        _check.text("a name of images", name): _check.local_path("images", place)
        for name, place in images.items()
    }


def _limits(limits: TokenLimits | None) -> TokenLimits | None:
    if limits is None:
        return None
    from dataclasses import fields

    from .types import TokenLimits

    if not isinstance(limits, TokenLimits):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise _check.wrong_type("token_limits", limits, "TokenLimits")
    for name in (field.name for field in fields(limits)):
        value = getattr(limits, name)
        if name == "idle":
            _check.some_seconds("token_limits.idle", value)
        else:
            _check.some_number(f"token_limits.{name}", value)
    return limits
