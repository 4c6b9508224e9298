"""Verified, resumable, concurrent downloads over HTTP; knows nothing of datasets."""

from vd4rl_data.download.transfer.exclusive import exclusive as exclusive
from vd4rl_data.download.transfer.fetch import fetch as fetch
from vd4rl_data.download.transfer.model import CHUNK_BYTES as CHUNK_BYTES
from vd4rl_data.download.transfer.model import Endpoint as Endpoint
from vd4rl_data.download.transfer.model import FetchedFile as FetchedFile
from vd4rl_data.download.transfer.model import Policy as Policy
from vd4rl_data.download.transfer.model import RemoteFile as RemoteFile
