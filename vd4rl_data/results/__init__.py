"""Results: what an algorithm scored on a benchmark, as a file that can be checked.

runs = {seed: vd4rl_data.evaluate(train(seed), ID, episodes=10, seed=seed) for seed in range(5)}
protocol = Protocol(checkpoint="last", online_evaluations=0, hyperparameters_shared="suite")
make_submission("My algorithm", ID, runs, protocol).write("my_algorithm.json")
"""

from __future__ import annotations

from vd4rl_data.ids import BenchmarkId as BenchmarkId
from vd4rl_data.ids import benchmark_of as benchmark_of
from vd4rl_data.ids import parse_benchmark as parse_benchmark
from vd4rl_data.results.curves import CurvePoint as CurvePoint
from vd4rl_data.results.curves import OnlinePoint as OnlinePoint
from vd4rl_data.results.files import format_result as format_result
from vd4rl_data.results.files import parse_result as parse_result
from vd4rl_data.results.files import read_result as read_result
from vd4rl_data.results.files import read_traces as read_traces
from vd4rl_data.results.files import result_paths as result_paths
from vd4rl_data.results.files import write_result as write_result
from vd4rl_data.results.model import Algorithm as Algorithm
from vd4rl_data.results.model import Compute as Compute
from vd4rl_data.results.model import Data as Data
from vd4rl_data.results.model import EnvironmentRuns as EnvironmentRuns
from vd4rl_data.results.model import Protocol as Protocol
from vd4rl_data.results.model import PublishedNumber as PublishedNumber
from vd4rl_data.results.model import Run as Run
from vd4rl_data.results.model import RunResult as RunResult
from vd4rl_data.results.model import Source as Source
from vd4rl_data.results.model import Traces as Traces
from vd4rl_data.results.submission import Submission as Submission
from vd4rl_data.results.submission import add_evaluation as add_evaluation
from vd4rl_data.results.submission import make_submission as make_submission
