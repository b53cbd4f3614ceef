# The native half, as type checkers see it. Checked against the built module by stubtest.

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar, final

from .types import (
    CollectedOutput,
    ConnectionEvent,
    ExecEvent,
    FileEntry,
    FileInfo,
    ListResult,
    LogEvent,
    Outcome,
    PoolStatus,
    ReadResult,
    RollingStatus,
    SandboxInfo,
    Spec,
    TokenLimits,
)

__all__ = [
    "DEFAULT_MAX_OUTPUT",
    "MAX_EXTEND_SECONDS",
    "VERSION",
    "Bridge",
    "Client",
    "Command",
    "CommandFinished",
    "Gateway",
    "Op",
    "Sandbox",
    "Stream",
    "download_file",
    "download_files",
    "error_kinds",
    "log_level",
    "next_logs",
    "settle",
    "start_gateway",
    "stop_logs",
    "upload_file",
    "wait",
]

_T = TypeVar("_T")
_Payload: TypeAlias = tuple[str, str | None, list[tuple[str, str]]]
_Callback: TypeAlias = Callable[[Any], object]

DEFAULT_MAX_OUTPUT: Final[int]
MAX_EXTEND_SECONDS: Final[int]
VERSION: Final[str]

@final
class Op(Generic[_T]): ...

@final
class Bridge:
    def __new__(cls) -> Bridge: ...
    def fileno(self) -> int: ...
    def submit(self, op: Op[Any], future: Any) -> bool: ...
    def flush(self) -> None: ...
    def cancel(self, op: Op[Any]) -> None: ...
    def drain(self) -> None: ...

@final
class Client:
    def __new__(
        cls,
        *,
        base_url: str | None = None,
        token: str | None = None,
        project_id: str | None = None,
        routes: str | None = None,
        connect_timeout: float | None = None,
        call_timeout: float | None = None,
        heartbeat_interval: float | None = None,
        heartbeat_timeout: float | None = None,
        stream_buffer: int | None = None,
        max_in_flight: int | None = None,
        max_connections: int | None = None,
        max_message: int | None = None,
        extra_root_pem: bytes | None = None,
        client_identity_pem: bytes | None = None,
        idle_timeout: float | None = None,
        max_retries: int | None = None,
        proxy: str | None = None,
        no_proxy: str | None = None,
    ) -> Client: ...
    def create(
        self,
        user_id: str,
        spec: Spec | None,
        labels: dict[str, str] | None,
        payloads: list[_Payload] | None,
        ttl_hours: float,
        env: dict[str, str] | None,
        timeout: float | None,
    ) -> Op[Sandbox]: ...
    def attach(self, sandbox_id: str, env: dict[str, str] | None) -> Op[Sandbox]: ...
    def list(
        self, user_id: str | None, status: str | None, limit: int | None, offset: int | None
    ) -> Op[ListResult]: ...
    def get(self, sandbox_id: str) -> Op[SandboxInfo]: ...
    def delete(self, sandbox_id: str) -> Op[None]: ...
    def pool_status(self) -> Op[PoolStatus]: ...
    def rolling_start(self, image: str | None) -> Op[RollingStatus]: ...
    def rolling_status(self) -> Op[RollingStatus]: ...
    def rolling_cancel(self) -> Op[RollingStatus]: ...
    def close(self) -> None: ...

@final
class Sandbox:
    @property
    def id(self) -> str: ...
    @property
    def info(self) -> SandboxInfo: ...
    @property
    def status(self) -> str: ...
    @property
    def created_at(self) -> datetime | None: ...
    @property
    def timeout(self) -> float: ...
    def domain(self, port: int) -> str: ...
    def run(
        self,
        given: dict[str, Any],
        stdout: _Callback | None,
        stderr: _Callback | None,
        bridge: Bridge | None,
    ) -> Op[CommandFinished]: ...
    def spawn(self, given: dict[str, Any]) -> Op[Command]: ...
    def stream(self, given: dict[str, Any]) -> Stream: ...
    def exec_logs(self, cmd_id: str) -> Stream: ...
    def connection_events(self) -> Stream: ...
    def command(self, cmd_id: str, max_output: int | None) -> Command: ...
    def kill(self, cmd_id: str, signal: str) -> Op[None]: ...
    def read(self, path: str) -> Op[ReadResult]: ...
    def write(self, path: str, content: str) -> Op[int]: ...
    def edit(self, path: str, old_text: str, new_text: str) -> Op[str]: ...
    def write_files(self, files: list[tuple[str, bytes, int | None]]) -> Op[None]: ...
    def read_to_buffer(self, path: str, max_size: int | None) -> Op[bytes | None]: ...
    def read_stream(self, path: str, chunk_size: int | None) -> Stream: ...
    def mkdir(self, path: str) -> Op[None]: ...
    def list_files(self, path: str) -> Op[list[FileEntry]]: ...
    def stat(self, path: str) -> Op[FileInfo]: ...
    def exists(self, path: str) -> Op[bool]: ...
    def refresh(self) -> Op[None]: ...
    def stop(self, blocking: bool, poll_interval: float, timeout: float) -> Op[None]: ...
    def start(self) -> Op[None]: ...
    def restart(self) -> Op[None]: ...
    def wait_until_active(self, timeout: float) -> Op[None]: ...
    def extend(self, seconds: int) -> Op[None]: ...
    def extend_timeout(self, seconds: int) -> Op[None]: ...
    def update(self, spec: Spec | None, image: str | None) -> Op[None]: ...
    def configure(self, payloads: list[_Payload] | None) -> Op[None]: ...
    def delete(self) -> Op[None]: ...
    def close(self) -> None: ...

