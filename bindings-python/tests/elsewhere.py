"""What a process made by `multiprocessing` runs; importable there by name."""

from __future__ import annotations

from vtrix_sandbox import Client


def run(url: str, token: str, sandbox_id: str, _: str) -> str:
    with Client(url, token) as client, client.attach(sandbox_id) as sandbox:
        return sandbox.run_command("echo spawned").output
