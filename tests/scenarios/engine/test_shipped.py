"""Scenario files are named so that the name can be typed where one is."""

from pathlib import Path

import pytest

from scenarios.engine.shipped import SHIPPED, locate, typed

TEN_STEPS = SHIPPED / "flows" / "ten_steps.yaml"


def test_inside_the_project_a_file_goes_by_its_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(SHIPPED.parent)
    assert typed(TEN_STEPS) == "scenarios/flows/ten_steps.yaml"


def test_elsewhere_a_shipped_file_goes_by_its_short_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert typed(TEN_STEPS) == "flows/ten_steps.yaml"
    assert locate(typed(TEN_STEPS)) == TEN_STEPS


def test_a_short_name_that_means_something_else_here_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "ten_steps.yaml").touch()
    assert typed(TEN_STEPS) == str(TEN_STEPS)
    assert typed(tmp_path / "flows" / "ten_steps.yaml") == "flows/ten_steps.yaml"
