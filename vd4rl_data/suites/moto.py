"""What the two suites of MOTO (Rafailov et al., CoRL 2023) share: their paper."""

from __future__ import annotations

from typing import Final

PAPER: Final = "https://arxiv.org/abs/2401.03306"
CITATION: Final = """\
@inproceedings{rafailov2023moto,
  title     = {{MOTO}: Offline Pre-training to Online Fine-tuning for Model-based Robot Learning},
  author    = {Rafael Rafailov and Kyle Hatch and Victor Kolev and John D. Martin and
               Mariano Phielipp and Chelsea Finn},
  booktitle = {Conference on Robot Learning},
  year      = {2023}
}"""
