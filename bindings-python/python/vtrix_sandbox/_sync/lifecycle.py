# Made from _async/lifecycle.py by tools/unasync.py. Change that, not this.
"""A sandbox's life: stopping, starting, prolonging, changing, deleting."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from .. import _check, _options
from .._options import Seconds
from ._part import Part
from ._runner import run

if TYPE_CHECKING:
    from ..types import Payload, Spec


class Lifecycle(Part):
    """What can be done to a sandbox as a whole."""

    def stop(
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
            >>> sandbox.stop(blocking=True)
            >>> sandbox.status
            'stopped'
        """
        op = self._native.stop(
            _check.flag("blocking", blocking),
            _check.seconds("poll_interval", poll_interval),
            _check.seconds("timeout", timeout),
        )
        run(op)

    def start(self) -> None:
        """Start a stopped sandbox; `wait_until_active` waits for it.

        Raises:
            ConflictError: It is in a status that can't be started from.

        Example:
            >>> sandbox.start()
            >>> sandbox.wait_until_active()
        """
        run(self._native.start())

    def restart(self) -> None:
        """Stop and start the sandbox; `wait_until_active` waits for it.

        Its files stay, its processes don't.

        Raises:
            ConflictError: It is in a status that can't be restarted from.

        Example:
            >>> sandbox.restart()
            >>> sandbox.wait_until_active()
        """
        run(self._native.restart())

    def wait_until_active(self, *, timeout: Seconds = 180.0) -> None:
        """Wait until the sandbox is active.

        Raises:
            NotActiveError: It is stopped, has failed or is being destroyed.
            TimeoutError: It is on its way after `timeout` seconds.

        Example:
            >>> sandbox.start()
            >>> sandbox.wait_until_active(timeout=60)
        """
        run(self._native.wait_until_active(_check.seconds("timeout", timeout)))

    def extend(self, seconds: Seconds) -> None:
        """Add 1 to `MAX_EXTEND_SECONDS` seconds to the sandbox's life.

        What is cached stays as it is; `extend_timeout` refreshes it.

        Raises:
            InvalidArgumentError: `seconds` is no whole number in that range.

        Example:
            >>> sandbox.extend(timedelta(hours=1))
        """
        run(self._native.extend(_check.whole_seconds("seconds", seconds)))

    def extend_timeout(self, seconds: Seconds) -> None:
        """Add seconds to the sandbox's life as `extend` does, then `refresh`.

        Raises:
            InvalidArgumentError: `seconds` is no whole number from 1 to `MAX_EXTEND_SECONDS`.

        Example:
            >>> sandbox.extend_timeout(3600)
            >>> sandbox.timeout
            datetime.timedelta(seconds=7199)
        """
        run(self._native.extend_timeout(_check.whole_seconds("seconds", seconds)))

    def update(
        self, *, spec: Spec | Mapping[str, str] | None = None, image: str | None = None
    ) -> None:
        """Change resources or image. The sandbox may be made anew for it; its files stay.

        Raises:
            InvalidArgumentError: Nothing is given, or the gateway can't do it.
            ConflictError: It is in a status that can't be changed.

        Example:
            >>> sandbox.update(spec={"memory": "8Gi"})
        """
        run(self._native.update(_options.spec(spec), _check.some_text("image", image)))

    def configure(
        self, payloads: Iterable[Payload | Mapping[str, Any]] | None = None
    ) -> None:
        """Apply the sandbox's stored payloads now, or others in their place this one time.

        Args:
            payloads: What to call instead; each as a `Payload` or as its fields.

        Raises:
            InvalidArgumentError: A payload is not what the gateway takes.
            NotActiveError: The sandbox does not run.

        Example:
            >>> sandbox.configure([{"api": "/api/v1/env", "body": {"MODE": "test"}}])
        """
        run(self._native.configure(_options.payloads(payloads)))

    def delete(self) -> None:
        """Delete the sandbox with everything in it, for good.

        Raises:
            NotFoundError: It is gone already.

        Example:
            >>> sandbox = client.create("user-123")
            >>> sandbox.delete()
        """
        run(self._native.delete())
