"""Charts as one SVG: bars side by side or lines, from zero or logarithmic, values written where there is room.

By hand, in fewer lines than a library takes to be told the same; and the same figures give the same bytes.
"""

import math
from collections.abc import Callable, Sequence
from xml.sax.saxutils import escape

from tests.bench.section import Chart

WIDTH, HEIGHT = 960, 340
LEFT, RIGHT, TOP, BOTTOM = 60, WIDTH - 20, 64, HEIGHT - 40
COLOURS = ("#0072b2", "#8c8c8c", "#e69f00", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#332288", "#a0522d", "#44aa99")
MOST_VALUES = 28
"""Bars of one chart that still have room for their value."""

type Place = Callable[[float], float]


def draw(charts: Sequence[Chart]) -> str:
    """All charts, one below the other."""
    height = HEIGHT * len(charts)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif">']
    parts.append(f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>')
    for number, chart in enumerate(charts):
        parts.append(f'<g transform="translate(0 {HEIGHT * number})">')
        parts += [*_frame(chart), *(_bars(chart) if chart.kind == "bars" else _lines(chart)), "</g>"]
    return "\n".join([*parts, "</svg>", ""])


def _text(x: float, y: float, text: str, size: int = 12, anchor: str = "middle", **more: str) -> str:
    attributes = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in more.items())
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}"{attributes}>{escape(text)}</text>'


def _values(chart: Chart) -> list[float]:
    return [value for values in chart.series.values() for value in values if value is not None] or [1]


def _ticks(chart: Chart) -> list[float]:
    low, high = min(_values(chart)), max(_values(chart))
    if chart.logarithmic:
        first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
        return [10.0**power for power in range(first, max(last, first + 1) + 1)]
    rough = high / 5
    size = 10 ** math.floor(math.log10(rough))
    step = next(size * factor for factor in (1, 2, 5, 10) if size * factor >= rough)
    return [step * number for number in range(math.ceil(high / step) + 1)]


def _scale(chart: Chart) -> Place:
    ticks = _ticks(chart)
    curve: Place = math.log10 if chart.logarithmic else float
    low, high = curve(ticks[0]), curve(ticks[-1])
    return lambda value: BOTTOM - (curve(value) - low) / (high - low) * (BOTTOM - TOP)


def _frame(chart: Chart) -> list[str]:
    place, width = _scale(chart), (RIGHT - LEFT) / len(chart.labels)
    parts = [_text(LEFT, 22, f"{chart.title} ({chart.unit})", 15, "start", font_weight="bold")]
    for tick in _ticks(chart):
        parts.append(f'<path d="M{LEFT} {place(tick):.1f}H{RIGHT}" stroke="#ddd"/>')
        parts.append(_text(LEFT - 6, place(tick) + 4, f"{tick:g}", 11, "end"))
    parts += [_text(LEFT + width * (n + 0.5), BOTTOM + 18, label) for n, label in enumerate(chart.labels)]
    x = float(LEFT)
    for number, name in enumerate(chart.series):
        parts.append(f'<rect x="{x:.1f}" y="34" width="11" height="11" fill="{COLOURS[number % len(COLOURS)]}"/>')
        parts.append(_text(x + 15, 44, name, 12, "start"))
        x += 32 + 6.6 * len(name)
    return parts


def _bars(chart: Chart) -> list[str]:
    place, group = _scale(chart), (RIGHT - LEFT) / len(chart.labels)
    width, parts = group * 0.8 / len(chart.series), []
    for number, values in enumerate(chart.series.values()):
        for slot, value in enumerate(values):
            if value is not None:
                x, y = LEFT + group * (slot + 0.1) + width * number, place(value)
                fill = COLOURS[number % len(COLOURS)]
                parts.append(
                    f'<rect x="{x:.1f}" y="{y:.1f}" width="{width - 1:.1f}" height="{BOTTOM - y:.1f}" fill="{fill}"/>'
                )
                if len(_values(chart)) <= MOST_VALUES:
                    parts.append(_text(x + width / 2, y - 4, f"{value:.0f}" if value >= 100 else f"{value:.3g}", 10))
    return parts


def _lines(chart: Chart) -> list[str]:
    place, group = _scale(chart), (RIGHT - LEFT) / len(chart.labels)
    parts = []
    for number, values in enumerate(chart.series.values()):
        points = [(LEFT + group * (slot + 0.5), place(value)) for slot, value in enumerate(values) if value is not None]
        colour, path = COLOURS[number % len(COLOURS)], " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points]
    return parts
