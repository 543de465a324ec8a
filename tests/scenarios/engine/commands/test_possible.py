"""A directory runs what is possible and skips the rest with reasons; a named file is refused."""

from pathlib import Path

import pytest

from scenarios.engine.commands.cells import plan
from scenarios.engine.commands.possible import Limits, NotPossible, Skipped, reasons
from scenarios.engine.commands.selection import select
from scenarios.engine.shipped import SHIPPED
from tests.scenarios.engine.commands.test_live_limits import BASE

IMPOSSIBLE = BASE.format(gateway=", apns: { recovery: none }", faults="", expect="")
POSSIBLE = BASE.format(gateway="", faults="", expect="")
BY_CELL = BASE.replace("world:", "matrix:\n  platform: [ios, android]\nworld:").format(
    gateway="",
    faults="",
    expect="expect:\n  checks:\n"
    "    - { that: gateway.pruned == 1, when: $matrix.platform == android }\n",
)


def directory(path: Path) -> Path:
    for name, text in (("a", IMPOSSIBLE), ("b", POSSIBLE), ("c", BY_CELL)):
        (path / f"{name}.yaml").write_text(text)
    return path


def runs(*names: Path, cell: str | None = None) -> tuple[list[str], list[Skipped]]:
    """What is run with an external gateway, and what is skipped."""
    selection = select(map(str, names))
    assert not selection.invalid
    limits = Limits(True, frozenset(selection.named))
    possible, skipped = limits.runs(list(plan(selection.valid, 1, cell)))
    return [f"{file.path.stem} {cell.id}".strip() for file, cell, _ in possible], skipped


def test_what_is_found_in_a_directory_and_is_impossible_is_skipped_with_its_place(
    tmp_path: Path,
) -> None:
    possible, skipped = runs(directory(tmp_path))
    assert possible == ["b", "c platform=ios"]
    whole, part = [f"{which}: {why}" for which, why in reasons(skipped)]
    file = tmp_path / "a.yaml"
    assert whole == (
        f"{file}, 1 run: {file}:4:46: a scenario cannot set how an external gateway talks to APNs"
    )
    assert part.startswith(f"{tmp_path / 'c.yaml'} platform=android, 1 run: ")
    assert part.endswith("only a gateway's own log says which tokens it removes")


def test_a_file_that_is_named_is_refused_if_nothing_of_it_is_possible(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory(tmp_path)
    for names in ([tmp_path / "a.yaml"], [tmp_path, tmp_path / "a.yaml"]):
        with pytest.raises(NotPossible, match="nothing was run"):
            runs(*names)
        shown = capsys.readouterr().err
        assert "a.yaml:4:46: error[not-ours]: a scenario cannot set how" in shown
        assert "help: remove it, and configure that gateway itself" in shown


def test_of_a_file_that_is_named_the_possible_cells_are_run(tmp_path: Path) -> None:
    possible, skipped = runs(directory(tmp_path) / "c.yaml")
    assert possible == ["c platform=ios"]
    assert [each.cell.id for each in skipped] == ["platform=android"]
    with pytest.raises(NotPossible):
        runs(tmp_path / "c.yaml", cell="platform=android")


def test_a_directory_in_which_nothing_is_possible_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(IMPOSSIBLE)
    with pytest.raises(NotPossible):
        runs(tmp_path)


def test_a_sweep_keeps_the_possible_cells_of_each_file(tmp_path: Path) -> None:
    selection = select([str(directory(tmp_path))])
    files, skipped = Limits(True, frozenset()).files(selection.valid, range(1, 4))
    assert [(file.path.stem, [cell.id for cell in file.cells]) for file in files] == [
        ("b", [""]),
        ("c", ["platform=ios"]),
    ]
    assert [len(each.seeds) for each in skipped] == [3, 3]


def test_what_the_scenario_says_of_the_gateways_own_settings_is_impossible(tmp_path: Path) -> None:
    for key in ("environment: sandbox", "legacy_status: 2013"):
        file = tmp_path / "it.yaml"
        file.write_text(BASE.format(gateway=f", {key}", faults="", expect=""))
        with pytest.raises(NotPossible):
            runs(file)
    file.write_text(BASE.format(gateway=", environment: production", faults="", expect=""))
    assert runs(file) == (["it"], [])


def test_most_of_what_is_shipped_is_possible_with_an_external_gateway() -> None:
    possible, skipped = runs(SHIPPED)
    left_out = {each.file.path.stem for each in skipped}
    assert len(possible) > len(skipped)
    assert {"gateway_crash", "storm"} <= left_out
    assert "uninstalled_app platform=ios" in possible
    # What these are about has a variant that does not look inside.
    for name in ("invalid_token", "uninstalled_app", "token_rotation"):
        assert name in left_out
        assert f"{name}_black_box" in {run.split()[0] for run in possible} - left_out
