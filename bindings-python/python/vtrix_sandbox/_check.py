"""Arguments that are refused by name before anything is sent.

What the native half can't convert would fail there with the words of a converter. Here each has a
name, and an error of this package: `InvalidArgumentError`, which is a `ValueError`, or
`InvalidTypeError`, which is a `TypeError` too. No message holds a value: it may be a secret.
"""

from __future__ import annotations

import operator
import os
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any, cast

from .exceptions import InvalidArgumentError, InvalidTypeError

SIZE = 2**63 - 1
"""The most that a number of bytes or of things may be."""
SMALL = 2**32 - 1
"""The same of a number that is never large, such as a file's mode."""


def wrong_type(name: str, value: object, wanted: str) -> InvalidTypeError:
    """Return the error of an argument of the wrong type."""
    return InvalidTypeError(f"{name} is {type(value).__name__}, not {wanted}")


def text(name: str, value: Any) -> str:
    """Return text that has a form in UTF-8."""
    if not isinstance(value, str):
        raise wrong_type(name, value, "str")
    return value if value.isascii() else _encodable(name, value)


def _encodable(name: str, value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidArgumentError(f"{name} holds a lone surrogate; UTF-8 has none") from None
    return value


def some_text(name: str, value: Any) -> str | None:
    """Return text, if there is any."""
    return None if value is None else text(name, value)


def texts(name: str, values: Any) -> list[str]:
    """Return a list of texts."""
    return [text(f"{name}[{at}]", value) for at, value in enumerate(iterable(name, values))]


def iterable(name: str, values: Any) -> Iterable[Any]:
    """Return what can be gone through and is no text, which could be by mistake."""
    if isinstance(values, (str, bytes)):
        raise wrong_type(name, values, "several values")
    try:
        return iter(values)
    except TypeError:
        raise wrong_type(name, values, "several values") from None


def mapping(name: str, value: Any) -> dict[str, str] | None:
    """Return a mapping of text to text, if there is one."""
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise wrong_type(name, value, "a mapping")
    items: Iterable[tuple[Any, Any]] = cast("Mapping[Any, Any]", value).items()
    return {text(f"a name of {name}", key): text(f"{name}[{key!r}]", of) for key, of in items}


def number(name: str, value: Any, most: int = SIZE, least: int = 0) -> int:
    """Return a whole number that is not negative, or within other bounds."""
    try:
        exact = operator.index(value)
    except TypeError:
        raise wrong_type(name, value, "int") from None
    if not least <= exact <= most:
        raise InvalidArgumentError(f"{name} is not between {least} and {most}")
    return exact


def some_number(name: str, value: Any, most: int = SIZE) -> int | None:
    """Return a whole number that is not negative, if there is one."""
    return None if value is None else number(name, value, most)


def real(name: str, value: Any) -> float:
    """Return a number that need not be whole."""
    if isinstance(value, float):
        return value
    # Text can be made a float, too, and must not be.
    if not (hasattr(value, "__float__") or hasattr(value, "__index__")):
        raise wrong_type(name, value, "a number")
    try:
        return float(value)
    except (OverflowError, TypeError, ValueError):
        raise InvalidArgumentError(f"{name} is too large or no number") from None


def seconds(name: str, value: Any) -> float:
    """Return a duration as seconds; the core refuses those that are negative or no numbers."""
    return value.total_seconds() if isinstance(value, timedelta) else real(name, value)


def some_seconds(name: str, value: Any) -> float | None:
    """Return a duration as seconds, if there is one."""
    return None if value is None else seconds(name, value)


def whole_seconds(name: str, value: Any) -> int:
    """Return a duration as whole seconds."""
    exact = seconds(name, value)
    if not 0 <= exact <= SIZE or exact != exact // 1:
        raise InvalidArgumentError(f"{name} is not a whole, positive number of seconds")
    return int(exact)


def flag(name: str, value: Any) -> bool:
    """Return what is true or false: text that says "no" would be true."""
    if value is True or value is False:
        return value
    raise wrong_type(name, value, "bool")


def path(name: str, value: Any) -> str:
    """Return a path in a sandbox, which is text on the wire."""
    if isinstance(value, str):
        return text(name, value)
    try:
        return text(name, os.fspath(cast("os.PathLike[str]", value)))
    except InvalidTypeError:
        raise
    except TypeError:
        raise wrong_type(name, value, "a path") from None


def local_path(name: str, value: Any) -> str:
    """Return a path on this machine, where it may be of any bytes but NUL."""
    try:
        place = os.fsdecode(value)
        if not place.isascii():
            os.fsencode(place)
    except TypeError:
        raise wrong_type(name, value, "a path") from None
    except UnicodeEncodeError:
        raise InvalidArgumentError(f"{name} is no path that this machine can have") from None
    return place


def content(name: str, value: Any) -> bytes:
    """Return content as bytes; text becomes UTF-8."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return text(name, value).encode()
    # `bytes` of a number would be that many zeros.
    try:
        return bytes(memoryview(value))
    except TypeError:
        raise wrong_type(name, value, "str or bytes") from None


def function(name: str, value: Any) -> Callable[..., Any] | None:
    """Return something to call, if there is any."""
    if value is None or callable(value):
        return value
    raise wrong_type(name, value, "a function")
