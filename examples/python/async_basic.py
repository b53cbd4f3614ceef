"""Create a sandbox, run commands, let one run by itself. With asyncio."""

import asyncio

from vtrix_sandbox import CommandTimedOutError

from _service import async_service


async def main() -> None:
    async with async_service() as client:
        async with await client.create(
            "user-123", env={"GREETING": "hello"}, ttl_hours=1
        ) as sandbox:
            # Arguments are quoted: nothing in them is run by the shell.
            done = await sandbox.run_command('echo "$GREETING"', ["it's $(not) run"])
            print(done.output, end="")

            # Directory, environment, input.
            done = await sandbox.run_command(
                "pwd; echo $GREETING; wc -w",
                working_dir="/tmp",
                env={"GREETING": "good morning"},
                stdin="three short words",
                check=True,
            )
            print(done.output, end="")

            # An exit code other than 0 is a result, unless check=True asks for an exception.
            done = await sandbox.run_command("ls /missing")
            print(f"exit code {done.exit_code}: {done.stderr.strip()}")

            # A command that takes too long is killed; the exception has its output.
            try:
                await sandbox.run_command("echo begun; sleep 60", timeout=0.3)
            except CommandTimedOutError as late:
                print("timed out after writing", late.command and late.command.output)

            # Detached: started, and waited for when it suits.
            job = await sandbox.run_command_detached("sleep 0.5; echo worked")
            print(f"{job.cmd_id} runs as process {job.pid}")
            print((await job.wait()).output, end="")

            server = await sandbox.run_command_detached("exec sleep 3600")
            await server.kill()
            print(f"the server {(await server.wait()).outcome}")

            await sandbox.delete()


asyncio.run(main())
