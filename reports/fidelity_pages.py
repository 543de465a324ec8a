"""The fidelity report for people: one page of Markdown, and the same as HTML without a script."""

from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Final

from reports.two_worlds import MAX_SHOWN, Aspect, Comparison, Fidelity

_TITLE: Final = "Fidelity: the same scenarios in both worlds"
_READ: Final = (
    "Each run was made twice, in the simulated world and on real sockets, and compared hop by hop. "
    "Of a difference, what was simulated stands before the bar, what was seen live behind it."
)
_STYLE: Final = """\
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; }
th, td { border-bottom: 1px solid #8886; padding: .3rem .6rem; text-align: left; }
th, td { vertical-align: top; }
.differs { font-weight: bold; }
code { font-size: .9em; overflow-wrap: anywhere; }
"""


def write_pages(report: Fidelity, directory: Path) -> list[Path]:
    """Write `fidelity.md` and `fidelity.html`; their paths."""
    directory.mkdir(parents=True, exist_ok=True)
    pages = {"fidelity.md": "\n".join(markdown(report)), "fidelity.html": "\n".join(html(report))}
    for name, text in pages.items():
        (directory / name).write_text(text + "\n", encoding="utf-8")
    return [directory / name for name in pages]


def summary(report: Fidelity) -> str:
    """The outcome in one sentence."""
    alike = sum(each.same for each in report.comparisons)
    text = f"{alike} of {len(report.comparisons)} runs are alike in everything compared"
    if not report.differences:
        return f"{text}."
    differences = "1 difference" if report.differences == 1 else f"{report.differences} differences"
    return f"{text}; {differences} in the others, {report.explained} of them accounted for."


def markdown(report: Fidelity) -> Iterator[str]:
    """The lines of the page."""
    yield from (f"# {_TITLE}", "", _READ, "", summary(report), "")
    yield from ("| run | differences in |", "|---|---|")
    for each in report.comparisons:
        yield f"| {each.name} | {_differing(each)} |"
    for each in report.comparisons:
        yield from ("", f"## {each.name}", "", "| | simulated | live | |", "|---|---|---|---|")
        for aspect in each.aspects:
            outcome = "same" if aspect.same else f"**{len(aspect.differences)} differ**"
            yield f"| {aspect.name} | {aspect.simulated} | {aspect.live} | {outcome} |"
        if each.reason:
            yield from ("", f"What it comes from: {each.reason}.")
        for aspect in each.aspects:
            if not aspect.same:
                yield from ("", f"{aspect.name}:", "")
                yield from (f"* `{line}`" for line in _shown(aspect))
    if report.left_out:
        yield from ("", "## Not compared", "")
        yield from (f"* {name}: {reason}" for name, reason in report.left_out)


def html(report: Fidelity) -> Iterator[str]:
    """The lines of the page."""
    yield '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    yield f"<title>{_TITLE}</title><style>{_STYLE}</style></head><body>"
    yield f"<h1>{_TITLE}</h1><p>{_READ}</p><p>{escape(summary(report))}</p>"
    yield "<table><thead><tr><th>run</th><th>differences in</th></tr></thead><tbody>"
    for each in report.comparisons:
        yield f"<tr><td>{escape(each.name)}</td><td>{_differing(each)}</td></tr>"
    yield "</tbody></table>"
    for each in report.comparisons:
        yield f"<h2>{escape(each.name)}</h2>"
        yield "<table><thead><tr><th></th><th>simulated</th><th>live</th><th></th></tr></thead>"
        yield "<tbody>"
        for aspect in each.aspects:
            cells = "".join(f"<td>{escape(text)}</td>" for text in (aspect.simulated, aspect.live))
            outcome = "same"
            if not aspect.same:
                outcome = f'<span class="differs">{len(aspect.differences)} differ</span>'
            yield f"<tr><th>{aspect.name}</th>{cells}<td>{outcome}</td></tr>"
        yield "</tbody></table>"
        if each.reason:
            yield f"<p>What it comes from: {escape(each.reason)}.</p>"
        for aspect in each.aspects:
            if not aspect.same:
                items = "".join(f"<li><code>{escape(line)}</code></li>" for line in _shown(aspect))
                yield f"<p>{aspect.name}</p><ul>{items}</ul>"
    if report.left_out:
        items = "".join(f"<li>{escape(n)}: {escape(why)}</li>" for n, why in report.left_out)
        yield f"<h2>Not compared</h2><ul>{items}</ul>"
    yield "</body></html>"


def _differing(comparison: Comparison) -> str:
    names = ", ".join(each.name for each in comparison.aspects if not each.same) or "nothing"
    return f"{names} (accounted for)" if comparison.reason else names


def _shown(aspect: Aspect) -> Iterator[str]:
    yield from aspect.differences[:MAX_SHOWN]
    more = len(aspect.differences) - MAX_SHOWN
    if more > 0:
        yield f"and {more} more"
