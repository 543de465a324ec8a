"""Draws a run as one HTML page: a lane per host and phone, time downwards, an arrow per hop.

The page needs nothing else: styles and the drawing (SVG) are in it, no script, light and dark as
the reader's system is set. Rows are in the order of time but not to scale, since a run has
microseconds next to minutes; every row carries its virtual time and every arrow its duration.
"""

import re
from html import escape
from pathlib import Path
from typing import Any

from reports.drawn import Drawing, Item, Lane, Section
from reports.hops import drawing
from reports.latency import latency_html
from reports.reading import Record, clock, clock_of, reading, seconds
from reports.timeline_style import STYLE

STEP_WIDTH = 244
TIME_WIDTH = 76
LANE_WIDTH = 158
MARGIN = 16
ROW = 32
SLANT = 8
HEAD = 58
TITLE = 25
"""Characters of a step's title in a line."""
CHARACTER = 6.9
"""About as wide is a character of a label."""


def write_timeline(record: Record) -> Path:
    """Write `timeline.html` into the record's directory and return its path."""
    path = record.path / "timeline.html"
    path.write_text(timeline_html(record), encoding="utf-8")
    return path


def timeline_html(record: Record) -> str:
    """The page for a record. Raises NotARecord."""
    with reading(record.path):
        return _html(record)


