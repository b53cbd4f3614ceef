"""What a sandbox is made of, and what the gateway knows of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Spec:
    """Resources and image of a sandbox, as Kubernetes writes them. Empty: the gateway's default."""

    cpu: str = ""
    """Processors, such as `"500m"` or `"2"`."""
    memory: str = ""
    """Memory, such as `"4Gi"`."""
    image: str = ""
    """The image's name."""
    requests_cpu: str = ""
    """What is set aside, as `cpu`."""
    requests_memory: str = ""
    """What is set aside, as `memory`."""


@dataclass(frozen=True, slots=True)
class Payload:
    """A call made to a sandbox once it runs, such as `/api/v1/env` with names and values."""

    api: str
    """What to call."""
    body: Any = field(default=None, repr=False)
    """What the call is given: anything that `json.dumps` takes."""
    envs: dict[str, str] = field(default_factory=dict[str, str], repr=False)
    """Environment of that call alone."""


@dataclass(frozen=True, slots=True)
class SandboxInfo:
    """What the gateway knows of a sandbox. Fields that it leaves out are empty or None."""

    id: str
    """The sandbox's name in every call."""
    user_id: str = ""
    """Its owner."""
    namespace: str = ""
    """Where the control plane keeps it."""
    status: str = ""
    """`creating`, `warming`, `warm`, `active`, `stopped`, `failed`, `destroying`, or another."""
    ip: str = ""
    """Address inside the cluster."""
    preview_url: str = ""
    """A URL for every port, where ports have no host of their own."""
    preview_host: str = ""
    """The host of port N is `N-` and this."""
    preview_scheme: str | None = None
    """Scheme of that host; None means `https`."""
    port: int = 0
    """The executor's port."""
    image_tag: str = ""
    """The image it was made from."""
    spec: Spec | None = None
    """Resources, as asked for."""
    labels: dict[str, str] = field(default_factory=dict[str, str])
    """Metadata given at create."""
    created_at: datetime | None = None
    """When create was accepted."""
    allocated_at: datetime | None = None
    """When it was given to its owner."""
    expire_at: datetime | None = None
    """When it ends by itself."""
    last_active_at: datetime | None = None
    """When a client was last heard from."""
    message: str | None = None
    """Why it failed, where the gateway tells."""
    not_enforced: list[str] = field(default_factory=list[str])
    """Fields of `spec` that the gateway says it does not enforce."""


@dataclass(frozen=True, slots=True)
class Pagination:
    """Where a page is in the whole."""

    total: int = 0
    """Sandboxes that match."""
    limit: int = 0
    """Largest page."""
    offset: int = 0
    """Sandboxes before this page."""
    has_more: bool = False
    """There is a page after this one."""


@dataclass(frozen=True, slots=True)
class ListResult:
    """One page of `list`."""

    items: list[SandboxInfo]
    """The sandboxes of this page."""
    pagination: Pagination
    """Where the page is in the whole."""
