"""How long notifications took, from the message on the site to the phone: a figure and a table.

The figure is the share of the delivered notifications that had arrived after so many seconds of
virtual time, one line per push service, the time on a logarithmic axis because it is the tail
that hurts. Drawn for runs with at least `ENOUGH` deliveries; fewer are better read one by one.

Percentiles are the nearest rank of the run's own values; several runs are not merged here.
"""

import io
import math
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any, Final

from reports.reading import Record, clock_of

ENOUGH: Final = 20
PERCENTILES: Final = (50, 90, 99)
NAMES: Final = {"apns": "APNs", "gcm": "GCM"}

# Two of the colours of Okabe and Ito, which people with any colour vision tell apart.
_COLOURS: Final = {"apns": "#0072b2", "gcm": "#d55e00"}
_INK: Final = "#7a8794"  # legible on a light and on a dark page
_SETTINGS: Final[Any] = {
    "svg.hashsalt": "airbed",  # the same ids in every run
    "svg.fonttype": "none",
    "font.size": 10,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.edgecolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
}


def latency_html(record: Record) -> str:
    """Figure and table of a record; empty if too few notifications were delivered."""
    times = latencies(record)
    if sum(map(len, times.values())) < ENOUGH:
        return ""
    clock = clock_of(record.summary)
    return (
        f'<figure class="latency">{_figure(times)}'
        "<figcaption>Share of the delivered notifications that had reached the phone, by seconds "
        f"of {clock} since the message was sent, on a logarithmic axis: each power of ten is "
        "as wide as the next.</figcaption></figure>"
        f"{_table(times, clock)}"
    )


def latencies(record: Record) -> dict[str, list[float]]:
    """Seconds of virtual time from a message to its arrival, sorted, by push service."""
    times: dict[str, list[float]] = {}
    for row in record.notifications():
        if row["created_ns"] and row["received_ns"]:
            taken = (int(row["received_ns"]) - int(row["created_ns"])) / 1e9
            times.setdefault(row["provider"], []).append(taken)
    return {provider: sorted(times[provider]) for provider in sorted(times)}


def percentile(times: Sequence[float], share: float) -> float:
    """The nearest-rank percentile of sorted values; `share` in percent, above 0."""
    return times[max(0, math.ceil(len(times) * share / 100) - 1)]


def axis_ticks(times: Sequence[float]) -> tuple[list[float], list[float]]:
    """Where a logarithmic axis for these seconds has ticks: those with a label, and those without.

    The first with a label is no later than all times and the last no earlier, with one between
    them at least: 1, 2 and 5 of every power of ten; all nine where that would be fewer than four;
    only the powers where it would be more than ten.
    """
    fine, usual, coarse = (
        _spanning(min(times), max(times), digits) for digits in (range(1, 10), (1, 2, 5), (1,))
    )
    ticks = fine if len(usual) < 4 else usual if len(usual) <= 10 else coarse
    every = _spanning(ticks[0], ticks[-1], range(1, 10))
    return ticks, [tick for tick in every if tick not in ticks]


def _spanning(low: float, high: float, digits: Iterable[int]) -> list[float]:
    """These digits times powers of ten, from the last up to `low` to the first from `high` on."""
    powers = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 2)
    series = [float(f"{digit}e{power}") for power in powers for digit in sorted(digits)]
    first = max(place for place, tick in enumerate(series) if tick <= low)
    last = min(place for place, tick in enumerate(series) if tick >= high)
    return series[first : max(last, first + 2) + 1]


def _table(times: dict[str, list[float]], clock: str) -> str:
    heads = "".join(f"<th>p{share}</th>" for share in PERCENTILES)
    rows = "".join(
        f"<tr><th>{escape(NAMES.get(provider, provider))}</th><td>{len(values)}</td>"
        + "".join(f"<td>{percentile(values, share):.3f} s</td>" for share in PERCENTILES)
        + f"<td>{values[-1]:.3f} s</td></tr>"
        for provider, values in times.items()
    )
    return (
        f"<table><caption>From message to phone, in {clock}</caption>"
        f"<tr><th></th><th>delivered</th>{heads}<th>longest</th></tr>{rows}</table>"
    )


def _figure(times: dict[str, list[float]]) -> str:
    # Here, because drawing takes half a second to load and most runs have nothing to draw.
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure
    from matplotlib.ticker import FixedLocator, FormatStrFormatter, NullFormatter

    with mpl.rc_context(_SETTINGS):
        figure = Figure(figsize=(7.2, 3.2), layout="constrained")
        figure.patch.set_alpha(0)
        axes = figure.add_subplot()
        axes.patch.set_alpha(0)
        for provider, values in times.items():
            shares = [(rank + 1) / len(values) for rank in range(len(values))]
            axes.step(
                values,
                shares,
                where="post",
                color=_COLOURS.get(provider, _INK),
                label=NAMES.get(provider, provider),
            )
        ticks, unlabelled = axis_ticks([value for values in times.values() for value in values])
        axes.set(xscale="log", ylim=(0, 1.02), ylabel="share arrived")
        axes.set(xlim=(ticks[0], ticks[-1]), xlabel="seconds (logarithmic)")
        axes.xaxis.set_major_locator(FixedLocator(ticks))
        axes.xaxis.set_major_formatter(FormatStrFormatter("%g"))
        axes.xaxis.set_minor_locator(FixedLocator(unlabelled))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, loc="lower right")
        out = io.StringIO()
        canvas: Any = FigureCanvasSVG(figure)
        canvas.print_svg(out, metadata={"Date": None, "Creator": None})
    svg = out.getvalue()
    label = escape("Cumulative distribution of the time from message to phone", quote=True)
    return svg[svg.index("<svg") :].replace("<svg", f'<svg role="img" aria-label="{label}"', 1)
