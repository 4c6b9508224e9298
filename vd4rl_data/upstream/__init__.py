"""Readers of other people's files.

They hand out valid episodes in our convention, with a record of every repair. The shift between the
two conventions stands in :mod:`vd4rl_data.upstream.rows`.
"""

from __future__ import annotations

from vd4rl_data.upstream.folder import FolderListing as FolderListing
from vd4rl_data.upstream.folder import FolderReader as FolderReader
from vd4rl_data.upstream.folder import Kind as Kind
from vd4rl_data.upstream.folder import SourceFile as SourceFile
from vd4rl_data.upstream.folder import check_no_copy as check_no_copy
from vd4rl_data.upstream.folder import file_sha256 as file_sha256
from vd4rl_data.upstream.folder import identify as identify
from vd4rl_data.upstream.folder import part_files as part_files
from vd4rl_data.upstream.folder import read_folder as read_folder
from vd4rl_data.upstream.folder import scan_folder as scan_folder
from vd4rl_data.upstream.join import ShardJoiner as ShardJoiner
from vd4rl_data.upstream.npz import npz_episode as npz_episode
from vd4rl_data.upstream.rows import Expected as Expected
from vd4rl_data.upstream.rows import Piece as Piece
from vd4rl_data.upstream.rows import Rows as Rows
from vd4rl_data.upstream.rows import UpstreamEpisode as UpstreamEpisode
from vd4rl_data.upstream.sandbox import Sandbox as Sandbox
from vd4rl_data.upstream.sandbox import SandboxLimits as SandboxLimits
