"""The command ``inspect``: pictures of what a run's world model has learned."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import torch
import tyro

from baselines.bench.making import make_agent
from baselines.bench.phases import PhaseContext
from baselines.bench.run_folder import RunFolder
from baselines.bench.settings import Machine, RunSettings
from baselines.dreamer.batches import Chunk, ChunkBatches
from baselines.dreamer.inspection import (
    Inspectable,
    noise_like,
    open_loop,
    reconstructions,
    reward_fit,
    sequences,
    uncertainties,
)
from baselines.errors import CheckpointError, InvalidSettingError
from baselines.inspect_pictures import Pictures, Values
from vd4rl_data import seeding
from vd4rl_data.arguments import check_absent
from vd4rl_data.dataset import load_dataset
from vd4rl_data.registry import get_dataset_spec
from vd4rl_data.seeding import Purpose
from vd4rl_data.storage.atomic import write_text

_FILES: Final = (
    "reconstructions.png",
    "open_loop.png",
    "penalty.png",
    "uncertainty.png",
    "figures.json",
)
_SHOWN: Final = 4
"""Sequences that are drawn; the penalty is that of all."""


@dataclass(frozen=True, slots=True)
class Inspect:
    """Look into the world model of a run: what it sees, what it expects, what it is unsure of.

    Draws sequences beside their reconstructions and beside what the model expects of them from
    their first frames, how unsure it is of their states, and the penalty on the run's data, on
    other datasets and on white noise, and tells how well rewards are known. A model in two halves
    is shown in both, with the mask between them.
    """

    run_folder: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """Folder that train wrote."""
    out: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """Where the pictures go; RUN/inspection by default."""
    others: Annotated[tuple[str, ...], tyro.conf.arg(metavar="ID ...")] = ()
    """Datasets of the same task and size whose penalty is shown, too."""
    sequences: Annotated[int, tyro.conf.arg(metavar="N")] = 32
    """How many are drawn at random from each dataset."""
    seen: Annotated[int, tyro.conf.arg(metavar="N")] = 5
    """Frames that the model sees before it goes on by itself."""
    seed: Annotated[int, tyro.conf.arg(metavar="N")] = 0
    """Which sequences, and what is drawn in the model."""
    data_dir: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """Look for datasets in this folder alone."""
    source: str = "auto"
    """auto: complete datasets; local: whatever is here; or hf://USER/NAME."""
    device: str = "auto"
    """cpu, cuda, cuda:1, ...; auto takes a GPU if there is one."""
    replace: bool = False
    """Replace pictures that are there."""

    def run(self) -> int:
        """Run the command."""
        folder = RunFolder(self.run_folder)
        settings = folder.settings()
        agent = self._agent(folder, settings)
        out = self.out or folder.path / "inspection"
        check_absent([out / name for name in _FILES], replace=self.replace)
        pictures = Pictures()
        chunks = {name: self._chunk(name, settings) for name in (settings.dataset, *self.others)}
        data = chunks[settings.dataset]
        seed = seeding.word(Purpose.INSPECTED_NOISE, self.seed)
        generator = torch.Generator(data.frames.device).manual_seed(seed)
        shown = Chunk(
            *(each[:_SHOWN] for each in (data.frames, data.actions, data.rewards)),
            states=None if data.states is None else data.states[:_SHOWN],
        )
        drawn = {
            "reconstructions.png": reconstructions(agent, shown, generator),
            "open_loop.png": open_loop(agent, shown, self.seen, generator),
        }
        chunks["white noise"] = noise_like(data, generator)
        found = {name: uncertainties(agent, each, generator) for name, each in chunks.items()}
        out.mkdir(parents=True, exist_ok=True)
        for name, strips in drawn.items():
            pictures.strips(strips, out / name)
        pictures.histograms(found, out / "penalty.png")
        pictures.courses(sequences(shown), found[settings.dataset], out / "uncertainty.png")
        figures = {name: _summary(each) for name, each in found.items()}
        for name in (settings.dataset, *self.others):
            figures[name]["reward_r2"] = reward_fit(agent, chunks[name], generator)
        write_text(out / "figures.json", json.dumps(figures, indent=1) + "\n")
        for name, each in figures.items():
            fit = f", rewards R² {each['reward_r2']:.2f}" if "reward_r2" in each else ""
            spread = f"{each['mean_penalty']:.3f} ± {each['penalty_deviation']:.3f}"
            print(f"penalty   {spread}{fit}, {name}")
        for name in _FILES:
            print(f"wrote     {out / name}")
        return 0

    def _agent(self, folder: RunFolder, settings: RunSettings) -> Inspectable:
        """The agent of the last checkpoint.

        Raises:
            CheckpointError: there is none.
            InvalidSettingError: it has no world model, or a number makes no sense.
        """
        length = getattr(settings.hyperparameters, "length", None)
        for name, number, least in (("sequences", self.sequences, 1), ("seed", self.seed, 0)):
            if number < least:
                raise InvalidSettingError(f"{name}: expected at least {least}, got {number}")
        if length is not None and not 1 <= self.seen < length:
            raise InvalidSettingError(f"seen: expected 1 to {length - 1}, got {self.seen}")
        saved = folder.load_checkpoint(settings.algorithm)
        if saved is None:
            raise CheckpointError(f"{folder.path} has no checkpoint yet")
        device = Machine(device=self.device).torch_device()
        agent: Any = make_agent(settings, get_dataset_spec(settings.dataset), device)
        agent.load_state(saved["agent"])
        if not isinstance(agent, Inspectable):
            raise InvalidSettingError(
                f"{folder.path}: {settings.algorithm} has no world model to look into"
            )
        return agent

    def _chunk(self, name: str, settings: RunSettings) -> Chunk:
        """Sequences of a dataset."""
        context = PhaseContext(
            dataset=load_dataset(name, source=self.source, root=self.data_dir),
            generator=seeding.generator(Purpose.INSPECTED_CHUNKS, self.seed),
            device=Machine(device=self.device).torch_device(),
            storage="stream",
        )
        hyper = settings.hyperparameters
        felt = getattr(hyper, "proprioception", 0) > 0
        return next(ChunkBatches(context, self.sequences, hyper.length, proprioception=felt))


def _summary(values: Values) -> dict[str, float]:
    """Mean and deviation of the penalty, the first kind of uncertainty, and of all others."""
    found: dict[str, float] = {}
    for number, (kind, each) in enumerate(values.items()):
        mean, deviation = (f"mean_{kind}", f"{kind}_deviation")
        if number == 0:
            mean, deviation = "mean_penalty", "penalty_deviation"
        found[mean], found[deviation] = float(each.mean()), float(each.std())
    return found
