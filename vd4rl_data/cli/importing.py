"""``vd4rl import``: other people's files → a dataset file."""

from __future__ import annotations

import argparse
from collections.abc import Generator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Final

from vd4rl_data.bounds import impossible_rewards
from vd4rl_data.cli.command import Command
from vd4rl_data.cli.console import Update, output_console, progress_bar
from vd4rl_data.cli.streams import print_lines
from vd4rl_data.formats import format_names
from vd4rl_data.importing import Imported, Progress, import_folder
from vd4rl_data.paths import data_dir
from vd4rl_data.registry import get_dataset_spec
from vd4rl_data.report import returns_table
from vd4rl_data.spec import DatasetSpec
from vd4rl_data.storage import open_dataset

_DETAILS: Final = (
    "FOLDER holds files of one format; of V-D4RL: .npz (one episode each, 64 px) or .hdf5 (shards, "
    "84 px). An import that was stopped or killed goes on when the same command is given again."
)

_INCOMPLETE: Final = (
    'INCOMPLETE; the id is not loaded from this file unless source="local" is given'
)


def run(arguments: argparse.Namespace) -> int:
    """Import, then show what came of it."""
    spec = get_dataset_spec(arguments.id)
    root: Path = arguments.out or data_dir()
    with _stage_bars() as progress:
        imported = import_folder(
            arguments.folder,
            spec,
            root,
            format=arguments.format,
            pattern=arguments.files,
            check_hashes=arguments.check_hashes,
            skip_broken=arguments.skip_broken,
            progress=progress,
        )
    _print_report(spec, imported, root)
    return 0


@contextmanager
def _stage_bars() -> Generator[Progress]:
    """One progress bar after the other."""
    shown: dict[str, Update] = {}
    with ExitStack() as bars:

        def progress(stage: str, done: int, total: int) -> None:
            if stage not in shown:
                bars.close()
                unit = "files" if stage == "hashing" else "episodes"
                shown[stage] = bars.enter_context(progress_bar(stage, total, unit=unit))
            shown[stage](done)

        yield progress


def _print_report(spec: DatasetSpec, imported: Imported, root: Path) -> None:
    manifest, provenance = imported.manifest, imported.manifest.provenance
    console = output_console()
    console.print(returns_table(spec, manifest.returns, manifest.num_episodes))
    with closing(open_dataset(imported.path)) as stored:
        rewards = stored.array("rewards")[~stored.array("timeouts")]
        impossible = impossible_rewards(spec.task, rewards)
    print_lines([] if impossible is None else [impossible])
    verified = sum(file["hash_status"] == "verified" for file in provenance.sources)
    print_lines(f"repaired  {repair}" for repair in provenance.repairs)
    whole = f"{manifest.num_episodes:,} of {spec.num_episodes:,}"
    count = f"{len(provenance.sources):,} files, {verified:,} known as official by their SHA-256"
    print_lines(
        [
            f"file      {imported.path}{' (was there already)' if imported.found else ''}",
            f"sources   {count}: origin {manifest.origin!r}",
            f"episodes  {whole}: {'complete' if manifest.complete else _INCOMPLETE}",
            f"open it   {_how_to_open(spec, root, complete=manifest.complete)}",
        ]
    )


def _how_to_open(spec: DatasetSpec, root: Path, *, complete: bool) -> str:
    options = [repr(spec.name)]
    if not complete:
        options.append('source="local"')
    if root != data_dir():
        options.append(f"root={str(root)!r}")
    return f"vd4rl_data.load_dataset({', '.join(options)})"


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="where the files are")
    parser.add_argument("--id", required=True, help="id of the dataset that the files hold")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="data folder; default: $VD4RL_DATA_DIR"
    )
    parser.add_argument(
        "--format",
        choices=format_names(),
        help="format of the files; default: what their names say",
    )
    parser.add_argument(
        "--files", default="*", metavar="PATTERN", help="take only files whose names match"
    )
    parser.add_argument(
        "--no-check-hashes",
        dest="check_hashes",
        action="store_false",
        help="also take files that have an official name but other content",
    )
    parser.add_argument(
        "--skip-broken",
        action="store_true",
        help="leave out files that cannot be read; the dataset is then incomplete and says so",
    )


COMMAND: Final = Command(_add_arguments, run, _DETAILS, renamed={"root": "--out"})
