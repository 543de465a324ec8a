"""JUnit XML of a suite run, as CI servers read it: a testsuite per scenario, a testcase per run.

Times in it are virtual seconds, so that two runs with the same seed give the same file.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

NS_PER_SECOND = 1_000_000_000
# XML 1.0 section 2.2: characters that no document may contain, not even escaped.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_NOT_JUDGED = ("interrupted", "skipped")


def junit_xml(summaries: Iterable[dict[str, Any]]) -> str:
    """A document for these runs; `summaries` are the `summary.json` of their records.

    A run that was not possible has no record: its verdict is `skipped`, its `reason` says why.
    """
    suites: dict[str, list[dict[str, Any]]] = {}
    for summary in summaries:
        suites.setdefault(summary["file"], []).append(summary)
    root = Element("testsuites", _totals([run for runs in suites.values() for run in runs]))
    for file, runs in suites.items():
        suite = SubElement(root, "testsuite", {"name": runs[0]["name"], "file": file})
        suite.attrib.update(_totals(runs))
        for run in runs:
            _add_case(suite, run)
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _totals(runs: Sequence[dict[str, Any]]) -> dict[str, str]:
    failed = sum(run["verdict"] == "failed" for run in runs)
    skipped = sum(run["verdict"] in _NOT_JUDGED for run in runs)
    time = sum(run["virtual_ns"] for run in runs) / NS_PER_SECOND
    return {
        "tests": str(len(runs)),
        "failures": str(failed),
        "errors": "0",
        "skipped": str(skipped),
        "time": f"{time:.3f}",
    }


def _add_case(suite: Element, run: dict[str, Any]) -> None:
    cell = f"{run['cell']}, " if run["cell"] else ""
    case = SubElement(
        suite,
        "testcase",
        {
            "name": f"{cell}seed {run['seed']}",
            "classname": run["name"],
            "time": f"{run['virtual_ns'] / NS_PER_SECOND:.3f}",
        },
    )
    if run["verdict"] == "failed":
        failures = [_NOT_XML.sub("�", text) for text in run["failures"]]
        failure = SubElement(case, "failure", {"message": failures[0].splitlines()[0]})
        failure.text = "\n\n".join(failures)
    elif run["verdict"] in _NOT_JUDGED:
        why = _NOT_XML.sub("\ufffd", run.get("reason", "interrupted"))
        SubElement(case, "skipped", {"message": why})
        if run["verdict"] == "skipped":
            return
    properties = SubElement(case, "properties")
    for name in ("wire_digest", "command"):
        SubElement(properties, "property", {"name": name, "value": run[name]})
