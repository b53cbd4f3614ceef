"""Read, write, edit, list, upload, download and stream files. With asyncio."""

import asyncio
import tempfile
from pathlib import Path

from vtrix_sandbox import EditAmbiguousError, TextContent, WriteFile

from _service import async_service


async def main() -> None:
    async with async_service() as client, await client.create("user-123") as sandbox:
        with tempfile.TemporaryDirectory() as local:
            # Text. Parent directories are made.
            print(
                "wrote",
                await sandbox.write("/workspace/app/config.json", '{"port": 3000}'),
                "bytes",
            )
            await sandbox.edit("/workspace/app/config.json", '"port": 3000', '"port": 8080')
            result = await sandbox.read("/workspace/app/config.json")
            if isinstance(result, TextContent):
                print(result.content, f"(cut: {result.truncated})")

            # An edit that could mean two places is refused.
            await sandbox.write("/workspace/app/twice", "a a")
            try:
                await sandbox.edit("/workspace/app/twice", "a", "b")
            except EditAmbiguousError as error:
                print(error)

            # Several binary files in one flight, with permissions.
            script = WriteFile("/workspace/app/run.sh", "#!/bin/sh\necho it runs\n", mode=0o755)
            await sandbox.write_files(
                [script, WriteFile("/workspace/app/data.bin", b"\x00\x9f\x92")]
            )
            print((await sandbox.run_command("/workspace/app/run.sh")).output, end="")

            # Every byte of any file, or nothing where there is none.
            print(await sandbox.read_to_buffer("/workspace/app/data.bin"))
            print(await sandbox.read_to_buffer("/workspace/app/missing"))

            # Files as file objects, with asyncio's words.
            async with sandbox.open("/workspace/app/notes.txt", "w") as file:
                await file.write("one\ntwo\n")
            async with sandbox.open("/workspace/app/notes.txt") as file:
                print([line async for line in file])

            # Directories and metadata.
            await sandbox.mkdir("/workspace/app/logs")
            for entry in await sandbox.list_files("/workspace/app"):
                print("d" if entry.is_dir else "-", f"{entry.size:>6}", entry.name)
            print("exists:", await sandbox.exists("/workspace/app/logs"))
            print("is a directory:", (await sandbox.stat("/workspace/app/logs")).is_dir)

            # To and from this machine, whole or not at all.
            up, down = Path(local, "up.csv"), Path(local, "new", "down.csv")
            up.write_text("a,b\n" * 100_000)
            await sandbox.upload_file(up, "/workspace/large.csv", progress=True)
            print(await sandbox.download_file("/workspace/large.csv", down, mkdir_recursive=True))
            several = {"/workspace/app/run.sh": Path(local, "run.sh"), "/no": Path(local, "no")}
            print(await sandbox.download_files(several))

            # A large file piece by piece, in little memory.
            print(
                sum([len(chunk) async for chunk in sandbox.read_stream("/workspace/large.csv")]),
                "bytes",
            )

            # What goes wrong is what Python calls it.
            try:
                await sandbox.read("/workspace/app")
            except IsADirectoryError as error:
                print(error)

            await sandbox.delete()


asyncio.run(main())
