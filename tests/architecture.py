"""Rules about the source tree, checked on syntax; `test_architecture.py` applies and tests them.

A rule is a function from a tree's root to complaints, `path:line: what is wrong`. Nothing is
imported, so a file that would fail to import is still judged. What these rules do not see: names
imported at run time by `importlib`, and code that reaches another package through an argument.
"""

import ast
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

PACKAGES = ("sim", "server", "devices", "scenarios", "reports")
LONGEST_FILE = 450
ENGINE = ("format", "world", "ledger", "running", "commands")


@dataclass(frozen=True)
class Import:
    """One imported module, or name in a module, as far as syntax tells."""

    target: str
    line: int
    for_types_only: bool


@dataclass(frozen=True)
class ImportRule:
    """What the modules below `package` may import of ours: the longest matching name decides."""

    package: str
    allowed: tuple[str, ...]
    forbidden: tuple[str, ...] = ()
    except_in: tuple[str, ...] = ()
    """Modules of the package for which `forbidden` does not hold."""


# Each module obeys every rule whose package it lies in.
IMPORT_RULES = (
    ImportRule("sim", allowed=("sim",)),
    ImportRule("sim.kernel", allowed=("sim.kernel",)),
    ImportRule("sim.net", allowed=("sim",), forbidden=("sim.vendors", "sim.world", "sim.live")),
    ImportRule("sim.vendors", allowed=("sim",), forbidden=("sim.world", "sim.live")),
    # Of the simulated network a live world has what knows no simulated socket: links, certificates,
    # rules, faults, NAT and the waits between two attempts.
    ImportRule(
        "sim.live",
        allowed=(
            "sim.kernel",
            "sim.live",
            "sim.trace",
            "sim.net.faults",
            "sim.net.links",
            "sim.net.nat",
            "sim.net.retransmission",
            "sim.net.rules",
            "sim.net.shaping",
            "sim.net.tls",
            "sim.net.tls_alerts",
            "sim.net.tls_policy",
        ),
    ),
    ImportRule("sim.trace", allowed=("sim.kernel", "sim.trace")),
    ImportRule("server", allowed=("server",)),
    ImportRule(
        "server.edge", allowed=("server",), forbidden=("server.airnotifier", "server.moodle")
    ),
    ImportRule("server.airnotifier", allowed=("server",), forbidden=("server.moodle",)),
    ImportRule("server.moodle", allowed=("server",), forbidden=("server.airnotifier",)),
    ImportRule("devices", allowed=("devices", "sim"), forbidden=("sim.vendors", "sim.live")),
    ImportRule(
        "scenarios",
        allowed=("scenarios", "devices", "server", "sim", "reports"),
        forbidden=("reports",),
        except_in=("scenarios.engine.running", "scenarios.engine.commands"),
    ),
    # The engine, from the file to the command: each knows those before it.
    *(
        ImportRule(
            f"scenarios.engine.{part}",
            allowed=("scenarios", "devices", "server", "sim", "reports"),
            forbidden=tuple(f"scenarios.engine.{later}" for later in ENGINE[n + 1 :]),
        )
        for n, part in enumerate(ENGINE)
    ),
    ImportRule("reports", allowed=("reports",)),
)


def sources(root: Path, folders: Sequence[str] = PACKAGES) -> Iterator[Path]:
    """The Python files below the folders, in a fixed order."""
    for folder in folders:
        yield from sorted((root / folder).rglob("*.py"))


def module_name(root: Path, path: Path) -> str:
    """`sim/net/__init__.py` is `sim.net`."""
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imports(root: Path, path: Path) -> Iterator[Import]:
    """Every import of the file, also those inside functions and under TYPE_CHECKING."""
    module = module_name(root, path)
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]

    def visit(node: ast.AST, for_types_only: bool) -> Iterator[Import]:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, node.lineno, for_types_only)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                anchor = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*anchor, base] if base else anchor)
            for alias in node.names:
                yield Import(f"{base}.{alias.name}", node.lineno, for_types_only)
        elif isinstance(node, ast.If):
            guarded = "TYPE_CHECKING" in ast.unparse(node.test)
            for child in node.body:
                yield from visit(child, for_types_only or guarded)
            for child in node.orelse:
                yield from visit(child, for_types_only)
        else:
            for child in ast.iter_child_nodes(node):
                yield from visit(child, for_types_only)

    yield from visit(parse(path), for_types_only=False)


