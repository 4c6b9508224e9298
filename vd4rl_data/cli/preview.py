"""``vd4rl preview``: look at a dataset."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vd4rl_data.arguments import check_absent
from vd4rl_data.cli.command import TARGET_HELP, Command, UsageError, natural, positive
from vd4rl_data.cli.local import is_file
from vd4rl_data.cli.sizes import add_replace
from vd4rl_data.cli.streams import print_lines
from vd4rl_data.dataset import Dataset, load_dataset
from vd4rl_data.preview import animate, contact_sheet, return_histogram
from vd4rl_data.storage.atomic import atomic_path

_FORMATS: Final = ("gif", "mp4", "none")


def run(arguments: argparse.Namespace) -> int:
    """Draw the pictures and print where they are."""
    is_path = is_file(arguments.target)
    dataset = load_dataset(
        Path(arguments.target) if is_path else arguments.target, source=arguments.source
    )
    out: Path = arguments.out
    returns = _returns(dataset)
    if arguments.episode is None:
        number = int(np.argsort(returns, kind="stable")[len(returns) // 2])
    else:
        number = arguments.episode
    if number >= len(dataset):
        raise UsageError(f"--episode: expected 0 to {len(dataset) - 1}, got {number}")
    stem = out / dataset.id.rpartition("/")[2]
    written = [stem.with_name(f"{stem.name}-{picture}.png") for picture in ("sheet", "returns")]
    if arguments.format != "none":  # drawn first, since it may need a package that is missing
        written.append(stem.with_name(f"{stem.name}-episode-{number}.{arguments.format}"))
    check_absent(written, replace=arguments.replace)
    if arguments.format != "none":
        animate(dataset[number], written[-1], fps=arguments.fps, replace=arguments.replace)
    _save(_sheet(dataset, returns, arguments.rows), written[0])
    _save(_histogram(dataset, returns), written[1])
    print_lines(map(str, written))
    return 0


def _returns(dataset: Dataset) -> NDArray[np.float64]:
    """float64 (E,): the return of each episode; reads no pixels, not even of packed files."""
    sums = [
        np.add.reduceat(stored.array("rewards").astype(np.float64), stored.starts[:-1])
        for stored in dataset.stored
    ]
    return np.concatenate(sums)


def _sheet(dataset: Dataset, returns: NDArray[np.float64], rows: int) -> Image.Image:
    """A contact sheet of episodes, from the lowest to the highest return."""
    ranks = np.linspace(0, len(returns) - 1, min(rows, len(returns))).round().astype(np.int64)
    numbers = [int(number) for number in np.argsort(returns, kind="stable")[ranks]]
    origins = ", ".join(sorted({manifest.origin for manifest in dataset.manifests}))
    shown = f"{len(numbers):,} of {len(returns):,} episodes, by return"
    return contact_sheet(
        [dataset[number] for number in numbers],
        numbers=numbers,
        title=dataset.id,
        subtitle=f"{shown} · {origins}",
    )


def _histogram(dataset: Dataset, returns: NDArray[np.float64]) -> Image.Image:
    return return_histogram(returns, published=dataset.spec.published_returns, title=dataset.id)


def _save(picture: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        picture.save(temporary, format="PNG")


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", metavar="ID|FILE", help=TARGET_HELP)
    parser.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="default: .")
    parser.add_argument(
        "--episode", type=natural, metavar="N", help="episode to animate; default: median return"
    )
    parser.add_argument(
        "--format", choices=_FORMATS, default="gif", help="animation format; default gif"
    )
    parser.add_argument(
        "--fps", type=positive, default=20, metavar="N", help="animation speed; default 20"
    )
    parser.add_argument(
        "--rows", type=positive, default=6, metavar="N", help="contact sheet rows; default 6"
    )
    add_replace(parser)
    parser.add_argument(
        "--source",
        choices=("auto", "local"),
        default="local",
        help="auto: complete files only; local (default): whatever is on this machine",
    )


COMMAND: Final = Command(_add_arguments, run)
