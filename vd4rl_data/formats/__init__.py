"""Other people's files: read into episodes, and written from them.

A :class:`Format` is a record in a module of its own; :data:`FORMATS` lists them. What is read are
valid episodes in our convention, with a record of every repair.
"""

from __future__ import annotations

from vd4rl_data.formats.export import export_dataset as export_dataset
from vd4rl_data.formats.export import writable_formats as writable_formats
from vd4rl_data.formats.folder import FolderListing as FolderListing
from vd4rl_data.formats.folder import part_files as part_files
from vd4rl_data.formats.folder import scan_folder as scan_folder
from vd4rl_data.formats.format import Format as Format
from vd4rl_data.formats.identity import SourceFile as SourceFile
from vd4rl_data.formats.identity import check_no_copy as check_no_copy
from vd4rl_data.formats.identity import content_sha256 as content_sha256
from vd4rl_data.formats.identity import file_sha256 as file_sha256
from vd4rl_data.formats.identity import identify as identify
from vd4rl_data.formats.join import Joiner as Joiner
from vd4rl_data.formats.pieces import Expected as Expected
from vd4rl_data.formats.pieces import Piece as Piece
from vd4rl_data.formats.pieces import ReadEpisode as ReadEpisode
from vd4rl_data.formats.pieces import Rows as Rows
from vd4rl_data.formats.reader import FolderReader as FolderReader
from vd4rl_data.formats.reader import read_folder as read_folder
from vd4rl_data.formats.sandbox import Sandbox as Sandbox
from vd4rl_data.formats.sandbox import SandboxLimits as SandboxLimits
from vd4rl_data.formats.table import FORMATS as FORMATS
from vd4rl_data.formats.table import find_format as find_format
from vd4rl_data.formats.table import format_names as format_names
from vd4rl_data.formats.table import format_of as format_of
from vd4rl_data.formats.table import formats_of as formats_of
from vd4rl_data.formats.table import known_formats as known_formats
from vd4rl_data.formats.table import register_format as register_format
