"""Read, write, edit, list, upload, download and stream files."""

import csv
import tempfile
from pathlib import Path

from vtrix_sandbox import EditAmbiguousError, TextContent, WriteFile

from _service import service

with service() as client, tempfile.TemporaryDirectory() as local:
    with client.create("user-123") as sandbox:
        # Text. Parent directories are made.
        print("wrote", sandbox.write("/workspace/app/config.json", '{"port": 3000}'), "bytes")
        sandbox.edit("/workspace/app/config.json", '"port": 3000', '"port": 8080')
        result = sandbox.read("/workspace/app/config.json")
        if isinstance(result, TextContent):
            print(result.content, f"(cut: {result.truncated})")

        # An edit that could mean two places is refused.
        sandbox.write("/workspace/app/twice", "a a")
        try:
            sandbox.edit("/workspace/app/twice", "a", "b")
        except EditAmbiguousError as error:
            print(error)

        # Several binary files in one flight, with permissions.
        script = WriteFile("/workspace/app/run.sh", "#!/bin/sh\necho it runs\n", mode=0o755)
        sandbox.write_files([script, WriteFile("/workspace/app/data.bin", b"\x00\x9f\x92")])
        print(sandbox.run_command("/workspace/app/run.sh").output, end="")

        # Every byte of any file, or nothing where there is none.
        print(sandbox.read_to_buffer("/workspace/app/data.bin"))
        print(sandbox.read_to_buffer("/workspace/app/missing"))

        # Files as file objects: whatever works on those works here.
        with sandbox.open("/workspace/app/table.csv", "w", newline="") as file:
            csv.writer(file).writerows([["name", "size"], ["a", 1], ["b", 2]])
        with sandbox.open("/workspace/app/table.csv", newline="") as file:
            print(list(csv.reader(file)))

        # Directories and metadata.
        sandbox.mkdir("/workspace/app/logs")
        for entry in sandbox.list_files("/workspace/app"):
            print("d" if entry.is_dir else "-", f"{entry.size:>6}", entry.name)
        print("exists:", sandbox.exists("/workspace/app/logs"))
        print("is a directory:", sandbox.stat("/workspace/app/logs").is_dir)

        # To and from this machine, whole or not at all.
        up, down = Path(local, "up.csv"), Path(local, "new", "down.csv")
        up.write_text("a,b\n" * 100_000)
        sandbox.upload_file(up, "/workspace/large.csv", progress=True)
        print(sandbox.download_file("/workspace/large.csv", down, mkdir_recursive=True))
        several = {"/workspace/app/run.sh": Path(local, "run.sh"), "/no": Path(local, "no")}
        print(sandbox.download_files(several))

        # A large file piece by piece, in little memory.
        print(sum(len(chunk) for chunk in sandbox.read_stream("/workspace/large.csv")), "bytes")

        # What goes wrong is what Python calls it.
        try:
            sandbox.read("/workspace/app")
        except IsADirectoryError as error:
            print(error)

        sandbox.delete()
