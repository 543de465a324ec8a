"""The JUnit file says what CI servers look for."""

from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

from reports.junit import junit_xml
from reports.reading import Record


def parsed(*summaries: dict[str, Any]) -> ElementTree.Element:
    return ElementTree.fromstring(junit_xml(summaries))


def test_a_run_that_passed_is_a_testcase(write_record: Callable[..., Record]) -> None:
    root = parsed(write_record().summary)
    [suite] = root
    [case] = suite.findall("testcase")
    assert suite.attrib["name"] == "A message reaches the phone"
    assert (suite.attrib["tests"], suite.attrib["failures"]) == ("1", "0")
    assert case.attrib["name"] == "platform=ios, seed 42"
    assert case.attrib["time"] == "10.100"
    assert case.find("failure") is None


def test_a_run_that_failed_says_why(write_record: Callable[..., Record]) -> None:
    failures = ["a.yaml:7:5: error[fate]: lost: 1\n   7 | lost", "second"]
    summary = write_record(verdict="failed", failures=failures).summary
    root = parsed(summary)
    failure = root.find(".//failure")
    assert root.attrib["failures"] == "1"
    assert failure is not None
    assert failure.attrib["message"] == "a.yaml:7:5: error[fate]: lost: 1"
    assert failure.text == "\n\n".join(failures)


def test_each_scenario_is_a_suite_of_its_runs(write_record: Callable[..., Record]) -> None:
    one = write_record().summary
    root = parsed(one, {**one, "seed": 43}, {**one, "file": "other.yaml", "name": "Other"})
    assert [suite.attrib["tests"] for suite in root] == ["2", "1"]
    assert root.attrib["tests"] == "3"


def test_characters_that_xml_forbids_do_not_break_the_file(
    write_record: Callable[..., Record],
) -> None:
    summary = write_record(verdict="failed", failures=["got \x00\x1b[1m & <b>"]).summary
    failure = parsed(summary).find(".//failure")
    assert failure is not None
    assert failure.text == "got \ufffd\ufffd[1m & <b>"


def test_a_run_that_was_interrupted_counts_as_skipped(write_record: Callable[..., Record]) -> None:
    root = parsed(write_record(verdict="interrupted").summary)
    assert (root.attrib["skipped"], root.attrib["failures"]) == ("1", "0")


def test_a_run_that_was_not_possible_counts_as_skipped_and_says_why(
    write_record: Callable[..., Record],
) -> None:
    ran = write_record().summary
    skipped = {
        "name": "Other", "file": "other.yaml", "cell": "", "seed": 7, "virtual_ns": 0,
        "verdict": "skipped", "reason": "other.yaml:4:1: external",
    }  # fmt: skip
    root = parsed(ran, skipped)
    assert (root.attrib["tests"], root.attrib["skipped"], root.attrib["failures"]) == (
        "2", "1", "0",
    )  # fmt: skip
    case = root.find(".//testsuite[@file='other.yaml']/testcase")
    assert case is not None
    why = case.find("skipped")
    assert why is not None
    assert why.attrib["message"] == "other.yaml:4:1: external"
