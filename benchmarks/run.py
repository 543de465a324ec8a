"""Run the benchmarks and print one table: `python -m benchmarks.run [NAME...]`.

Every figure comes from fresh processes, pinned to one core. What is compared is run in turns
(A B C, A B C, ...), so that a slow minute of the machine hits all alike; the median counts. A ratio
is the median of the ratios within a turn. The numbers also go to
benchmarks/results/<name>.json with a description of the machine.
"""

import argparse
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"


@dataclass(frozen=True)
class Figure:
    """One line of the table. `goal` is a limit in the direction that `at_least` says."""

    what: str
    value: float
    unit: str
    spread: tuple[float, float] | None = None
    goal: float | None = None
    at_least: bool = True

    @property
    def met(self) -> bool | None:
        if self.goal is None:
            return None
        return self.value >= self.goal if self.at_least else self.value <= self.goal


def measure(module: str, *arguments: object, tree: Path = ROOT) -> dict[str, float]:
    """Run one measurement of a tree in a fresh process on one core; it prints one JSON object."""
    core = max(os.sched_getaffinity(0))
    command = [sys.executable, "-m", f"benchmarks.{module}", *map(str, arguments)]
    done = subprocess.run(
        command,
        cwd=tree,
        env={**os.environ, "PYTHONHASHSEED": "0"},
        stdout=subprocess.PIPE,
        check=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    )
    values: dict[str, float] = json.loads(done.stdout)
    return values


def figure(
    what: str,
    unit: str,
    samples: Iterable[float],
    goal: float | None = None,
    at_least: bool = True,
) -> Figure:
    """The median of the samples, with their extremes."""
    values = list(samples)
    return Figure(what, statistics.median(values), unit, (min(values), max(values)), goal, at_least)


def loops(turns: int = 5) -> list[Figure]:
    """POST pairs with aiohttp on three loops, in turns."""
    names = ["asyncio", "airbed"]
    if importlib.util.find_spec("simloop"):
        names.append("simloop")
    rates: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(turns):
        for name in names:
            rates[name].append(measure("loop_http", name)["requests_per_cpu_second"])
    titles = {
        "asyncio": "real asyncio, loopback sockets",
        "airbed": "Airbed's simulated loop and network",
        "simloop": "simloop",
    }
    figures = [figure(titles[name], "requests/CPU s", rates[name]) for name in names]
    for name, goal in (("asyncio", 0.75), ("simloop", 1.0)):
        if name in rates:
            ratios = [a / b for a, b in zip(rates["airbed"], rates[name], strict=True)]
            figures.append(figure(f"Airbed's loop against {name}", "x", ratios, goal))
    return figures


def memory(turns: int = 3) -> list[Figure]:
    """An idle keep-alive connection to an aiohttp server, both ends."""
    kinds = {
        "light": ("idle connection, phone's client to aiohttp", 12.0),
        "aiohttp": ("idle connection, aiohttp at both ends", None),
        "asyncio": ("the same on real asyncio, loopback", None),
    }
    sizes: dict[str, list[float]] = {kind: [] for kind in kinds}
    for _ in range(turns):
        for kind in kinds:
            sizes[kind].append(measure("memory", kind)["bytes_per_connection"] / 1024)
    return [
        figure(what, "KiB", sizes[kind], goal, at_least=False)
        for kind, (what, goal) in kinds.items()
    ]


def fleet(turns: int = 3) -> list[Figure]:
    """An idle phone with its app and both sides of its push connection."""
    return [
        figure(
            title,
            "KiB",
            [measure("fleet", platform)["bytes_per_phone"] / 1024 for _ in range(turns)],
            4,
            at_least=False,
        )
        for platform, title in (("ios", "idle iPhone"), ("android", "idle Android phone"))
    ]


def flows(turns: int = 3) -> list[Figure]:
    """The ten steps, from the first to the last."""
    titles = {
        "worlds": "ten-step runs, each with world and record",
        "phones": "ten-step flows within one world",
    }
    return [
        figure(
            title,
            "flows/CPU s",
            [measure("flows", kind)["flows_per_cpu_second"] for _ in range(turns)],
        )
        for kind, title in titles.items()
    ]


def messages(turns: int = 3) -> list[Figure]:
    """Steps 7 to 10 with 1,000 enabled phones."""
    titles = {1: "one message in a request", 100: "100 messages in a request"}
    rates: dict[int, list[float]] = {batch: [] for batch in titles}
    for _ in range(turns):
        for batch in titles:
            values = measure("messages", "--batch", batch)
            rates[batch].append(values["messages_per_cpu_second"])
    return [
        figure(f"1,000 phones, {title}", "messages/CPU s", rates[batch], 1_000)
        for batch, title in titles.items()
    ]


def scale(turns: int = 3) -> list[Figure]:
    """The cost of a message must not depend on how many phones there are."""
    sizes = (10, 100, 1_000, 10_000)
    costs: dict[int, list[float]] = {size: [] for size in sizes}
    for _ in range(turns):
        for size in sizes:
            costs[size].append(measure("messages", "--phones", size)["cpu_ms_per_message"])
    figures = [figure(f"a message, {size:,} phones", "CPU ms", costs[size]) for size in sizes]
    growth = [most / few for most, few in zip(costs[10_000], costs[100], strict=True)]
    figures.append(figure("10,000 phones against 100", "x", growth, 1.25, at_least=False))
    return figures


BENCHMARKS: dict[str, Callable[[], list[Figure]]] = {
    "loops": loops,
    "memory": memory,
    "fleet": fleet,
    "flows": flows,
    "messages": messages,
    "scale": scale,
}


def machine() -> dict[str, str | int]:
    """What a reader needs to know about where the numbers come from; nothing that names it."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count() or 1,
    }


def show(title: str, figures: list[Figure]) -> None:
    table = Table(title=title, title_justify="left", expand=False)
    table.add_column("measured")
    for column in ("value", "from", "to"):
        table.add_column(column, justify="right")
    table.add_column("unit")
    table.add_column("goal")

    def number(value: float) -> str:
        return f"{value:,.2f}" if value < 100 else f"{value:,.0f}"

    for line in figures:
        low, high = line.spread or (line.value, line.value)
        goal = ""
        if line.goal is not None:
            sign = ">=" if line.at_least else "<="
            goal = f"{sign} {number(line.goal)} {'met' if line.met else 'MISSED'}"
        table.add_row(line.what, number(line.value), number(low), number(high), line.unit, goal)
    Console(width=110).print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what the simulated world costs.")
    parser.add_argument("names", nargs="*", choices=[*BENCHMARKS, []], metavar="NAME")
    chosen = parser.parse_args().names or list(BENCHMARKS)
    described = machine()
    print(", ".join(f"{key} {value}" for key, value in described.items()), flush=True)
    RESULTS.mkdir(exist_ok=True)
    for name in chosen:
        figures = BENCHMARKS[name]()
        show(name, figures)
        record = {"machine": described, "figures": [asdict(line) for line in figures]}
        (RESULTS / f"{name}.json").write_text(json.dumps(record, indent=2) + "\n")
    print(f"Written to {RESULTS.relative_to(ROOT)}/. What the figures mean: docs/benchmarks.md")


if __name__ == "__main__":
    main()
