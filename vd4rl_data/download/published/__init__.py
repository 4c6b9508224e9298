"""Datasets that anyone published: listed, fetched, verified, kept apart from the benchmark's."""

from vd4rl_data.download.published.acquire import FOLDER as FOLDER
from vd4rl_data.download.published.acquire import acquire_published as acquire_published
from vd4rl_data.download.published.listing import PublishedDataset as PublishedDataset
from vd4rl_data.download.published.listing import list_published as list_published
from vd4rl_data.download.published.source import SCHEME as SCHEME
from vd4rl_data.download.published.source import PublishedSource as PublishedSource
from vd4rl_data.download.published.source import parse_source as parse_source
