"""A mirror of datasets that anyone can run: one machine downloads, all others read from it.

It serves ``DIR/datasets/<namespace>/<name>/…`` over the read-only part of the hub's REST interface
that the ``huggingface_hub`` client uses, so clients only set ``HF_ENDPOINT`` to its address::

    python -m vd4rl_data.hub.mirror DIR --host 0.0.0.0

Each repository has one revision: the commit that ``.mirror.json`` in its folder names; else the
commit that the hub's own client noted when it downloaded the folder, if the hash of every file
proves it; else an id made from the names, sizes and hashes of its files. Every file is sent whole
or in single ranges, straight from the disk, with its hash as ``ETag``. Nothing is ever written to
a repository's folder; hashes are kept in a journal beside it.
"""

from __future__ import annotations

from vd4rl_data.hub.mirror.messages import Exchange as Exchange
from vd4rl_data.hub.mirror.messages import FileSlice as FileSlice
from vd4rl_data.hub.mirror.messages import Handler as Handler
from vd4rl_data.hub.mirror.messages import Middleware as Middleware
from vd4rl_data.hub.mirror.messages import Request as Request
from vd4rl_data.hub.mirror.messages import Response as Response
from vd4rl_data.hub.mirror.server import Counters as Counters
from vd4rl_data.hub.mirror.server import MirrorServer as MirrorServer
from vd4rl_data.hub.mirror.server import serve as serve
