"""The contracts of the steps: what they are called in reports."""

from scenarios.engine.format.steps_catalog import STEPS


def test_a_step_is_called_by_what_is_done_with_it() -> None:
    step = STEPS["set_app_state"]
    assert step.title({"state": "closed"}) == "the user closes the app"
    assert step.title({"state": "background"}) == "the user leaves the app in the background"
    assert step.title({"state": "$saved"}) == step.help


def test_values_that_change_nothing_leave_the_title_as_it_is() -> None:
    assert STEPS["wait"].title({"for": 300.0}) == "let virtual time pass"


def test_every_title_is_for_a_value_that_the_step_takes() -> None:
    for step in STEPS.values():
        choices = {value for argument in step.arguments.values() for value in argument.choices}
        assert set(step.titles) <= choices
