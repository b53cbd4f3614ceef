"""A first look at an installed package, for every Python: standard library alone."""

import asyncio
import sys

import vtrix_sandbox as vs


async def asynchronous(gw: vs.LocalGateway) -> None:
    async with vs.AsyncClient(gw.url, gw.token) as client, await client.create("smoke") as sandbox:
        assert (await sandbox.run_command("echo async")).output == "async\n"
        events = [event.type async for event in sandbox.run_command_stream("echo x")]
        assert events == ["start", "stdout", "done"], events
        await sandbox.delete()


with vs.LocalGateway() as gw, gw.client() as client, client.create("smoke") as sandbox:
    assert sandbox.run_command("echo sync", check=True).output == "sync\n"
    sandbox.write("/workspace/f", "x")
    with sandbox.open("/workspace/f") as file:
        assert file.read() == "x"
    try:
        sandbox.read("/missing")
    except FileNotFoundError as error:
        assert isinstance(error, vs.SandboxError)
    asyncio.run(asynchronous(gw))
print("smoke", sys.version.split()[0], vs.__version__)
