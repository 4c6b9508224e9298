"""``vd4rl preview``: look at a dataset."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vd4rl_data.arguments import check_absent
from vd4rl_data.cli.command import TARGET_HELP, Command, UsageError, natural, positive
from vd4rl_data.cli.local import is_file
from vd4rl_data.cli.sizes import add_replace
from vd4rl_data.cli.streams import print_lines
from vd4rl_data.dataset import Dataset, load_dataset
from vd4rl_data.episode import Episode
from vd4rl_data.look_words import look_of
from vd4rl_data.preview import Shown, animate, contact_sheet, return_histogram, side_by_side
from vd4rl_data.preview.choice import median_episode, spread_by_return
from vd4rl_data.registry import TASKS, get_dataset_spec
from vd4rl_data.spec import DatasetSpec, TaskSpec
from vd4rl_data.storage import StoredDataset, open_dataset
from vd4rl_data.storage.atomic import atomic_path

_FORMATS: Final = ("gif", "mp4", "none")
_PLAIN: Final = "none"


def run(arguments: argparse.Namespace) -> int:
    """Draw the pictures and print where they are."""
    if arguments.looks or arguments.bodies:
        return _run_side_by_side(arguments)
    is_path = is_file(arguments.target)
    dataset = load_dataset(
        Path(arguments.target) if is_path else arguments.target, source=arguments.source
    )
    out: Path = arguments.out
    returns = _returns(dataset.stored)
    number = _number(arguments.episode, returns)
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


def _number(asked: int | None, returns: NDArray[np.float64]) -> int:
    """The episode that was asked for, or that of median return."""
    number = median_episode(returns) if asked is None else asked
    if number >= len(returns):
        raise UsageError(f"--episode: expected 0 to {len(returns) - 1}, got {number}")
    return number


def _run_side_by_side(arguments: argparse.Namespace) -> int:
    """One episode in several looks and bodies; a file of states will do."""
    target: str = arguments.target
    found = (
        [open_dataset(Path(target))]
        if is_file(target)
        else load_dataset(target, source=arguments.source).stored
    )
    spec = get_dataset_spec(found[0].manifest.dataset_id)
    number = _number(arguments.episode, _returns(found[:1]))
    path: Path = arguments.out / f"{found[0].manifest.dataset_id.rpartition('/')[2]}-looks.jpg"
    check_absent([path], replace=arguments.replace)
    shown = _shown(spec.task, arguments.looks, arguments.bodies)
    _save(_looks(found[0].episode(number), spec, shown, number, arguments.columns), path)
    print_lines([str(path)])
    return 0


def _returns(parts: Iterable[StoredDataset]) -> NDArray[np.float64]:
    """float64 (E,): the return of each episode; reads no pixels, not even of packed files."""
    sums = [
        np.add.reduceat(stored.array("rewards").astype(np.float64), stored.starts[:-1])
        for stored in parts
    ]
    return np.concatenate(sums)


def _sheet(dataset: Dataset, returns: NDArray[np.float64], rows: int) -> Image.Image:
    """A contact sheet of episodes, from the lowest to the highest return."""
    numbers = spread_by_return(returns, rows)
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


def _shown(task: TaskSpec, looks: Sequence[str], bodies: Sequence[str]) -> list[Shown]:
    """The rows: looks on the task's own body, then other bodies without a look."""
    rows = [
        Shown(_PLAIN, task)
        if words == _PLAIN
        else Shown(_label(words), task, look_of(words, "--looks"))
        for words in looks
    ]
    known = {
        other.body.name: other
        for other in TASKS.values()
        if other.body is not None and other.settings == task.settings
    }
    for word in bodies:
        if word not in known:
            names = ", ".join(sorted(known)) or "none"
            raise UsageError(f"--bodies: expected bodies of {task.name} ({names}), got {word!r}")
        rows.append(Shown(word, known[word]))
    return rows


def _label(words: str) -> str:
    """The first word large, the others below it."""
    first, _, rest = words.partition("_")
    return f"{first} {rest.replace('_', ' ')}".strip()


def _looks(
    episode: Episode, spec: DatasetSpec, shown: Sequence[Shown], number: int, columns: int
) -> Image.Image:
    if "physics_state" not in episode.infos:
        raise UsageError(
            f"--looks, --bodies: {spec.name} holds no physics states to draw; of those that do,"
            " VD4RL/walker_walk-random-sample-64px-v0 comes with the package"
        )
    return side_by_side(
        episode,
        shown,
        size=spec.size,
        number=number,
        columns=columns,
        title=spec.name,
        subtitle=f"episode {number}: the same states in every row",
    )


def _save(picture: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    options: dict[str, Any] = {"format": "PNG"}
    if path.suffix == ".jpg":  # scenes and noise take ten times more as PNG
        options = {"format": "JPEG", "quality": 85, "optimize": True}
    with atomic_path(path) as temporary:
        picture.save(temporary, **options)


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
    parser.add_argument(
        "--looks",
        nargs="+",
        default=(),
        metavar="WORDS",
        help="draw one episode in these looks alone, one row each, e.g. none video_street",
    )
    parser.add_argument(
        "--bodies", nargs="+", default=(), metavar="WORD", help="and with these bodies, e.g. foot_h"
    )
    parser.add_argument(
        "--columns", type=positive, default=8, metavar="N", help="frames of a row; default 8"
    )
    add_replace(parser)
    parser.add_argument(
        "--source",
        choices=("auto", "local"),
        default="local",
        help="auto: complete files only; local (default): whatever is on this machine",
    )


COMMAND: Final = Command(_add_arguments, run)
