"""Line plots with logarithmic axes, as SVG in one HTML page that needs nothing else."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, StrictUndefined

WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 560, 320, 70, 45, 16, 130
COLOURS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e")
PAGE = Environment(autoescape=True, undefined=StrictUndefined).from_string("""\
<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{{ title }}</title>
<style>body { font: 15px sans-serif; max-width: 44em; margin: 2em auto } text { font: 12px sans-serif }</style></head>
<body><h1>{{ title }}</h1>
{% for plot in plots %}<h2>{{ plot.title }}</h2><p>{{ plot.text }}</p>
<svg xmlns="http://www.w3.org/2000/svg" width="{{ w }}" height="{{ h }}" role="img" aria-label="{{ plot.title }}">
{% for x, label in plot.x_ticks() %}<line x1="{{ x }}" x2="{{ x }}" y1="{{ top }}" y2="{{ base }}" stroke="#ddd"/>
<text x="{{ x }}" y="{{ base + 16 }}" text-anchor="middle">{{ label }}</text>
{% endfor %}{% for y, label in plot.y_ticks() %}
<line x1="{{ left }}" x2="{{ edge }}" y1="{{ y }}" y2="{{ y }}" stroke="#ddd"/>
<text x="{{ left - 6 }}" y="{{ y + 4 }}" text-anchor="end">{{ label }}</text>
{% endfor %}<text x="{{ (left + edge) / 2 }}" y="{{ h - 8 }}" text-anchor="middle">{{ plot.x_name }}</text>
{% for line in plot.drawn() %}
<polyline fill="none" stroke="{{ line.colour }}" stroke-width="2" points="{{ line.points }}"/>
<text x="{{ edge + 8 }}" y="{{ line.label_y }}" fill="{{ line.colour }}">{{ line.name }}</text>
{% endfor %}</svg>
{% endfor %}</body></html>
""")


@dataclass(frozen=True)
class Drawn:
    name: str
    colour: str
    points: str
    label_y: int


@dataclass(frozen=True)
class Plot:
    """`lines` by name: values by x. Both axes are logarithmic; values are above 0."""

    title: str
    text: str
    x_name: str
    lines: dict[str, dict[int, float]]

    def x(self, value: float) -> float:
        every = [x for line in self.lines.values() for x in line]
        return round(LEFT + (WIDTH - LEFT - RIGHT) * position(value, min(every), max(every)), 1)

    def y(self, value: float) -> float:
        low, high = self.decades()
        return round(HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * position(value, 10.0**low, 10.0**high), 1)

    def decades(self) -> tuple[int, int]:
        every = [y for line in self.lines.values() for y in line.values()]
        low = math.floor(math.log10(min(every)))
        return low, max(math.ceil(math.log10(max(every))), low + 1)

    def x_ticks(self) -> list[tuple[float, str]]:
        every = sorted({x for line in self.lines.values() for x in line})
        return [(self.x(x), str(x)) for x in every]

    def y_ticks(self) -> list[tuple[float, str]]:
        low, high = self.decades()
        return [(self.y(10.0**power), f"{10.0**power:g}") for power in range(low, high + 1)]

    def drawn(self) -> list[Drawn]:
        return [
            Drawn(name, COLOURS[n], " ".join(f"{self.x(x)},{self.y(y)}" for x, y in values.items()), TOP + 16 * (n + 1))
            for n, (name, values) in enumerate(self.lines.items())
        ]


def position(value: float, low: float, high: float) -> float:
    return (math.log(value) - math.log(low)) / (math.log(high) - math.log(low))


def write_page(file: Path, title: str, plots: list[Plot]) -> None:
    """The page; its folder is made."""
    file.parent.mkdir(parents=True, exist_ok=True)
    edges = {"w": WIDTH, "h": HEIGHT, "left": LEFT, "edge": WIDTH - RIGHT, "top": TOP, "base": HEIGHT - BOTTOM}
    file.write_text(PAGE.render(title=title, plots=plots, **edges))
