"""What the hub's viewer shows: the frames themselves, with what happened at them."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import yaml
from huggingface_hub import DatasetCard
from PIL import Image

from tests.publish.conftest import REPO_ID
from tests.storage import tiny
from vd4rl_data.publish import PreparedRepository, prepare
from vd4rl_data.publish.viewer import EPISODES, FRAMES
from vd4rl_data.storage import open_dataset

NAME = tiny.SPEC.name
FORBIDDEN = set("<>:/\\|?*")  # in names of configurations, by the hub's own reader


def samples(path: Path) -> dict[str, dict[str, bytes]]:
    """Key → suffix → content: members of one sample lie side by side."""
    found: dict[str, dict[str, bytes]] = {}
    with tarfile.open(path) as tar:
        for member in tar:
            assert (member.mtime, member.uid, member.gid, member.uname) == (0, 0, 0, "")
            key, _, suffix = member.name.partition(".")
            assert key not in list(found)[:-1]
            file = tar.extractfile(member)
            assert file is not None
            found.setdefault(key, {})[suffix] = file.read()
    return found


def test_every_sample_is_a_frame_and_what_happened_at_it(
    prepared: PreparedRepository, flat: Path
) -> None:
    stored = open_dataset(flat)
    shown = samples(prepared.folder / f"viewer/{NAME}.tar")
    assert len(shown) == sum(len(episode) + 1 for episode in stored.episodes())
    for sample in shown.values():
        row = json.loads(sample["json"])
        episode, step = stored.episode(row["episode"]), row["step"]
        with Image.open(io.BytesIO(sample["png"])) as frame:
            assert (np.asarray(frame) == episode.observations[step]).all()
        assert row["episode_return"] == episode.episode_return
        assert row["return_so_far"] == episode.rewards[:step].sum(dtype=np.float64)
        if step == len(episode):
            assert row["action"] is row["reward"] is None
        else:
            assert row["action"] == episode.actions[step].tolist()
            assert row["reward"] == episode.rewards[step]


def test_long_episodes_and_many_are_cut(tmp_path: Path) -> None:
    lengths = (60, 1, *([40] * 8))
    tiny.write(tmp_path / "a.h5", tiny.episodes_of(lengths))
    prepared = prepare([tmp_path / "a.h5"], tmp_path / "upload", REPO_ID)
    rows = [
        json.loads(one["json"]) for one in samples(prepared.folder / f"viewer/{NAME}.tar").values()
    ]
    numbers = [row["episode"] for row in rows]
    assert len(set(numbers)) == EPISODES
    for number in set(numbers):
        steps = [row["step"] for row in rows if row["episode"] == number]
        assert steps == sorted(set(steps))
        assert (steps[0], steps[-1]) == (0, lengths[number])
        assert len(steps) == min(FRAMES, lengths[number] + 1)


def test_the_client_reads_the_card(prepared: PreparedRepository) -> None:
    """The client's own class, which refuses what it does not understand."""
    card = DatasetCard.load(prepared.folder / "README.md", ignore_metadata_errors=False)
    (config,) = card.data.to_dict()["configs"]
    assert not FORBIDDEN & set(config["config_name"])
    for file in config["data_files"]:
        assert (prepared.folder / file["path"]).is_file()
    assert yaml.safe_load(card.data.to_yaml()) == card.data.to_dict()