@final
class Command:
    @property
    def cmd_id(self) -> str: ...
    @property
    def pid(self) -> int | None: ...
    @property
    def cwd(self) -> str | None: ...
    @property
    def started_at(self) -> datetime | None: ...
    @property
    def exit_code(self) -> int | None: ...
    def wait(self) -> Op[CommandFinished]: ...
    def logs(self) -> Stream: ...
    def collect_output(self, stream: str) -> Op[CollectedOutput]: ...
    def kill(self, signal: str) -> Op[None]: ...

@final
class CommandFinished:
    """How a command ended, with its output."""

    @property
    def cmd_id(self) -> str:
        """The command's id. Empty in an error whose command the gateway had not named yet."""
    @property
    def pid(self) -> int | None:
        """The process number inside the sandbox, where the gateway told."""
    @property
    def cwd(self) -> str | None:
        """The directory the command started in, where the gateway told."""
    @property
    def started_at(self) -> datetime | None:
        """When the command started, where the gateway told."""
    @property
    def outcome(self) -> Outcome:
        """How the command ended: `Exited`, `Killed`, `TimedOut` or `Unknown`."""
    @property
    def exit_code(self) -> int | None:
        """The exit code, where the command has one."""
    @property
    def success(self) -> bool:
        """The command exited with 0."""
    @property
    def output(self) -> str:
        """Standard output and error in the order of arrival, as text."""
    @property
    def output_bytes(self) -> bytes:
        """Standard output and error in the order of arrival."""
    @property
    def stdout(self) -> str:
        """Standard output, as text."""
    @property
    def stdout_bytes(self) -> bytes:
        """Standard output."""
    @property
    def stderr(self) -> str:
        """Standard error, as text."""
    @property
    def stderr_bytes(self) -> bytes:
        """Standard error."""
    @property
    def pieces(self) -> list[tuple[Literal["stdout", "stderr"], bytes]]:
        """The output piece by piece, in the order of arrival, each with the name of its stream."""
    @property
    def output_truncated(self) -> bool | None:
        """There was more output than was kept; None where nobody can know."""
    @property
    def output_incomplete(self) -> bool:
        """Something in the background still held the output when it was over."""
    def check(self) -> CommandFinished:
        """Return this result if the command exited with 0, else raise `CommandFailedError`."""

@final
class Stream:
    def fill(self) -> Op[bool]: ...
    def pop(self) -> ExecEvent | LogEvent | ConnectionEvent | bytes | None: ...
    def close(self) -> None: ...

@final
class Gateway:
    @property
    def url(self) -> str: ...
    @property
    def token(self) -> str: ...
    @property
    def mode(self) -> str: ...
    @property
    def data_dir(self) -> Path: ...
    def stop(self) -> Op[None] | None: ...

def wait(op: Op[_T]) -> _T: ...
def start_gateway(
    *,
    listen: str | None = None,
    data_dir: str | None = None,
    token: str | None = None,
    backend: Literal["local", "process"] | None = None,
    default_ttl: float | None = None,
    max_sandboxes: int | None = None,
    images: dict[str, str] | None = None,
    expose: list[str] | None = None,
    plain_wire: bool = False,
    client_grace: float | None = None,
    kill_grace: float | None = None,
    allow_hosts: list[str] | None = None,
    allow_origins: list[str] | None = None,
    tokens: str | None = None,
    token_limits: TokenLimits | None = None,
) -> Op[Gateway]: ...
def upload_file(
    sandbox: Sandbox,
    local_path: str,
    sandbox_path: str,
    mode: int | None,
    progress: _Callback | None,
    bridge: Bridge | None,
) -> Op[None]: ...
def download_file(
    sandbox: Sandbox,
    sandbox_path: str,
    local_path: str,
    mkdir_recursive: bool,
    progress: _Callback | None,
    bridge: Bridge | None,
) -> Op[Path | None]: ...
def download_files(
    sandbox: Sandbox,
    files: list[tuple[str, str]],
    mkdir_recursive: bool,
    progress: _Callback | None,
    bridge: Bridge | None,
) -> Op[dict[str, Path | None]]: ...
def error_kinds() -> tuple[tuple[str, int, bool, str], ...]: ...
def settle() -> None: ...
def log_level(level: int) -> None: ...
def next_logs() -> tuple[list[tuple[int, str, str]], int] | None: ...
def stop_logs() -> None: ...
