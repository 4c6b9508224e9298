"""From an id to data: finding files, :class:`Dataset`, and the array layouts that users know."""

from vd4rl_data.dataset.buffer import ReplayBuffer as ReplayBuffer
from vd4rl_data.dataset.dataset import Dataset as Dataset
from vd4rl_data.dataset.layouts import get_dataset as get_dataset
from vd4rl_data.dataset.layouts import qlearning_dataset as qlearning_dataset
from vd4rl_data.dataset.layouts import sequence_dataset as sequence_dataset
from vd4rl_data.dataset.loading import dataset_id_of as dataset_id_of
from vd4rl_data.dataset.loading import find_fingerprint as find_fingerprint
from vd4rl_data.dataset.loading import find_recorded_media as find_recorded_media
from vd4rl_data.dataset.loading import load_dataset as load_dataset
from vd4rl_data.dataset.locate import LocalDataset as LocalDataset
from vd4rl_data.dataset.locate import find_local as find_local
