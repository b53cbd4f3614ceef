"""Stop, start, restart, extend, update, configure and delete a sandbox. With asyncio."""

import asyncio
from datetime import timedelta

from vtrix_sandbox import NotActiveError, NotFoundError

from _service import async_service


async def main() -> None:
    async with (
        async_service() as client,
        await client.create(
            "user-123",
            spec={"cpu": "1", "memory": "1Gi"},
            payloads=[{"api": "/api/v1/env", "body": {"STAGE": "test"}}],
            ttl_hours=1,
        ) as sandbox,
    ):
        print(f"{sandbox.status} until {sandbox.expire_at}")
        print((await sandbox.run_command("echo stage $STAGE")).output, end="")

        # Files survive a stop, processes don't.
        await sandbox.write("/workspace/kept.txt", "still here")
        await sandbox.stop(blocking=True, poll_interval=0.05)
        print(sandbox.status)
        try:
            await sandbox.run_command("true")
        except NotActiveError as error:
            print(error)
        await sandbox.start()
        await sandbox.wait_until_active()
        print(await sandbox.read("/workspace/kept.txt"))

        await sandbox.restart()
        await sandbox.wait_until_active()

        # More time: one hour, and the cached record is refreshed.
        await sandbox.extend_timeout(timedelta(hours=1))
        print(f"{sandbox.timeout} left")

        # Other resources. The sandbox may be made again; its files stay.
        await sandbox.update(spec={"cpu": "2", "memory": "2Gi"})
        await sandbox.wait_until_active()
        print(sandbox.info.spec)

        # Apply the stored configuration again.
        await sandbox.configure()
        await sandbox.wait_until_active()
        print((await sandbox.run_command("echo stage $STAGE")).output, end="")

        await sandbox.delete()
        try:
            await client.get(sandbox.id)
        except NotFoundError as error:
            print(f"gone: {error}")


asyncio.run(main())
