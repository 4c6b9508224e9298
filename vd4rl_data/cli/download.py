"""``vd4rl download``: the authors' own files → dataset files."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from rich.table import Table

from vd4rl_data.cli.command import Command
from vd4rl_data.cli.console import output_console
from vd4rl_data.cli.streams import print_lines
from vd4rl_data.dataset.locate import not_found_message, search_local
from vd4rl_data.download.authors import acquire_dataset
from vd4rl_data.download.plan import DownloadPreview, plan_download
from vd4rl_data.download.public_files import public_source
from vd4rl_data.errors import DatasetNotFoundError
from vd4rl_data.paths import data_dir
from vd4rl_data.registry import get_dataset_spec
from vd4rl_data.spec import DatasetSpec

_DETAILS: Final = (
    "Converted as they arrive; a download that was stopped or killed goes on when the same command "
    "is given again. load_dataset does the same by itself. Endpoint, token and cache are those of "
    "the Hub's own client (HF_ENDPOINT, HF_TOKEN, HF_HUB_CACHE); VD4RL_ENDPOINTS names fallbacks."
)


def run(arguments: argparse.Namespace) -> int:
    """Download, or say what would be."""
    root: Path = arguments.root or data_dir()
    here = {spec: _here(spec, arguments.root) for spec in _stored_specs(arguments.ids)}
    for spec, path in here.items():
        if path is None and public_source(spec) is None:
            message = not_found_message(spec, arguments.root, ())
            raise DatasetNotFoundError(f"{spec.name} was never published as files.\n{message}")
    if arguments.dry_run:
        _print_plans(root, here)
        return 0
    for spec, path in here.items():
        if path is None:
            print_lines([f"{spec.name}  {acquire_dataset(spec, root)}", *_shortage(spec)])
        else:
            print_lines([f"{spec.name}  {path} (was there already)"])
    return 0


def _stored_specs(names: Sequence[str]) -> list[DatasetSpec]:
    """The datasets that are stored themselves: of a composite, its parts; each once."""
    specs = [get_dataset_spec(name) for name in names]
    stored = [part for spec in specs for part in spec.parts or (spec.name,)]
    return [get_dataset_spec(name) for name in dict.fromkeys(stored)]


def _here(spec: DatasetSpec, root: Path | None) -> Path | None:
    """A file of the authors' data that ``load_dataset`` would take."""
    stored = search_local(spec, "auto", root).stored
    if stored is None:
        return None
    stored.close()
    return None if stored.manifest.origin == "regenerated" else stored.path


def _shortage(spec: DatasetSpec) -> Iterator[str]:
    source = public_source(spec)
    if source is not None and not source.complete:
        yield f"    {source.note}"


def _print_plans(root: Path, here: Mapping[DatasetSpec, Path | None]) -> None:
    missing = [plan_download(spec, root) for spec, path in here.items() if path is None]
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for title in ("id", "files", "MB", "cached", "episodes", "needs MB", "here"):
        left = title in ("id", "here")
        table.add_column(title, justify="left" if left else "right", overflow="fold")
    for spec, path in here.items():
        if path is not None:
            table.add_row(spec.name, "-", "-", "-", "-", "-", str(path))
    for plan in missing:
        table.add_row(*_cells(plan))
    output_console().print(table)
    print_lines(_footer(missing, root))


def _cells(plan: DownloadPreview) -> Iterator[str]:
    episodes = f"{plan.source.num_episodes:,}/{plan.spec.num_episodes:,}"
    yield plan.spec.name
    yield f"{len(plan.source.files):,}"
    yield "?" if plan.num_bytes is None else f"{plan.num_bytes / 1e6:,.1f}"
    yield f"{plan.cached:,}"
    yield episodes if plan.source.complete else f"{episodes} INCOMPLETE"
    yield f"{plan.needed_bytes / 1e6:,.1f}"
    yield f"begun, {plan.begun_bytes / 1e6:,.1f} MB" if plan.begun_bytes else "-"


def _footer(missing: Sequence[DownloadPreview], root: Path) -> Iterator[str]:
    yield ""
    if not missing:
        yield "All of it is here; nothing would be fetched."
        return
    sizes = [plan.num_bytes for plan in missing]
    known = sum(size or 0 for size in sizes) / 1e6
    more = "" if None not in sizes else " and more, of unknown size"
    needed = sum(plan.needed_bytes for plan in missing)
    free = missing[0].free_bytes
    yield f"Would fetch {known:,.1f} MB{more} from {missing[0].source.repo_id} into {root}."
    verdict = "" if needed <= free else ": NOT ENOUGH"
    yield f"Needs up to {needed / 1e6:,.0f} MB there, {free / 1e6:,.0f} MB are free{verdict}."
    for plan in missing:
        if not plan.source.complete:
            yield f"{plan.spec.name}: {plan.source.note}"
    for problem in dict.fromkeys(plan.problem for plan in missing if plan.problem):
        yield f"Some sizes are unknown: {problem}"


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("ids", metavar="ID", nargs="+", help="a dataset id")
    parser.add_argument(
        "--dry-run", action="store_true", help="show what would be fetched; fetch nothing"
    )
    parser.add_argument(
        "--root", type=Path, metavar="DIR", help="data folder; default: $VD4RL_DATA_DIR"
    )


COMMAND: Final = Command(_add_arguments, run, _DETAILS)
