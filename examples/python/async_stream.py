"""Output as it happens, replayed, and taken apart. With asyncio."""

import asyncio
import sys

from _service import async_service

BUILD = "for n in 1 2 3; do echo compiling $n; sleep 0.2; done; echo 1 warning >&2"


async def main() -> None:
    async with async_service() as client, await client.create("user-123") as sandbox:
        # Events, each stream apart. Leaving the loop early kills the command.
        async for event in sandbox.run_command_stream(BUILD):
            match event.type:
                case "start":
                    print(f"started as process {event.pid}")
                case "stdout":
                    print(f"  {event.data}", end="")
                case "stderr":
                    print(f"! {event.data}", end="")
                case "done":
                    print(event.outcome)

        # Wait for the result and watch meanwhile.
        done = await sandbox.run_command(BUILD, stdout=sys.stdout)
        print(f"{len(done.output)} characters in all")

        # A detached command can be followed by anybody who knows its id.
        job = await sandbox.run_command_detached(BUILD)
        async for event in sandbox.exec_logs(job.cmd_id):
            print(event.data or "", end="")

        # The same through the command's handle, and again once it is over.
        async for entry in job.logs():
            print("!" if entry.stream == "stderr" else " ", entry.data, end="")
        print(f"standard output alone: {await job.stdout()!r}")
        print(f"both: {len((await job.collect_output('both')).data_bytes)} bytes")

        await sandbox.delete()


asyncio.run(main())
