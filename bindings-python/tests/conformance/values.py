"""Values of scenarios: what a generator makes, what a matcher wants, what a reference means."""

from __future__ import annotations

import base64
import re
from datetime import datetime
from typing import Any

Bytes = bytes


class Mismatch(Exception):
    """What came is not what a scenario wants."""


class Broken(Exception):
    """The scenario or the runner is wrong."""


GENERATORS = ({"repeat", "times"}, {"base64"}, {"base64", "times"}, {"counter"}, {"concat"})


def is_generator(json: Any) -> bool:
    return isinstance(json, dict) and set(json) in [set(names) for names in GENERATORS]


def generate(json: Any) -> bytes:
    if isinstance(json, str):
        return json.encode()
    if isinstance(json, bytes):
        return json
    if not is_generator(json):
        raise Broken(f"{json} is no generator")
    if "concat" in json:
        return b"".join(generate(part) for part in json["concat"])
    if "counter" in json:
        return counter(json["counter"])
    if "repeat" in json:
        return json["repeat"].encode() * json["times"]
    return base64.b64decode(json["base64"]) * json.get("times", 1)


ROWS = [bytes(low ^ rest for low in range(256)) for rest in range(256)]


def counter(length: int) -> bytes:
    """Byte n is `n ^ n >> 8 ^ n >> 16`, made a row at a time: byte by byte, tens of megabytes take a
    busy machine longer than a test may.
    """
    rows = ((high ^ high >> 8) & 255 for high in range(-(-length // 256)))
    return b"".join(ROWS[row] for row in rows)[:length]


REFERENCE = re.compile(r"\{([a-z][a-z0-9_.]*)\}")


class Scope:
    """The names of a scenario under way."""

    def __init__(self, saved: dict[str, Any], loop: dict[str, Any] | None = None) -> None:
        self.saved = saved
        self.loop = loop or {}

    def within(self, name: str, value: Any) -> Scope:
        return Scope(self.saved, {**self.loop, name: value})

    def resolve(self, json: Any) -> Any:
        if isinstance(json, str):
            return self.text(json)
        if isinstance(json, list):
            return [self.resolve(item) for item in json]
        if isinstance(json, dict):
            return {shown(self.text(name)): self.resolve(value) for name, value in json.items()}
        return json

    def text(self, text: str) -> Any:
        # Loop variables first, so that `{sandbox{i}.id}` works.
        for name, value in self.loop.items():
            if text == f"{{{name}}}":
                return value
            text = text.replace(f"{{{name}}}", shown(value))
        whole = REFERENCE.fullmatch(text)
        if whole:
            return self.look(whole[1])
        return REFERENCE.sub(lambda match: shown(self.look(match[1])), text)

    def look(self, name: str) -> Any:
        head, *fields = name.split(".")
        try:
            value = self.saved[head]
            for field in fields:
                value = value[field]
        except (KeyError, TypeError):
            raise Broken(f"nothing is called {name}") from None
        return value


def shown(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode()
    return value if isinstance(value, str) else str(value)


def as_bytes(value: Any, place: str) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, bytes):
        return value
    raise Mismatch(f"{place}: {brief(value)} is no text")


def length(value: Any, place: str) -> int:
    return len(value) if isinstance(value, (list, dict)) else len(as_bytes(value, place))


def number(value: Any, place: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Mismatch(f"{place}: {brief(value)} is no number")
    return value


def kind(value: Any) -> str:
    for cls, name in (
        (type(None), "null"),
        (bool, "bool"),
        ((int, float), "number"),
        ((str, bytes), "string"),
        (list, "list"),
    ):
        if isinstance(value, cls):
            return name
    return "map"


UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")
PATTERNS = {"uuid": UUID, "time": TIME}


def fits(wanted: Any, actual: Any, place: str) -> bool:
    try:
        compare(wanted, actual, place)
    except Mismatch:
        return False
    return True


def compare(wanted: Any, actual: Any, place: str) -> None:
    """Raise `Mismatch`, with the place, unless `actual` is what is wanted."""
    if isinstance(wanted, dict) and any(name.startswith("$") for name in wanted):
        for name, argument in wanted.items():
            special(name, argument, actual, place)
    elif isinstance(wanted, dict):
        if not isinstance(actual, dict):
            raise Mismatch(f"{place}: wanted {brief(wanted)}, got {brief(actual)}")
        for name, value in wanted.items():
            if name not in actual:
                raise Mismatch(f"{place}: there is no {name!r}, only {sorted(actual)}")
            compare(value, actual[name], f"{place}.{name}")
    elif isinstance(wanted, list):
        if not isinstance(actual, list) or len(wanted) != len(actual):
            raise Mismatch(f"{place}: wanted {brief(wanted)}, got {brief(actual)}")
        for at, (one, found) in enumerate(zip(wanted, actual, strict=True)):
            compare(one, found, f"{place}[{at}]")
    elif isinstance(wanted, (str, bytes)):
        same = isinstance(actual, (str, bytes)) and generate(wanted) == as_bytes(actual, place)
        if not same:
            raise Mismatch(f"{place}: wanted {brief(wanted)}, got {brief(actual)}")
    elif type(wanted) is bool or wanted is None:
        if wanted is not actual:
            raise Mismatch(f"{place}: wanted {wanted}, got {brief(actual)}")
    elif number(actual, place) != wanted:
        raise Mismatch(f"{place}: wanted {wanted}, got {brief(actual)}")


def special(name: str, wanted: Any, actual: Any, place: str) -> None:
    if name == "$all":
        for one in wanted:
            compare(one, actual, place)
        return
    if name == "$each":
        for at, item in enumerate(actual if isinstance(actual, list) else [actual]):
            compare(wanted, item, f"{place}[{at}]")
        return
    if name == "$unordered":
        unordered(wanted, actual, place)
        return
    checks = {
        "$any": lambda: actual is not None,
        "$type": lambda: kind(actual) == wanted,
        "$contains": lambda: generate(wanted) in as_bytes(actual, place),
        "$starts": lambda: as_bytes(actual, place).startswith(generate(wanted)),
        "$ends": lambda: as_bytes(actual, place).endswith(generate(wanted)),
        "$bytes": lambda: as_bytes(actual, place) == generate(wanted),
        "$length": lambda: length(actual, place) == wanted,
        "$min_length": lambda: length(actual, place) >= wanted,
        "$max_length": lambda: length(actual, place) <= wanted,
        "$lines": lambda: as_bytes(actual, place).count(b"\n") == wanted,
        "$min": lambda: number(actual, place) >= wanted,
        "$max": lambda: number(actual, place) <= wanted,
        "$matches": lambda: bool(PATTERNS[wanted].fullmatch(as_bytes(actual, place).decode())),
        "$not": lambda: not fits(wanted, actual, place),
        "$one_of": lambda: any(fits(one, actual, place) for one in wanted),
    }
    if name not in checks:
        raise Broken(f"no matcher is called {name}")
    if not checks[name]():
        raise Mismatch(f"{place}: wanted {name} {brief(wanted)}, got {brief(actual)}")


def unordered(wanted: list[Any], actual: Any, place: str) -> None:
    if not isinstance(actual, list) or len(actual) != len(wanted):
        raise Mismatch(f"{place}: wanted {len(wanted)} items, got {brief(actual)}")
    left = list(actual)
    for one in wanted:
        for at, item in enumerate(left):
            if fits(one, item, place):
                del left[at]
                break
        else:
            raise Mismatch(f"{place}: nothing matches {brief(one)} among {brief(left)}")


def brief(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 400 else f"{text[:400]}… ({len(text)} characters)"


def rfc3339(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()
