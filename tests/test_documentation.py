"""The documentation is true where a machine can tell: examples load, tables are complete."""

import ast
import re
import shlex
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from scenarios.engine.commands.arguments import parse
from scenarios.engine.exit_codes import ExitCode
from scenarios.engine.format.fault_catalog import FAULTS, takes
from scenarios.engine.format.loader import load
from scenarios.engine.format.steps_catalog import OBSERVATIONS, STEPS
from tests import architecture

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SCENARIOS = ROOT / "docs" / "scenarios.md"
FAULTS_PAGE = ROOT / "docs" / "faults.md"


def code_blocks(page: Path, language: str) -> list[str]:
    return re.findall(
        rf"^```{language}\n(.*?)^```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )


def table_rows(page: Path, first_cell: str) -> list[list[str]]:
    """The cells of the rows of all tables whose header starts with `first_cell`."""
    rows: list[list[str]] = []
    inside = False
    for line in page.read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|"):
            inside = False
        elif cells[0] == first_cell:
            inside = True
        elif inside and not set(line) <= set("|-: "):
            rows.append(cells)
    return rows


def quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def example() -> str:
    """The first example: a whole scenario, which the fragments on the page complete."""
    return next(block for block in code_blocks(SCENARIOS, "yaml") if block.startswith("format:"))


@pytest.mark.parametrize(
    "fragment",
    [
        block
        for page in (SCENARIOS, FAULTS_PAGE, ROOT / "README.md")
        for block in code_blocks(page, "yaml")
    ],
)
def test_every_scenario_in_the_documentation_loads(fragment: str, tmp_path: Path) -> None:
    yaml = YAML(typ="rt")
    document = yaml.load(example())
    written = yaml.load(fragment)
    if "devices" in written and "flow" not in written:
        # Other phones than those of the example's flow: any flow will do.
        document["flow"] = [{"do": "settle"}]
    document.update(written)
    path = tmp_path / "example.yaml"
    yaml.dump(document, path)

    assert load(path).cells


def test_the_tables_of_steps_are_complete_and_right() -> None:
    rows = {quoted(row[0])[0]: row for row in table_rows(SCENARIOS, "do")}

    assert sorted(rows) == sorted(STEPS)
    for name, (_, _, arguments, results) in rows.items():
        known = {*STEPS[name].arguments}
        choices = {c for argument in STEPS[name].arguments.values() for c in argument.choices}
        assert known <= set(quoted(arguments)) <= known | choices, name
        assert set(quoted(results)) == {*STEPS[name].results}, name


def test_the_table_of_faults_is_complete_and_right() -> None:
    rows = {quoted(row[0])[0]: row for row in table_rows(FAULTS_PAGE, "fault")}

    assert list(rows) == list(FAULTS)
    for name, (_, targets, parameters, told) in rows.items():
        contract = FAULTS[name]
        assert quoted(parameters) == list(contract.parameters), name
        for parameter, given in zip(
            contract.parameters.values(), parameters.split(", "), strict=False
        ):
            default = re.search(r"\((.*)\)", given)
            assert (default[1] if default else None) == (
                None if parameter.required else parameter.default or "none"
            ), name
        for target in quoted(targets):
            example = {
                "host": "host.apns",
                "link": "link.a-b",
                "device": "device.fleet",
                "device.<phone>": "device.phone",
            }
            assert takes(contract.targets, example.get(target, target)), name
        assert told == contract.help


def test_the_table_of_figures_is_complete() -> None:
    rows = table_rows(SCENARIOS, "figure")

    assert sorted(name for row in rows for name in quoted(row[0])) == sorted(OBSERVATIONS)


def commands() -> list[str]:
    """Every `airbed ...` in a shell block of a page."""
    blocks = "".join("".join(code_blocks(page, "sh")) for page in PAGES)
    return re.findall(r"^airbed .*?(?=\s+#|$)", blocks, re.MULTILINE)


@pytest.mark.parametrize("command", commands())
def test_every_command_in_the_documentation_is_one(command: str) -> None:
    program, name, *arguments = shlex.split(command)

    assert program == "airbed"
    assert parse([name, *arguments]).command == name


def test_the_table_of_exit_codes_is_complete() -> None:
    rows = table_rows(ROOT / "README.md", "exit code")

    assert [int(row[0]) for row in rows] == sorted(ExitCode)


LOGGING = ("emit", "event", "failure", "note", "seldom", "trouble")


def emitted() -> dict[str, set[str]]:
    """Kinds of events in the code, and the fields that are given with each by name."""
    # This one is made from any log record of an error, not by a call that names it.
    kinds: dict[str, set[str]] = {"server.error": {"logger", "error"}}
    for path in architecture.sources(ROOT):
        for node in ast.walk(architecture.parse(path)):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            if node.func.attr.lstrip("_") not in LOGGING:
                continue
            if not node.args:
                continue
            kind = node.args[0]
            if isinstance(kind, ast.Constant) and re.fullmatch(r"[a-z]+\.[a-z]+", str(kind.value)):
                fields = {keyword.arg for keyword in node.keywords if keyword.arg}
                kinds.setdefault(str(kind.value), set()).update(fields)
    return kinds


def test_the_table_of_events_is_complete_and_right() -> None:
    in_code = emitted()
    rows = table_rows(ROOT / "docs" / "record.md", "kind")
    documented = [kind for row in rows for kind in quoted(row[0])]

    assert sorted(documented) == sorted(in_code)
    for kinds, fields, _ in rows:
        given = set().union(*(in_code[kind] for kind in quoted(kinds)))
        # Which service it is, the push services add by themselves.
        assert set(fields.split(", ")) - {"", "service"} == given - {"service"}, kinds


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_within_the_repository_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text("utf-8"))
    local = [target for target in targets if "://" not in target]

    assert [target for target in local if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_are_named_exist(page: Path) -> None:
    text = page.read_text("utf-8")
    folders = "sim|server|devices|scenarios|reports|tests|benchmarks|docs"
    named = re.findall(rf"[`\s]((?:{folders})/[\w./-]*)", text)
    # What a run leaves behind is not in the repository.
    named = [name for name in named if not name.startswith("benchmarks/results")]

    assert [name for name in named if not (ROOT / name.rstrip(".")).exists()] == []


def names_something(name: str) -> bool:
    """Whether a dotted name is a module or folder of ours, or a name in one."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        place = ROOT.joinpath(*parts[:length])
        module = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
        if module.is_file():
            rest = parts[length:]
            return not rest or re.search(rf"\b{rest[0]}\b", module.read_text("utf-8")) is not None
    return False


def test_modules_that_prose_names_exist() -> None:
    """In the pages and in the code itself: `sim.net.path`, `server.clock.now`."""
    folders = "sim|server|devices|scenarios|reports"
    pages = [*PAGES, *architecture.sources(ROOT)]
    named = {
        (page.name, name)
        for page in pages
        for name in re.findall(rf"`((?:{folders})(?:\.\w+)+)(?:\(\))?`", page.read_text("utf-8"))
    }
    events = emitted()
    assert len(named) > 50
    assert [
        each for each in sorted(named) if not (names_something(each[1]) or each[1] in events)
    ] == []
