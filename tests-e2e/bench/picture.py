"""The figures as a picture (SVG 1.1): a bar for each line against its goal, and growth by size."""

import math
from collections.abc import Sequence
from html import escape

from bench.figures import Curve, Line, figure, verdict

WIDTH = 900
LABEL = 250
BAR = 16
STEP = 26
TOP = 64
CHART = 220
MARGIN = 60
COLOURS = {"met": "#2e7d32", "reported": "#607d8b", "MISSED": "#c62828", "FAILED": "#c62828"}
STROKES = ("#1565c0", "#ef6c00", "#6a1b9a", "#00838f")
STYLE = "text{font:12px sans-serif;fill:#222}.title{font-size:16px}.small{font-size:11px;fill:#666}"


def picture(lines: Sequence[Line], curves: Sequence[Curve], caption: str) -> str:
    """A document of its own, which asks for nothing outside."""
    height = TOP + STEP * len(lines) + (CHART + MARGIN * 2 if curves else 0) + 20
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size}>',
        f"<style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        _text(20, 26, "How far each row is from its goal (the line; to its right is better)", "title"),
        _text(20, 46, caption, "small"),
        *_bars(lines),
        *(_growth(curves, TOP + STEP * len(lines) + MARGIN) if curves else ()),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def score(line: Line) -> float:
    """1 at the goal, more when better, whichever way the goal goes; 1 for what is only reported."""
    if not line.rounds or not line.median:
        return 0.0
    if line.goal is None:
        return 1.0
    reached = line.median / line.goal.value
    return reached if line.goal.direction == "at least" else 1 / reached


def _bars(lines: Sequence[Line]) -> list[str]:
    """Twice the goal is the right edge."""
    room = WIDTH - LABEL - 180
    goal_at = LABEL + room / 2
    parts = []
    for number, line in enumerate(lines):
        y = TOP + STEP * number
        width = max(1.0, min(score(line), 2.0) * room / 2)
        word = verdict(line)
        ratio = figure(line) if line.rounds else "-"
        goal = "" if line.goal is None else f", goal {line.goal}"
        parts += [
            _text(20, y + 13, f"{line.row}  {line.variant}"),
            f'<rect x="{LABEL}" y="{y}" width="{width:.1f}" height="{BAR}" fill="{COLOURS[word]}"/>',
            _text(WIDTH - 170, y + 13, f"{ratio}{goal}  {word}"),
        ]
    bottom = TOP + STEP * len(lines)
    parts.append(_stroke(goal_at, TOP - 6, goal_at, bottom, "#222"))
    return parts


def _growth(curves: Sequence[Curve], top: float) -> list[str]:
    """Milliseconds over the table's size, which goes up tenfold from mark to mark."""
    points = [point for curve in curves for point in curve.points]
    sizes = sorted({size for size, _ in points})
    most = max((value for _, value in points), default=1.0) * 1.15 or 1.0
    span = max(math.log10(sizes[-1] / sizes[0]), 1.0) if sizes else 1.0

    def at(size: int, value: float) -> tuple[float, float]:
        x = MARGIN + math.log10(size / sizes[0]) / span * (WIDTH - 2 * MARGIN - 140)
        return x, top + CHART - value / most * CHART

    parts = [
        _text(20, top - 16, "Milliseconds of a read that no cache has, by the size of the table", "title")
    ]
    parts += [
        _stroke(MARGIN, top, MARGIN, top + CHART, "#999"),
        _text(8, top + 10, f"{most:.1f} ms", "small"),
    ]
    parts.append(_stroke(MARGIN, top + CHART, WIDTH - MARGIN, top + CHART, "#999"))
    parts += [_text(at(size, 0)[0] - 14, top + CHART + 18, f"{size:,}", "small") for size in sizes]
    for number, curve in enumerate(curves):
        colour = STROKES[number % len(STROKES)]
        places = [at(size, value) for size, value in curve.points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places]
        if places:
            parts.append(_text(places[-1][0] + 10, places[-1][1] + 4 + 14 * number, curve.name))
    return parts


def _stroke(x1: float, y1: float, x2: float, y2: float, colour: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"/>'


def _text(x: float, y: float, text: str, kind: str = "") -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{named}>{escape(text)}</text>'
