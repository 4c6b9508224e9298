"""What processes do in tests: the real thing with the toy in the catalog, or worse."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

from baselines.bench.beside import Playing, PlayingSession
from baselines.bench.sweep import Training, TrainingSession
from tests.baselines import blob


class ToyTraining(Training):
    def open(self) -> TrainingSession:
        import torch

        torch.set_num_threads(1)
        blob.register()
        return super().open()


class Dying(Training):
    def open(self) -> Any:
        return _Dying(self)


class _Dying(TrainingSession):
    def make(self, item: Any, report: Any) -> Any:
        os.kill(os.getpid(), signal.SIGKILL)


class Sleeping(Training):
    def open(self) -> Any:
        return _Sleeping(self)


class _Sleeping(TrainingSession):
    def make(self, item: Any, report: Any) -> Any:
        report(os.getpid())
        time.sleep(60)


class ToyPlaying(Playing):
    def open(self) -> PlayingSession:
        blob.register()
        return super().open()


class WaitingPlaying(Playing):
    """Until there is a file ``go`` beside the run's folder."""

    def open(self) -> PlayingSession:
        blob.register()
        return _Waiting(self)


class _Waiting(PlayingSession):
    def make(self, item: Any, report: Any) -> Any:
        while not (item.parents[2] / "go").exists():
            time.sleep(0.05)
        return super().make(item, report)


class DyingPlaying(Playing):
    def open(self) -> PlayingSession:
        return _DyingPlayer(self)


class _DyingPlayer(PlayingSession):
    def make(self, item: Any, report: Any) -> Any:
        os.kill(os.getpid(), signal.SIGKILL)
