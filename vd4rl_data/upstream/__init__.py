"""Readers of other people's files.

They hand out valid episodes in our convention, with a record of every repair. The shift between the
two conventions stands in :mod:`vd4rl_data.upstream.rows`.
"""

from __future__ import annotations

from vd4rl_data.upstream.folder import FolderListing as FolderListing
from vd4rl_data.upstream.folder import FolderReader as FolderReader
from vd4rl_data.upstream.folder import SourceFile as SourceFile
from vd4rl_data.upstream.folder import part_files as part_files
from vd4rl_data.upstream.folder import read_folder as read_folder
from vd4rl_data.upstream.folder import scan_folder as scan_folder
from vd4rl_data.upstream.rows import UpstreamEpisode as UpstreamEpisode
from vd4rl_data.upstream.sandbox import SandboxLimits as SandboxLimits
