"""The figures as text and as JSON."""

from collections.abc import Sequence
from typing import Any

from bench.figures import Curve, Line, Sample, figure, median_of, verdict

HEADS = (
    "row", "subject / reference", "reference", "CPU µs", "subject", "CPU µs", "p99 ms",
    "ratio", "min-max", "goal", "verdict",
)  # fmt: skip


def table(lines: Sequence[Line]) -> str:
    """One line each: reference, subject, the ratio and what it has to be."""
    rows = [HEADS, *(_cells(line) for line in lines)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(HEADS))]
    text = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    return "\n".join([text[0], "-" * len(text[0]), *text[1:]])


def summary(line: Line) -> str:
    """One line in short."""
    return ", ".join((line.row, line.variant, *_cells(line)[-4:]))


def _cells(line: Line) -> Sequence[str]:
    references = [one.reference for one in line.rounds]
    subjects = [one.subject for one in line.rounds]
    return (
        line.row,
        f"{line.variant}: {line.subject} / {line.reference}",
        f"{_median(references, 'value')} {line.unit}",
        _median(references, "cpu_us"),
        f"{_median(subjects, 'value')} {line.unit}",
        _median(subjects, "cpu_us"),
        _median(subjects, "p99_ms"),
        figure(line) if line.rounds else "-",
        f"{min(line.ratios):.2f}-{max(line.ratios):.2f}" if line.rounds else "-",
        "reported" if line.goal is None else str(line.goal),
        verdict(line),
    )


def _median(samples: Sequence[Sample], name: str) -> str:
    value = median_of([getattr(one, name) for one in samples])
    return "" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def remarks(lines: Sequence[Line]) -> list[str]:
    """What the table has no room for: faults and notes."""
    said = []
    for line in lines:
        said += [f"{line.row} {line.variant}: {text}" for text in (*line.faults, *line.notes)]
    return said


def document(lines: Sequence[Line], curves: Sequence[Curve], **about: str) -> dict[str, Any]:
    """All that was measured."""
    return {
        **about,
        "lines": [_line(line) for line in lines],
        "growth": [{"name": curve.name, "points": curve.points} for curve in curves],
    }


def _line(line: Line) -> dict[str, Any]:
    names = ("value", "cpu_us", "p50_ms", "p99_ms", "faults")
    return {
        "row": line.row,
        "variant": line.variant,
        "reference": line.reference,
        "subject": line.subject,
        "unit": line.unit,
        "ratio": line.median if line.rounds else None,
        "goal": None if line.goal is None else str(line.goal),
        "moonshot": None if line.goal is None else line.goal.moonshot,
        "verdict": verdict(line),
        "notes": line.notes,
        "rounds": [
            {
                side: {name: getattr(getattr(one, side), name) for name in names}
                for side in ("reference", "subject")
            }
            for one in line.rounds
        ],
    }
