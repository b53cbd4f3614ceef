# Made from _async/client.py by tools/unasync.py. Change that, not this.
"""The client: one gateway, one set of credentials, any number of sandboxes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from .. import _check, _lifetime, _native, _options
from .._options import Seconds
from ._runner import run
from .sandbox import Sandbox

if TYPE_CHECKING:
    from typing_extensions import Self

    from ..types import ListResult, Payload, PoolStatus, RollingStatus, SandboxInfo, Spec


class Client:
    """Creates, finds and deletes sandboxes.

    Any number of tasks or threads may use one client at the same time. As a context manager it
    closes itself, and every handle made from it, at the end.

    Args:
        base_url: The gateway, such as `"http://host:8080"`; else `VTRIX_BASE_URL`.
        token: The bearer token; else `VTRIX_TOKEN`. Empty: none.
        project_id: Sent as `X-Project-ID`; else `VTRIX_PROJECT_ID`. Empty: none.
        routes: The generation of routes that the gateway serves; `"sandboxes"` for later ones.
        connect_timeout: Seconds for making one connection; 10 unless said otherwise.
        call_timeout: Seconds for one call that takes no time by its nature, and for each wait for
            the next bytes of a file; 60 unless said otherwise. Commands and waits for them have
            their own.
        heartbeat_interval: Seconds without hearing from the gateway after which it is asked; 10.
        heartbeat_timeout: Seconds after which the connection counts as lost; 25.
        stream_buffer: Bytes of one stream that wait for its reader; 2 MiB.
        max_in_flight: Calls open at once on one sandbox; 4,096. More wait.
        max_connections: Connections to one sandbox at once; 256. Each open stream has one.
        max_message: Bytes of the largest message that is accepted from the gateway; 64 MiB. It
            bounds images that `read` returns and directories that `list_files` does.
        extra_root_pem: Certificates to trust beside the platform's: PEM, or a path to some.
        client_identity_pem: What to show to a gateway that asks for a certificate: PEM with the
            certificate, its chain and the private key, not encrypted, or a path to some.
        idle_timeout: Seconds after which a connection that carries no call is closed; 300. The
            next call makes another.
        max_retries: How often a call is made again that never reached the gateway, or that may be
            made twice without harm; 2 unless said otherwise, at most 10, 0 for never. A command,
            a create or a write that may have run never is.
        proxy: The proxy on the way to the gateway: `http://`, `https://`, `socks5://` or
            `socks5h://`, with `user:password@` where it wants them; else `HTTPS_PROXY`,
            `HTTP_PROXY` or `ALL_PROXY`. Empty: none.
        no_proxy: What is reached without a proxy: names, addresses, networks, or `"*"`, as a list
            or separated by commas; else `NO_PROXY`. Empty: nothing.

    Raises:
        InvalidArgumentError: An option can't work, or `base_url` is missing; the message says
            which option or variable it is.

    Example:
        >>> with Client(base_url="http://localhost:8080", token="…") as client:
        ...     sandbox = client.create("user-123")
        ...     done = sandbox.run_command("echo hello && uname -a")
        ...     print(done.exit_code, done.output)
        ...     sandbox.delete()
    """

    def __init__(
        self,
        base_url: str | None = None,
        token: str | None = None,
        project_id: str | None = None,
        *,
        routes: Literal["sandbox", "sandboxes"] | None = None,
        connect_timeout: Seconds | None = None,
        call_timeout: Seconds | None = None,
        heartbeat_interval: Seconds | None = None,
        heartbeat_timeout: Seconds | None = None,
        stream_buffer: int | None = None,
        max_in_flight: int | None = None,
        max_connections: int | None = None,
        max_message: int | None = None,
        extra_root_pem: bytes | str | os.PathLike[str] | None = None,
        client_identity_pem: bytes | str | os.PathLike[str] | None = None,
        idle_timeout: Seconds | None = None,
        max_retries: int | None = None,
        proxy: str | None = None,
        no_proxy: str | Iterable[str] | None = None,
    ) -> None:
        _lifetime.begun()
        self._native = _native.Client(
            base_url=_check.some_text("base_url", base_url),
            token=_check.some_text("token", token),
            project_id=_check.some_text("project_id", project_id),
            routes=_check.some_text("routes", routes),
            connect_timeout=_check.some_seconds("connect_timeout", connect_timeout),
            call_timeout=_check.some_seconds("call_timeout", call_timeout),
            heartbeat_interval=_check.some_seconds("heartbeat_interval", heartbeat_interval),
            heartbeat_timeout=_check.some_seconds("heartbeat_timeout", heartbeat_timeout),
            stream_buffer=_check.some_number("stream_buffer", stream_buffer),
            max_in_flight=_check.some_number("max_in_flight", max_in_flight),
            max_connections=_check.some_number("max_connections", max_connections),
            max_message=_check.some_number("max_message", max_message),
            extra_root_pem=_options.pem("extra_root_pem", extra_root_pem),
            client_identity_pem=_options.pem("client_identity_pem", client_identity_pem),
            idle_timeout=_check.some_seconds("idle_timeout", idle_timeout),
            max_retries=_check.some_number("max_retries", max_retries, _check.SMALL),
            proxy=_check.some_text("proxy", proxy),
            no_proxy=_options.hosts(no_proxy),
        )
        _lifetime.made(self._native)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the client and every handle made from it. Idempotent.

        Calls in progress and all later ones raise `ClosedError`; commands that are being waited
        for are killed. The sandboxes themselves go on. It does not wait, and raises nothing.

        Example:
            >>> client = Client()
            >>> try:
            ...     print(client.list())
            ... finally:
            ...     client.close()
        """
        self._native.close()

    def create(
        self,
        user_id: str,
        *,
        spec: Spec | Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
        payloads: Iterable[Payload | Mapping[str, Any]] | None = None,
        ttl_hours: float = 0,
        env: Mapping[str, str] | None = None,
        timeout: Seconds | None = None,
    ) -> Sandbox:
        """Create a sandbox, wait until it is active, and connect to it.

        Args:
            user_id: The owner.
            spec: Resources and image.
            labels: Metadata.
            payloads: Calls made to the sandbox once it runs.
            ttl_hours: Lifetime in hours; a fraction is allowed, 0 is the gateway's default.
            env: Variables for every command run through the returned handle.
            timeout: Seconds to wait for it to become active; 180 unless said otherwise.

        Raises:
            NotActiveError: It failed or stopped on its way; the message says why.
            TimeoutError: It is still on its way. Once the gateway has accepted the sandbox every
                error names its id, and the sandbox is left as it is.

        Example:
            >>> sandbox = client.create(
            ...     "user-123", spec={"cpu": "2", "memory": "4Gi"}, ttl_hours=2
            ... )
        """
        op = self._native.create(
            _check.text("user_id", user_id),
            _options.spec(spec),
            _check.mapping("labels", labels),
            _options.payloads(payloads),
            _check.real("ttl_hours", ttl_hours),
            _check.mapping("env", env),
            _check.some_seconds("timeout", timeout),
        )
        return Sandbox(run(op))

    def attach(
        self, sandbox_id: str, *, env: Mapping[str, str] | None = None
    ) -> Sandbox:
        """Connect to a sandbox that exists.

        Args:
            sandbox_id: Which.
            env: Variables for every command run through the returned handle; those given to
                `create` are not known here.

        Raises:
            NotFoundError: There is no such sandbox.
            NotActiveError: It is stopped, has failed or is being destroyed.
            ConnectionError: No connection could be made.

        Example:
            >>> with client.attach("sandbox-id-abc") as sandbox:
            ...     sandbox.run_command("uptime")
        """
        which = _check.text("sandbox_id", sandbox_id)
        return Sandbox(run(self._native.attach(which, _check.mapping("env", env))))

    def list(
        self,
        *,
        user_id: str | None = None,
        status: str | None = None,
        limit: int | None = None,
        offset: int | None = None,
    ) -> ListResult:
        """List the sandboxes that these credentials may see, a page at a time.

        Args:
            user_id: Only this owner's.
            status: Only those in this status.
            limit: At most so many; 50 unless said otherwise, 1,000 at most.
            offset: Past so many.

        Raises:
            InvalidArgumentError: A filter is not what the gateway takes.

        Example:
            >>> page = client.list(user_id="user-123", status="active")
            >>> [info.id for info in page.items], page.pagination.total
            (['sandbox-id-abc'], 1)
        """
        op = self._native.list(
            _check.some_text("user_id", user_id),
            _check.some_text("status", status),
            _check.some_number("limit", limit),
            _check.some_number("offset", offset),
        )
        return run(op)

    def get(self, sandbox_id: str) -> SandboxInfo:
        """Return what the gateway knows of a sandbox, without connecting to it.

        Raises:
            NotFoundError: There is no such sandbox.

        Example:
            >>> (client.get("sandbox-id-abc")).status
            'active'
        """
        return run(self._native.get(_check.text("sandbox_id", sandbox_id)))

    def delete(self, sandbox_id: str) -> None:
        """Delete a sandbox with everything in it, for good.

        Raises:
            NotFoundError: There is no such sandbox.

        Example:
            >>> for info in (client.list(user_id="user-123")).items:
            ...     client.delete(info.id)
        """
        run(self._native.delete(_check.text("sandbox_id", sandbox_id)))

    def pool_status(self) -> PoolStatus:
        """Return the figures of the pool of warm sandboxes; for operators.

        Raises:
            UnauthorizedError: These credentials are no operator's.

        Example:
            >>> (client.pool_status()).healthy
            True
        """
        return run(self._native.pool_status())

    def rolling_start(self, *, image: str | None = None) -> RollingStatus:
        """Start replacing the pool's sandboxes by ones made from an image; for operators.

        Args:
            image: The image's name; the gateway's default unless given.

        Raises:
            InvalidArgumentError: The gateway offers no such image.
            UnauthorizedError: These credentials are no operator's.

        Example:
            >>> status = client.rolling_start(image="python-3.13")
        """
        return run(self._native.rolling_start(_check.some_text("image", image)))

    def rolling_status(self) -> RollingStatus:
        """Return how far the rolling update is; for operators.

        Raises:
            UnauthorizedError: These credentials are no operator's.

        Example:
            >>> status = client.rolling_status()
            >>> status.warm_total
            0
        """
        return run(self._native.rolling_status())

    def rolling_cancel(self) -> RollingStatus:
        """Stop the rolling update where it is; for operators.

        Raises:
            UnauthorizedError: These credentials are no operator's.

        Example:
            >>> status = client.rolling_cancel()
        """
        return run(self._native.rolling_cancel())
