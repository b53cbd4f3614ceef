"""A sandbox's life: stopping, starting, prolonging, changing, deleting."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from .. import _check, _options
from .._options import Seconds
from ._part import AsyncPart
from ._runner import run

if TYPE_CHECKING:
    from ..types import Payload, Spec


class AsyncLifecycle(AsyncPart):
    """What can be done to a sandbox as a whole."""

    async def stop(
        self, *, blocking: bool = False, poll_interval: Seconds = 2.0, timeout: Seconds = 300.0
    ) -> None:
        """Stop the sandbox. Its files stay, its processes don't.

        Args:
            blocking: Wait until it is `stopped` or `failed`.
            poll_interval: The longest wait in seconds between two looks.
            timeout: How many seconds to wait in all.

        Raises:
            TimeoutError: It has not stopped in time.

        Example:
            >>> await sandbox.stop(blocking=True)
            >>> sandbox.status
            'stopped'
        """
        op = self._native.stop(
            _check.flag("blocking", blocking),
            _check.seconds("poll_interval", poll_interval),
            _check.seconds("timeout", timeout),
        )
        await run(op)

    async def start(self) -> None:
        """Start a stopped sandbox; `wait_until_active` waits for it.

        Raises:
            ConflictError: It is in a status that can't be started from.

        Example:
            >>> await sandbox.start()
            >>> await sandbox.wait_until_active()
        """
        await run(self._native.start())

    async def restart(self) -> None:
        """Stop and start the sandbox; `wait_until_active` waits for it.

        Its files stay, its processes don't.

        Raises:
            ConflictError: It is in a status that can't be restarted from.

        Example:
            >>> await sandbox.restart()
            >>> await sandbox.wait_until_active()
        """
        await run(self._native.restart())

    async def wait_until_active(self, *, timeout: Seconds = 180.0) -> None:
        """Wait until the sandbox is active.

        Raises:
            NotActiveError: It is stopped, has failed or is being destroyed.
            TimeoutError: It is on its way after `timeout` seconds.

        Example:
            >>> await sandbox.start()
            >>> await sandbox.wait_until_active(timeout=60)
        """
        await run(self._native.wait_until_active(_check.seconds("timeout", timeout)))

    async def extend(self, seconds: Seconds) -> None:
        """Add 1 to `MAX_EXTEND_SECONDS` seconds to the sandbox's life.

        What is cached stays as it is; `extend_timeout` refreshes it.

        Raises:
            InvalidArgumentError: `seconds` is no whole number in that range.

        Example:
            >>> await sandbox.extend(timedelta(hours=1))
        """
        await run(self._native.extend(_check.whole_seconds("seconds", seconds)))

    async def extend_timeout(self, seconds: Seconds) -> None:
        """Add seconds to the sandbox's life as `extend` does, then `refresh`.

        Raises:
            InvalidArgumentError: `seconds` is no whole number from 1 to `MAX_EXTEND_SECONDS`.

        Example:
            >>> await sandbox.extend_timeout(3600)
            >>> sandbox.timeout
            datetime.timedelta(seconds=7199)
        """
        await run(self._native.extend_timeout(_check.whole_seconds("seconds", seconds)))

    async def update(
        self, *, spec: Spec | Mapping[str, str] | None = None, image: str | None = None
    ) -> None:
        """Change resources or image. The sandbox may be made anew for it; its files stay.

        Raises:
            InvalidArgumentError: Nothing is given, or the gateway can't do it.
            ConflictError: It is in a status that can't be changed.

        Example:
            >>> await sandbox.update(spec={"memory": "8Gi"})
        """
        await run(self._native.update(_options.spec(spec), _check.some_text("image", image)))

    async def configure(
        self, payloads: Iterable[Payload | Mapping[str, Any]] | None = None
    ) -> None:
        """Apply the sandbox's stored payloads now, or others in their place this one time.

        Args:
            payloads: What to call instead; each as a `Payload` or as its fields.

        Raises:
            InvalidArgumentError: A payload is not what the gateway takes.
            NotActiveError: The sandbox does not run.

        Example:
            >>> await sandbox.configure([{"api": "/api/v1/env", "body": {"MODE": "test"}}])
        """
        await run(self._native.configure(_options.payloads(payloads)))

    async def delete(self) -> None:
        """Delete the sandbox with everything in it, for good.

        Raises:
            NotFoundError: It is gone already.

        Example:
            >>> sandbox = await client.create("user-123")
            >>> await sandbox.delete()
        """
        await run(self._native.delete())
