"""The tree keeps the rules of `architecture.py`, and each rule notices a tree that breaks it."""

import sys
from pathlib import Path
from textwrap import dedent

import pytest

from tests import architecture

ROOT = Path(__file__).resolve().parent.parent
WITH_DOCSTRINGS = (*architecture.PACKAGES, "benchmarks", "tests")


def tree(root: Path, **files: str) -> Path:
    """A small tree: keys are paths with `__` for `/`, each package gets its __init__.py."""
    for name, text in files.items():
        path = root / (name.replace("__", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")
        for folder in path.relative_to(root).parents[:-1]:
            init = root / folder / "__init__.py"
            if not init.exists():
                init.write_text('"""A package."""\n', encoding="utf-8")
    return root


def test_imports_point_one_way() -> None:
    assert architecture.forbidden_imports(ROOT) == []


def test_no_module_needs_itself_to_be_imported_first() -> None:
    assert architecture.import_cycles(ROOT) == []


def test_every_module_says_what_it_is() -> None:
    assert architecture.missing_docstrings(ROOT, WITH_DOCSTRINGS) == []


def test_no_file_is_longer_than_a_reader_can_hold() -> None:
    assert architecture.long_files(ROOT, WITH_DOCSTRINGS) == []


def test_servers_read_one_clock() -> None:
    assert architecture.stray_clocks(ROOT) == []


def test_lock_files_pin_every_package_by_hash_and_name_no_index() -> None:
    assert architecture.unpinned_requirements(ROOT) == []
    assert {path.name for path in ROOT.glob("requirements*.lock")} == {
        "requirements.lock",
        "requirements-dev.lock",
        "requirements-bench.lock",
        "requirements-foreign.lock",
        "requirements-postgres.lock",
    }


@pytest.mark.parametrize(
    ("importer", "statement"),
    [
        ("sim__kernel__loop", "import sim.net.link"),
        ("sim__kernel__loop", "from sim import world"),
        ("sim__net__link", "from sim.vendors import apns"),
        ("sim__net__link", "import server.clock"),
        ("sim__net__link", "from sim.live.world import LiveWorld"),
        ("sim__live__world", "from sim.world import World"),
        ("sim__live__wire", "from sim.net.transport import SimTransport"),
        ("sim__live__process", "import server"),
        ("sim__live__world", "from sim.vendors.apns.service import ApnsService"),
        ("devices__phone", "from sim.live.hosts import LiveHost"),
        ("sim__vendors__apns", "from devices.phone import Phone"),
        ("sim__vendors__apns", "from server.airnotifier import app"),
        ("server__airnotifier__app", "import simpy, sim"),
        ("server__airnotifier__app", "from server.moodle import app"),
        ("server__moodle__app", "import server.airnotifier.store"),
        ("devices__phone", "from sim.vendors.apns import Apns"),
        ("devices__phone", "from sim import vendors"),
        ("devices__phone", "import server"),
        ("devices__phone", "import scenarios.engine"),
        ("scenarios__engine__format__loader", "import reports.junit"),
        ("scenarios__engine__format__loader", "from scenarios.engine.world import stage"),
        ("scenarios__engine__world__stage", "from scenarios.engine.ledger.fates import Ledger"),
        ("scenarios__engine__ledger__fates", "from scenarios.engine.running import play"),
        ("scenarios__engine__running__play", "from scenarios.engine.commands import console"),
        ("scenarios__engine__format__loader", "from tests import architecture"),
        ("reports__junit", "from scenarios.engine.running import record"),
        ("reports__junit", "import sim.trace.recorder"),
        ("devices__phone", "def later():\n    import server.logs"),
        (
            "devices__phone",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import server",
        ),
        ("sim__kernel__loop", "from ..net import link"),
    ],
)
def test_an_import_against_the_direction_is_found(
    tmp_path: Path, importer: str, statement: str
) -> None:
    tree(tmp_path, **{importer: statement})

    complaints = architecture.forbidden_imports(tmp_path)

    path = importer.replace("__", "/") + ".py"
    line = len(statement.splitlines())
    assert complaints
    assert complaints[0].startswith(f"{path}:{line}: ")


@pytest.mark.parametrize(
    ("importer", "statement"),
    [
        ("sim__kernel__loop", "import simpy, asyncio\nfrom sim.kernel.seeds import Seeds"),
        ("sim__vendors__apns", "from sim.net.tls import CertificateAuthority"),
        ("server__moodle__app", "from server import clock"),
        ("devices__phone", "from sim.hosts import Host"),
        ("sim__live__world", "from sim.net.tls import CertificateAuthority"),
        ("scenarios__engine__world__live_stage", "from sim.live.world import LiveWorld"),
        (
            "scenarios__engine__running__steps",
            "import devices, server.moodle.app, sim.vendors.apns",
        ),
        ("scenarios__engine__running__runner", "from reports import timeline"),
        ("scenarios__engine__commands__run", "from reports.junit import write"),
        ("reports__junit", "from reports.timeline import draw"),
        ("devices__phone", "import simulation_of_something, servers"),
    ],
)
def test_an_import_along_the_direction_is_allowed(
    tmp_path: Path, importer: str, statement: str
) -> None:
    tree(tmp_path, **{importer: statement})

    assert architecture.forbidden_imports(tmp_path) == []


def test_a_cycle_is_found_once_and_named_in_full(tmp_path: Path) -> None:
    tree(
        tmp_path,
        sim__a="from sim.b import thing",
        sim__b="def later():\n    import sim.c",
        sim__c="from sim import a",
    )

    assert architecture.import_cycles(tmp_path) == [
        "import cycle: sim.a -> sim.b -> sim.c -> sim.a"
    ]


def test_a_package_that_gathers_names_and_a_module_that_takes_them_back_are_a_cycle(
    tmp_path: Path,
) -> None:
    tree(tmp_path, sim__net__link="from sim.net import Packet")
    (tmp_path / "sim/net/__init__.py").write_text("from sim.net.link import Link\n")

    assert architecture.import_cycles(tmp_path) == [
        "import cycle: sim.net -> sim.net.link -> sim.net"
    ]


def test_imports_that_only_types_need_make_no_cycle(tmp_path: Path) -> None:
    tree(
        tmp_path,
        sim__a="from sim.b import thing",
        sim__b="from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import sim.a",
    )

    assert architecture.import_cycles(tmp_path) == []


def test_a_module_without_a_docstring_is_found(tmp_path: Path) -> None:
    tree(tmp_path, sim__a='"""A module."""', sim__b="# a comment\nx = 1")

    assert architecture.missing_docstrings(tmp_path) == ["sim/b.py:1: no module docstring"]


def test_a_file_one_line_too_long_is_found(tmp_path: Path) -> None:
    longest = architecture.LONGEST_FILE
    tree(tmp_path, sim__a="pass\n" * longest, sim__b="pass\n" * (longest + 1))

    assert architecture.long_files(tmp_path) == [
        f"sim/b.py:{longest + 1}: longer than {longest} lines"
    ]


@pytest.mark.parametrize(
    "statement",
    [
        "import time; t = time.time()",
        "import time; t = time.monotonic()",
        "from time import time",
        "from datetime import datetime; t = datetime.now()",
        "import datetime; t = datetime.datetime.now(datetime.UTC)",
        "import datetime; t = datetime.date.today()",
    ],
)
def test_a_server_that_reads_its_own_clock_is_found(tmp_path: Path, statement: str) -> None:
    tree(tmp_path, server__clock=statement, server__moodle__app=statement, sim__a=statement)

    complaints = architecture.stray_clocks(tmp_path)

    assert len(complaints) == 1
    assert complaints[0].startswith("server/moodle/app.py:1: ")


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("--index-url https://packages.example/simple", "1: names an index"),
        ("--extra-index-url=file:///srv/wheels", "1: names an index"),
        ("thing @ file:///srv/thing.whl", "1: names an index"),
        ("-e .", "1: names an index"),
        ("thing==1.0", "1: thing==1.0 has no hash"),
        ("thing>=1.0 \\\n    --hash=sha256:00", "1: thing>=1.0 is not pinned"),
    ],
)
def test_a_requirement_that_is_not_locked_is_found(
    tmp_path: Path, line: str, complaint: str
) -> None:
    good = "other==2.0 \\\n    --hash=sha256:00 \\\n    --hash=sha256:01\n    # via airbed\n"
    (tmp_path / "requirements.lock").write_text(f"{line}\n{good}", encoding="utf-8")

    complaints = architecture.unpinned_requirements(tmp_path)

    assert len(complaints) == 1
    assert complaints[0].startswith(f"requirements.lock:{complaint}")


def test_the_standard_library_has_no_package_of_our_names() -> None:
    assert not sys.stdlib_module_names & set(architecture.PACKAGES)
