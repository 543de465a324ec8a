"""Draws a run as one HTML page: a lane per host and phone, time downwards, an arrow per hop.

The page needs nothing else: styles and the drawing (SVG) are in it, no script, light and dark as
the reader's system is set. Rows are in the order of time but not to scale, since a run has
microseconds next to minutes; every row carries its virtual time and every arrow its duration.
"""

import re
from html import escape
from pathlib import Path
from typing import Any

from reports.hops import Drawing, Item, Lane, Section, drawing
from reports.latency import latency_html
from reports.reading import Record, clock, seconds
from reports.timeline_style import STYLE

STEP_WIDTH = 290
TIME_WIDTH = 84
LANE_WIDTH = 190
MARGIN = 200
ROW = 34
SLANT = 8
HEAD = 58


def write_timeline(record: Record) -> Path:
    """Write `timeline.html` into the record's directory and return its path."""
    path = record.path / "timeline.html"
    path.write_text(timeline_html(record), encoding="utf-8")
    return path


def timeline_html(record: Record) -> str:
    """The page for a record."""
    summary = record.summary
    title = escape(record.name)
    svg = _svg(drawing(record))
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{STYLE}</style>
</head>
<body>
<header>
<h1>{escape(summary["name"])}</h1>
<p class="facts">{_facts(summary)}</p>
</header>
{_failures(summary)}
<figure>
{svg}
<figcaption>
<span class="key request">request and its answer</span>
<span class="key push">the push on its way</span>
<span class="key good">it worked</span>
<span class="key problem">refused, rejected, lost; a fault</span>
Time runs downwards, in virtual time since the start of the run; rows are in order, not to scale.
</figcaption>
</figure>
{_fates(summary)}
{latency_html(record)}
<footer>Run it again: <code>{escape(summary["command"])}</code></footer>
</body>
</html>
"""


def _facts(summary: dict[str, Any]) -> str:
    facts = [f'<strong class="{summary["verdict"]}">{summary["verdict"]}</strong>']
    facts += [f"{escape(name)} <b>{escape(str(value))}</b>" for name, value in _values(summary)]
    return " · ".join(facts)


def _values(summary: dict[str, Any]) -> list[tuple[str, Any]]:
    return [
        *summary["values"].items(),
        ("seed", summary["seed"]),
        ("virtual time", seconds(summary["virtual_ns"])),
        ("wire digest", summary["wire_digest"][:16]),
    ]


def _failures(summary: dict[str, Any]) -> str:
    texts = "".join(f"<pre>{escape(text)}</pre>" for text in summary["failures"])
    return f'<section class="failures">{texts}</section>' if texts else ""


def _fates(summary: dict[str, Any]) -> str:
    fates = {name: count for name, count in summary["fates"].items() if count}
    heads = "".join(f"<th>{escape(name)}</th>" for name in fates)
    cells = "".join(f"<td>{count}</td>" for count in fates.values())
    return (
        "<table><caption>What became of the notifications</caption>"
        f"<tr>{heads}</tr><tr>{cells}</tr></table>"
    )


def _svg(picture: Drawing) -> str:
    columns = {
        lane.name: STEP_WIDTH + TIME_WIDTH + LANE_WIDTH * (index + 0.5)
        for index, lane in enumerate(picture.lanes)
    }
    width = STEP_WIDTH + TIME_WIDTH + LANE_WIDTH * max(1, len(picture.lanes)) + MARGIN
    parts: list[str] = []
    y = float(HEAD)
    for section in picture.sections:
        height = _section_height(section)
        parts.append(_section(section, columns, y, height, width))
        y += height
    lifelines = "".join(
        f'<line class="life" x1="{x:g}" y1="{HEAD - 8}" x2="{x:g}" y2="{y:g}"/>'
        for x in columns.values()
    )
    bands = "".join(_bands(picture.sections, width)) + "".join(_fault_bands(picture, columns, y))
    heads = "".join(_lane_head(lane, columns[lane.name]) for lane in picture.lanes)
    return (
        f'<svg viewBox="0 0 {width:g} {y + 12:g}" width="{width:g}" height="{y + 12:g}" '
        f'role="img" aria-label="{escape(_description(picture), quote=True)}">'
        f"{_MARKERS}{bands}{lifelines}{heads}{''.join(parts)}</svg>"
    )


_MARKERS = "<defs>" + "".join(
    f'<marker id="{tone}" class="{tone}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" '
    'markerHeight="7" orient="auto"><path d="M0 0 10 5 0 10z"/></marker>'
    for tone in ("request", "push", "problem")
) + "</defs>"  # fmt: skip


def _description(picture: Drawing) -> str:
    lanes = ", ".join(lane.title for lane in picture.lanes)
    steps = "; ".join(f"{section.title} ({section.status})" for section in picture.sections)
    return f"Lanes: {lanes}. Steps: {steps}."


def _section_height(section: Section) -> float:
    title_lines = len(_wrapped(_title(section)[1], 32))
    return max(ROW * len(section.items) + 14, 18.0 * title_lines + 34)


def _title(section: Section) -> tuple[str, str]:
    """The number among the ten steps (or nothing), and what is done, without asides."""
    number, dot, title = section.title.partition(" · ")
    if not dot:
        number, title = "", section.title
    title = re.sub(r"\s*\([^)]*\)", "", title)
    return number, title[:1].upper() + title[1:]


def _bands(sections: list[Section], width: float) -> list[str]:
    bands, y = [], float(HEAD)
    for index, section in enumerate(sections):
        height = _section_height(section)
        kind = "failed" if section.status == "failed" else "even" if index % 2 == 0 else "odd"
        bands.append(
            f'<rect class="band {kind}" x="0" y="{y:g}" width="{width:g}" height="{height:g}"/>'
        )
        y += height
    return bands


def _fault_bands(picture: Drawing, columns: dict[str, float], bottom: float) -> list[str]:
    """On its lane, a bar from where a fault begins to where it is over, or to the bottom."""
    ends: dict[str, list[tuple[str, float]]] = {}
    y = float(HEAD)
    for section in picture.sections:
        for row, item in enumerate(section.items):
            if item.fault:
                ends.setdefault(item.fault, []).append((item.source, y + 27 + ROW * row))
        y += _section_height(section)
    lasting = {fault["id"] for fault in picture.faults if fault["end_ns"] != fault["start_ns"]}
    bars = []
    for fault, marks in ends.items():
        if fault in lasting:
            lane, top = marks[0]
            height = (marks[-1][1] if len(marks) > 1 else bottom) - top
            bars.append(
                f'<rect class="fault" x="{columns[lane] - 6:g}" y="{top:g}" width="12" '
                f'height="{height:g}"><title>{escape(fault)}</title></rect>'
            )
    return bars


def _lane_head(lane: Lane, x: float) -> str:
    count = f" &#215; {lane.count}" if lane.count > 1 else ""
    role = escape(lane.detail or _ROLE_NAMES[lane.role])
    return (
        f'<g class="head {lane.role}"><rect x="{x - 84:g}" y="8" width="168" height="38" rx="8"/>'
        f'<text x="{x:g}" y="25">{escape(lane.title)}{count}</text>'
        f'<text class="role" x="{x:g}" y="39">{role}</text></g>'
    )


_ROLE_NAMES = {
    "person": "browser",
    "site": "Moodle site",
    "gateway": "AirNotifier gateway",
    "apns": "Apple push service",
    "gcm": "Google push service",
    "phone": "phone with the app",
}


def _section(
    section: Section, columns: dict[str, float], y: float, height: float, width: float
) -> str:
    number, title = _title(section)
    lines = _wrapped(title, 32)
    parts = [f'<g class="step"><title>{escape(section.do)}</title>']
    if number:
        parts.append(f'<circle cx="20" cy="{y + 20:g}" r="13"/>')
        parts.append(f'<text class="number" x="20" y="{y + 25:g}">{escape(number)}</text>')
    for index, line in enumerate(lines):
        parts.append(f'<text x="42" y="{y + 24 + 18 * index:g}">{escape(line)}</text>')
    parts.append(
        f'<text class="detail" x="42" y="{y + 24 + 18 * len(lines):g}">'
        f"{escape(_step_detail(section))}</text></g>"
    )
    for row, item in enumerate(section.items):
        parts.append(_row(item, columns, y + 7 + ROW * row))
    return "".join(parts)


def _step_detail(section: Section) -> str:
    by = f"by {section.by} · " if section.by else ""
    if "state" in section.arguments:
        by += f"{section.arguments['state']} · "
    if section.end is None:
        return f"{by}not finished"
    took = section.end - section.start
    detail = f"{by}took {seconds(took)}" if took else f"{by}at once"
    return detail if section.status == "passed" else f"{detail} · {section.status}"


def _row(item: Item, columns: dict[str, float], y: float) -> str:
    time = (
        f'<text class="time" x="{STEP_WIDTH + TIME_WIDTH - 10:g}" y="{y + 20:g}">'
        f"{escape(clock(item.start))}</text>"
    )
    count = f"{item.count} &#215; " if item.count > 1 else ""
    x1 = columns[item.source]
    if item.target is None or item.target == item.source:
        return time + _mark(x1, y, count + escape(item.label), item)
    x2 = columns[item.target]
    side = 1 if x2 > x1 else -1
    took = seconds(item.end - item.start)
    until = f" · within {took}" if item.count > 1 else f" · {took}" if item.end > item.start else ""
    slant = SLANT if item.end > item.start else 0
    return (
        f'{time}<g class="hop {item.tone}"><line x1="{x1 + 3 * side:g}" y1="{y + 20:g}" '
        f'x2="{x2 - 2 * side:g}" y2="{y + 20 + slant:g}" marker-end="url(#{item.tone})"/>'
        f'<text x="{(x1 + x2) / 2:g}" y="{y + 15:g}">{count}{escape(item.label)}'
        f'<tspan class="took">{until}</tspan></text></g>'
    )


def _mark(x: float, y: float, label: str, item: Item) -> str:
    span = item.end - item.start
    took = f'<tspan class="took"> · within {escape(seconds(span))}</tspan>' if span else ""
    return (
        f'<g class="mark {item.tone}"><circle cx="{x:g}" cy="{y + 20:g}" r="5"/>'
        f'<text x="{x + 11:g}" y="{y + 24:g}">{label}{took}</text></g>'
    )


def _wrapped(text: str, width: int) -> list[str]:
    lines, line = [], ""
    for word in text.split():
        if line and len(line) + 1 + len(word) > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    return [*lines, line]
