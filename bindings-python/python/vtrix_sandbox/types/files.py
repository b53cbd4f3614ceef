"""Files of a sandbox, and what calls on them return."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from datetime import datetime
    from os import PathLike


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One entry of a directory."""

    name: str
    """The last part of the path."""
    path: str
    """The whole path."""
    size: int = 0
    """Bytes."""
    is_dir: bool = False
    """A directory, or a symbolic link to one."""
    modified_at: datetime | None = None
    """When it was last changed, where the gateway tells."""


@dataclass(frozen=True, slots=True)
class FileInfo:
    """What is at a path. Symbolic links are followed."""

    exists: bool
    """Something is there."""
    is_file: bool = False
    """It is a regular file."""
    is_dir: bool = False
    """It is a directory."""
    size: int = 0
    """Bytes."""
    modified_at: datetime | None = None
    """When it was last changed, where the gateway tells."""


@dataclass(frozen=True, slots=True)
class TextContent:
    """A file that is no image, as `read` found it."""

    content: str = field(repr=False)
    """At most 204,800 bytes of it; what is not UTF-8 has become U+FFFD."""
    truncated: bool = False
    """The file goes on past that; `read_stream` and `read_to_buffer` have it all."""
    type: Literal["text"] = field(default="text", init=False, repr=False)

    def __str__(self) -> str:
        return self.content


@dataclass(frozen=True, slots=True)
class ImageContent:
    """An image, told by its content, as `read` found it."""

    data: bytes = field(repr=False)
    """The whole file."""
    mime_type: str
    """Such as `image/png`."""
    type: Literal["image"] = field(default="image", init=False, repr=False)


ReadResult = TextContent | ImageContent
"""What `read` returns; its `type` is `"text"` or `"image"`."""


class WriteResult(int):
    """How many bytes `write` wrote: a number, as the `write` of file objects returns."""

    __slots__ = ()

    @property
    def bytes_written(self) -> int:
        """The number."""
        return int(self)


class EditResult(str):
    """What the gateway says of an `edit`: text."""

    __slots__ = ()

    @property
    def message(self) -> str:
        """The text."""
        return str(self)


@dataclass(frozen=True, slots=True)
class WriteFile:
    """A file for `write_files`."""

    path: str | PathLike[str]
    """Where to, in the sandbox."""
    content: bytes | bytearray | memoryview | str = field(repr=False)
    """The whole content; text is written as UTF-8."""
    mode: int | None = None
    """Permission bits; None keeps those of a file that is there, and is 0644 for a new one."""