def _html(record: Record) -> str:
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
{_about(summary)}<p class="facts">{_facts(summary)}</p>
</header>
{_failures(summary)}
<figure>
{svg}
<figcaption>
<span class="key request">request and its answer</span>
<span class="key push">the push on its way</span>
<span class="key good">it worked</span>
<span class="key quiet">something changed</span>
<span class="key problem">refused, rejected, lost</span>
<span class="key trouble">the same on one host, or a fault begins</span>
<span class="key fault">a fault lasts</span>
<br/>Time runs downwards, in {clock_of(summary)} since the start of the run: rows are in the
order in which they begin, not to scale. A row with a count (2 &#215;) is of several that are alike
and follow each other shortly.
</figcaption>
</figure>
{_fates(summary)}
{latency_html(record)}
<footer>Run it again: <code>{escape(summary["command"])}</code></footer>
</body>
</html>
"""


def _about(summary: dict[str, Any]) -> str:
    text = summary.get("description", "")
    return f"<p>{escape(text)}</p>\n" if text else ""


def _facts(summary: dict[str, Any]) -> str:
    facts = [f'<strong class="{summary["verdict"]}">{summary["verdict"]}</strong>']
    facts += [f"{escape(name)} <b>{escape(str(value))}</b>" for name, value in _values(summary)]
    return " · ".join(facts)


def _values(summary: dict[str, Any]) -> list[tuple[str, Any]]:
    digest = summary["wire_digest"][:16]  # a live run has none
    return [
        *summary["values"].items(),
        ("seed", summary["seed"]),
        (clock_of(summary), seconds(summary["virtual_ns"])),
        *([("wire digest", digest)] if digest else []),
    ]


def _failures(summary: dict[str, Any]) -> str:
    texts = [text.partition("\n") for text in summary["failures"]]
    shown = "".join(f"<p>{escape(what)}</p><pre>{escape(where)}</pre>" for what, _, where in texts)
    return f'<section class="failures">{shown}</section>' if shown else ""


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
    width = _width(picture, columns)
    parts: list[str] = []
    y = float(HEAD)
    for index, section in enumerate(picture.sections):
        height = _section_height(section)
        parts.append(f'<g class="{_band(index, section)}">')
        parts.append(_section(section, columns, y, width))
        parts.append("</g>")
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


def _width(picture: Drawing, columns: dict[str, float]) -> float:
    """As wide as the lanes are, and the labels that stand to the right of their marks."""
    lanes = STEP_WIDTH + TIME_WIDTH + LANE_WIDTH * max(1, len(picture.lanes))
    marks = (
        columns[item.source] + 11 + _length(item)
        for section in picture.sections
        for item in section.items
        if item.target in (None, item.source)
    )
    return float(round(max((lanes, *marks)) + MARGIN))


def _length(item: Item) -> float:
    """About how wide its label is."""
    return CHARACTER * len(f"{_times(item)}{item.label}{_took(item)}")


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
    title_lines = len(_wrapped(_title(section)[1], TITLE))
    return max(_lead(section) + ROW * len(section.items) + 14, 18.0 * title_lines + 34)


def _lead(section: Section) -> float:
    """Room for the time at which the step begins, unless something happens right then or, for its
    sake, before."""
    return 0 if section.items and section.items[0].start <= section.start else ROW - 8


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
        bands.append(
            f'<rect class="band {_band(index, section)}" x="0" y="{y:g}" '
            f'width="{width:g}" height="{height:g}"/>'
        )
        y += height
    return bands


def _band(index: int, section: Section) -> str:
    return "failed" if section.status == "failed" else "even" if index % 2 == 0 else "odd"


def _fault_bands(picture: Drawing, columns: dict[str, float], bottom: float) -> list[str]:
    """On its lane, a bar from where a fault begins to where it is over, or to the bottom.

    None for a fault that changed nothing.
    """
    ends: dict[str, list[tuple[str, float]]] = {}
    y = float(HEAD)
    for section in picture.sections:
        for row, item in enumerate(section.items):
            if item.fault:
                mark = y + 27 + _lead(section) + ROW * row
                ends.setdefault(item.fault, []).append((item.source, mark))
        y += _section_height(section)
    lasting = {
        fault["id"]
        for fault in picture.faults
        if fault["fired"] and fault["end_ns"] != fault["start_ns"]
    }
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
        f'<g class="head {lane.role}"><rect x="{x - 72:g}" y="8" width="144" height="38" rx="8"/>'
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


def _section(section: Section, columns: dict[str, float], y: float, width: float) -> str:
    number, title = _title(section)
    lines = _wrapped(title, TITLE)
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
    lead = _lead(section)
    if lead:
        parts.append(_time(section.start, y + 24))
    tops = [y + 7 + lead + ROW * row for row in range(len(section.items))]
    drawn = [_row(item, columns, top, width) for item, top in zip(section.items, tops, strict=True)]
    parts += [behind for behind, _ in drawn]  # all before the first arrow, which they must not hide
    parts += [row for _, row in drawn]
    return "".join(parts)


def _step_detail(section: Section) -> str:
    by = f"{section.by} · " if section.by else ""
    if section.end is None:
        return f"{by}not finished"
    took = section.end - section.start
    detail = f"{by}took {seconds(took)}" if took else f"{by}at once"
    if section.early and not section.items:
        detail = f"{by}begun before, see above"
    return detail if section.status == "passed" else f"{detail} · {section.status}"


def _time(ns: int, y: float) -> str:
    x = STEP_WIDTH + TIME_WIDTH - 10
    return f'<text class="time" x="{x:g}" y="{y:g}">{escape(clock(ns))}</text>'


def _times(item: Item) -> str:
    return f"{item.count} \N{MULTIPLICATION SIGN} " if item.count > 1 else ""


def _took(item: Item) -> str:
    if item.end == item.start:
        return ""
    took = seconds(item.end - item.start)
    alone = item.count == 1 and item.target not in (None, item.source)
    return f" · {took}" if alone else f" · within {took}"


def _row(item: Item, columns: dict[str, float], y: float, width: float) -> tuple[str, str]:
    """What keeps lanes and bars from running through its label, and the row itself."""
    time = _time(item.start, y + 20)
    label = f'{escape(_times(item) + item.label)}<tspan class="took">{escape(_took(item))}</tspan>'
    x1 = columns[item.source]
    if item.target is None or item.target == item.source:
        return _behind(x1 + 9, y + 13, item), (
            f'{time}<g class="mark {item.tone}"><circle cx="{x1:g}" cy="{y + 20:g}" r="5"/>'
            f'<text x="{x1 + 11:g}" y="{y + 24:g}">{label}</text></g>'
        )
    x2 = columns[item.target]
    side = 1 if x2 > x1 else -1
    slant = SLANT if item.end > item.start else 0
    # In the middle of its arrow, unless it would leave the picture or cover the times there.
    half = _length(item) / 2
    middle = max(STEP_WIDTH + TIME_WIDTH + half, min((x1 + x2) / 2, width - half))
    return _behind(middle - half - 2, y + 3, item), (
        f'{time}<g class="hop {item.tone}"><line x1="{x1 + 3 * side:g}" y1="{y + 20:g}" '
        f'x2="{x2 - 2 * side:g}" y2="{y + 20 + slant:g}" marker-end="url(#{item.tone})"/>'
        f'<text x="{middle:g}" y="{y + 14:g}">{label}</text></g>'
    )


def _behind(x: float, y: float, item: Item) -> str:
    return f'<rect class="behind" x="{x:g}" y="{y:g}" width="{_length(item) + 4:g}" height="15"/>'


def _wrapped(text: str, width: int) -> list[str]:
    lines, line = [], ""
    for word in text.split():
        if line and len(line) + 1 + len(word) > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    return [*lines, line]
