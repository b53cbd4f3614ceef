"""Come back to a sandbox by its id, as another program would. With asyncio."""

import asyncio

from _service import async_service


async def main() -> None:
    async with async_service() as client:
        # One program creates a sandbox, leaves something running in it, and goes away.
        async with await client.create("user-123", labels={"job": "nightly"}) as sandbox:
            await sandbox.write("notes.txt", "remember the milk")
            job = await sandbox.run_command_detached("sleep 0.5; echo finished")

        # Another finds it again.
        for info in (await client.list(user_id="user-123", status="active")).items:
            print(f"{info.id} is {info.status}, with labels {info.labels}")

        # The environment of create is not kept anywhere: it is given again.
        async with await client.attach(sandbox.id, env={"WHO": "second"}) as again:
            print(await again.read("notes.txt"))
            print((await again.run_command("echo the $WHO program is here")).output, end="")
            print((await again.get_command(job.cmd_id).wait()).output, end="")
            await again.delete()


asyncio.run(main())