def lies_in(name: str, packages: Iterable[str]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def forbidden_imports(root: Path, rules: Sequence[ImportRule] = IMPORT_RULES) -> list[str]:
    """Imports that run against the direction in which the packages depend on each other."""
    complaints = []
    for path in sources(root):
        module = module_name(root, path)
        obeyed = [rule for rule in rules if lies_in(module, [rule.package])]
        for found in imports(root, path):
            if not lies_in(found.target, [*PACKAGES, "tests", "benchmarks"]):
                continue
            for rule in obeyed:
                excepted = lies_in(module, rule.except_in)
                if lies_in(found.target, rule.allowed) and (
                    excepted or not lies_in(found.target, rule.forbidden)
                ):
                    continue
                complaints.append(
                    f"{path.relative_to(root)}:{found.line}: "
                    f"{rule.package} must not import {found.target}"
                )
    return complaints


def import_cycles(root: Path) -> list[str]:
    """Modules that need each other to be imported first; imports for types alone do not count."""
    modules = {module_name(root, path): path for path in sources(root)}
    graph: dict[str, list[str]] = {}
    for module, path in modules.items():
        needed = dict.fromkeys(
            target
            for found in imports(root, path)
            if not found.for_types_only
            # `from sim.net import link` may name a module or something inside sim/net/__init__.py
            for target in (found.target, found.target.rpartition(".")[0])
            if target in modules
            and not (target != found.target and found.target in modules)
            and target != module
        )
        graph[module] = list(needed)

    complaints: dict[tuple[str, ...], str] = {}
    done: set[str] = set()

    def walk(module: str, trail: list[str]) -> None:
        if module in trail:
            cycle = trail[trail.index(module) :]
            start = cycle.index(min(cycle))
            turned = (*cycle[start:], *cycle[:start])
            complaints[turned] = "import cycle: " + " -> ".join([*turned, turned[0]])
            return
        if module in done:
            return
        for needed in graph[module]:
            walk(needed, [*trail, module])
        done.add(module)

    for module in graph:
        walk(module, [])
    return list(complaints.values())


def missing_docstrings(root: Path, folders: Sequence[str] = PACKAGES) -> list[str]:
    """Modules that do not say what they are."""
    return [
        f"{path.relative_to(root)}:1: no module docstring"
        for path in sources(root, folders)
        if not ast.get_docstring(parse(path))
    ]


def long_files(root: Path, folders: Sequence[str] = PACKAGES) -> list[str]:
    """Files that hold more than one concept, by the look of their length."""
    complaints = []
    for path in sources(root, folders):
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > LONGEST_FILE:
            complaints.append(f"{path.relative_to(root)}:{lines}: longer than {LONGEST_FILE} lines")
    return complaints


CLOCKS = {
    "datetime": ("now", "utcnow", "today"),
    "date": ("today",),
    "time": ("time", "time_ns", "monotonic", "monotonic_ns", "localtime", "gmtime"),
}


def stray_clocks(root: Path) -> list[str]:
    """Places in server/ that read a clock other than through server/clock.py."""
    complaints = []
    for path in sources(root, ["server"]):
        if path == root / "server" / "clock.py":
            continue
        for node in ast.walk(parse(path)):
            if isinstance(node, ast.ImportFrom) and node.module == "time":
                names = [a.name for a in node.names if a.name in CLOCKS["time"]]
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                owner = ast.unparse(node.func.value).rpartition(".")[2]
                names = [node.func.attr] if node.func.attr in CLOCKS.get(owner, ()) else []
            else:
                continue
            complaints += [
                f"{path.relative_to(root)}:{node.lineno}: {name}: ask server.clock"
                for name in names
            ]
    return complaints


def unpinned_requirements(root: Path) -> list[str]:
    """Lock files have a hash for every package and name no place to get it from."""
    complaints = []
    for path in sorted(root.glob("requirements*.lock")):
        lines = path.read_text(encoding="utf-8").splitlines()
        for number, (line, following) in enumerate(itertools.pairwise([*lines, ""]), start=1):
            where = f"{path.name}:{number}"
            if "://" in line or " @ " in line or line.startswith("-"):
                complaints.append(f"{where}: names an index, an address or an option")
            elif line and line[0] not in " #" and "--hash=sha256:" not in line + following:
                complaints.append(f"{where}: {line.split()[0]} has no hash")
            elif line and line[0] not in " #" and "==" not in line:
                complaints.append(f"{where}: {line.split()[0]} is not pinned")
    return complaints
