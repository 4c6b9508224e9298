"""Work in other processes: one engine for collection, evaluation, foreign files and sweeps.

Each process opens a :class:`Job` once; the resulting :class:`Session` then does one item after the
other. ``with engine.open(job) as pool: for outcome in pool.map(items): ...``
"""

from vd4rl_data.processes.engine import Engine as Engine
from vd4rl_data.processes.engine import Job as Job
from vd4rl_data.processes.engine import Outcome as Outcome
from vd4rl_data.processes.engine import Pool as Pool
from vd4rl_data.processes.engine import Report as Report
from vd4rl_data.processes.engine import Session as Session
from vd4rl_data.processes.local import LocalEngine as LocalEngine
from vd4rl_data.processes.local import LocalPool as LocalPool
from vd4rl_data.processes.local import available_workers as available_workers
from vd4rl_data.processes.worker import Limits as Limits
from vd4rl_data.processes.worker import Worker as Worker
from vd4rl_data.processes.worker import error_of as error_of
