"""Tables as CSV, LaTeX and Markdown; whatever strangers wrote is escaped for each."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from typing import Any, Final

Grid = list[list[str]]

_LATEX: Final = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "±": r"$\pm$",
    "→": r"$\rightarrow$",
}
_LATEX_PATTERN: Final = re.compile("|".join(map(re.escape, _LATEX)))
_MARKDOWN_PATTERN: Final = re.compile(r"([\\`*_{}\[\]()#+!|~-])")
_FORMULA: Final = ("=", "+", "-", "@")


def to_csv(table: dict[str, Any]) -> str:
    """One line per number, all digits: ready for any program."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    header = ("algorithm", "label", "size", "provenance", "benchmark", "environment")
    online = ("offline", "offline_spread", "environment_steps") if table["online"] else ()
    writer.writerow([*header, "value", "spread", "seeds", "marks", *online])
    for row in table["rows"]:
        sizes = " ".join(map(str, row["sizes"]))
        texts = [row["algorithm"], row["label"] or "", sizes, row["provenance"]]
        for column, cell in zip(table["columns"], row["cells"], strict=True):
            if cell is None:
                continue
            place = [column["benchmark"], column["environment"]]
            shown = _shown(cell["value"], cell["spread"], cell["seeds"])
            shown.append("; ".join(cell["marks"]))
            if online:
                _, offline, spread = cell["online"][0] if cell["online"] else (0, None, None)
                shown += _shown(offline, spread, cell["environment_steps"])
            writer.writerow([_no_formula(text) for text in [*texts, *place]] + shown)
    return out.getvalue()


def to_markdown(table: dict[str, Any]) -> str:
    """A table that is as wide as its columns need; the best of each column is bold."""
    grid, best = _grid(table, escape_markdown)
    body = [
        [f"**{text}**" if (i, j) in best else text for j, text in enumerate(line)]
        for i, line in enumerate(grid)
    ]
    if not body:
        return f"# {escape_markdown(table['title'])}\n\nNo entries yet.\n"
    rule = ["---"] + ["---:"] * (len(body[0]) - 1)
    lines = ["| " + " | ".join(line) + " |" for line in [body[0], rule, *body[1:]]]
    about = f"{table['about']} Unit: {table['unit']}; ± is one standard deviation over seeds."
    if table["online"]:
        about += " Before the arrow: the offline point."
    return f"# {escape_markdown(table['title'])}\n\n{about}\n\n" + "\n".join(lines) + "\n"


def to_latex(table: dict[str, Any]) -> str:
    """A tabular for booktabs; the best of each column is bold."""
    grid, best = _grid(table, escape_latex)
    if not grid:
        return "% no entries yet\n"
    lines = [
        " & ".join(rf"\textbf{{{text}}}" if (i, j) in best else text for j, text in enumerate(line))
        + r" \\"
        for i, line in enumerate(grid)
    ]
    columns = "l" + "r" * (len(grid[0]) - 1)
    head = [
        rf"% {escape_latex(table['title'])}; {escape_latex(table['unit'])}; needs booktabs",
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
    ]
    return "\n".join(
        [*head, lines[0], r"\midrule", *lines[1:], r"\bottomrule", r"\end{tabular}", ""]
    )


def escape_latex(text: str) -> str:
    """Text that LaTeX prints as it is."""
    return _LATEX_PATTERN.sub(lambda match: _LATEX[match.group()], text)


def escape_markdown(text: str) -> str:
    """Text that Markdown shows as it is, HTML included."""
    plain = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MARKDOWN_PATTERN.sub(r"\\\1", plain)


def _shown(*numbers: float | None) -> list[str]:
    return ["" if number is None else repr(number) for number in numbers]


def _no_formula(text: str) -> str:
    """Spreadsheets run cells that begin like a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _grid(table: dict[str, Any], escape: Callable[[str], str]) -> tuple[Grid, set[tuple[int, int]]]:
    """Datasets down, algorithms across, as papers print it; and which cells are the best."""
    rows, columns = table["rows"], table["columns"]
    if not rows:
        return [], set()
    grid = [["Dataset", *(escape(_row_name(row)) for row in rows)]]
    best: set[tuple[int, int]] = set()
    for j, column in enumerate(columns):
        cells = [row["cells"][j] for row in rows]
        top = max(cell["value"] for cell in cells if cell is not None)
        for i, cell in enumerate(cells):
            if cell is not None and cell["value"] == top and len(rows) > 1 and table["compared"]:
                best.add((len(grid), i + 1))
        grid.append([escape(_column_name(column)), *(_number(cell, escape) for cell in cells)])
    if table["ranked"]:
        for name, title in (("mean", "Mean"), ("rank", "Average rank")):
            shown = ["" if row[name] is None else f"{row[name]:.2f}" for row in rows]
            grid.append([title, *(escape(text) for text in shown)])
    return grid, best


def _row_name(row: dict[str, Any]) -> str:
    sizes = ", ".join(f"{size} px" for size in row["sizes"])
    notes = [note for note in (row["label"], sizes, *row["marks"]) if note]
    return row["algorithm"] + (f" ({'; '.join(notes)})" if notes else "")


def _column_name(column: dict[str, Any]) -> str:
    name = f"{column['task']}, {column['dataset']}"
    if column["environment"] == "original":
        return name
    return f"{name}: {column['environment'].replace('_', ' ')}"


def _number(cell: dict[str, Any] | None, escape: Callable[[str], str]) -> str:
    if cell is None:
        return ""
    spread = "" if cell["spread"] is None else f" ± {cell['spread']:.1f}"
    offline = f"{cell['online'][0][1]:.1f} → " if cell["online"] else ""
    return escape(f"{offline}{cell['value']:.1f}{spread}").replace(r"\-", "-")
