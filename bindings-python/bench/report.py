"""Figures as they come, and at the end the goals beside them."""

from __future__ import annotations

from collections.abc import Callable

ALONE, TOGETHER = "stat, one at a time: CPU [us]", "stat, 500 at a time: CPU [us]"
IMPORT, GROWTH = "start of Python: CPU [ms]", "growth of memory over both [MiB]"
OUTPUT, READING = "standard output, 64 MB [MB/s]", "reading a file, 64 MB [MB/s]"
WRITING = "writing a file, 32 MB [MB/s]"
MEMORY, FILES = "memory for each of 500 sandboxes [KiB]", "descriptors for each []"

Figures = dict[str, dict[str, float]]


def ratio(name: str, over: str, under: str) -> Callable[[Figures], float]:
    return lambda figures: figures[name][over] / figures[name][under]


def cost(rate: str) -> str:
    return rate.replace(" [MB/s]", ": CPU [us/MB]")


def difference(name: str, minuend: str, subtrahend: str) -> Callable[[Figures], float]:
    return lambda figures: figures[name][minuend] - figures[name][subtrahend]


# What is asked, how it follows from the figures, and its bound: at least, if positive.
GOALS: list[tuple[str, Callable[[Figures], float], float]] = [
    ("CPU of the plain client / ours, one at a time", ratio(ALONE, "plain", "asyncio"), 3),
    ("CPU of the plain client / ours, blocking", ratio(ALONE, "plain", "blocking"), 3),
    ("CPU of the plain client / ours, 500 at a time", ratio(TOGETHER, "plain", "asyncio"), 3),
    ("us over the Rust client, blocking", difference(ALONE, "blocking", "rust"), -15),
    ("us over the Rust client, 500 at a time", difference(TOGETHER, "asyncio", "rust"), -10),
    ("MB/s of standard output / plain", ratio(OUTPUT, "asyncio", "plain"), 4),
    ("MB/s of reading a file / plain", ratio(READING, "asyncio", "plain"), 4),
    ("MB/s of writing a file / plain", ratio(WRITING, "asyncio", "plain"), 4),
    ("CPU of plain / ours, standard output", ratio(cost(OUTPUT), "plain", "asyncio"), 4),
    ("CPU of plain / ours, reading a file", ratio(cost(READING), "plain", "asyncio"), 4),
    ("CPU of plain / ours, writing a file", ratio(cost(WRITING), "plain", "asyncio"), 4),
    ("MiB grown over 1 GB up and down", lambda figures: figures[GROWTH]["asyncio"], -32),
    ("ms of CPU for importing", difference(IMPORT, "package", "bare"), -30),
    ("KiB for each of 500 sandboxes", lambda figures: figures[MEMORY]["asyncio"], -100),
    ("descriptors for each", lambda figures: figures[FILES]["asyncio"], -1),
]


class Report:
    """Figures by what is measured and whose they are."""

    def __init__(self) -> None:
        self.figures: Figures = {}

    def add(self, what: str, who: str, value: float, unit: str) -> None:
        self.figures.setdefault(f"{what} [{unit}]", {})[who] = value
        print(f"{what:44} {who:14} {value:10.1f} {unit}", flush=True)

    def goals(self) -> None:
        print()
        for what, measured, bound in GOALS:
            try:
                value = measured(self.figures)
            except KeyError:
                print(f"{what:50} not measured")
                continue
            met = value >= bound if bound > 0 else value <= -bound
            asked = f">= {bound}" if bound > 0 else f"<= {-bound}"
            print(f"{what:50} {value:8.2f} {asked:>8} {'' if met else 'missed'}")
