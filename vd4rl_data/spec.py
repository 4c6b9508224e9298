"""Frozen records that describe tasks, environments and datasets.

Records hold plain values, so that they can be compared, pickled, sent to worker processes and
written as JSON (:mod:`vd4rl_data.simulators.plain`). :mod:`vd4rl_data.suites` defines the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from vd4rl_data.ids import DatasetId, format_id


@dataclass(frozen=True, slots=True)
class FixedCamera:
    """A camera of the simulator's own model, by number or by name."""

    id: int | str = 0

    def __str__(self) -> str:
        return str(self.id)


@dataclass(frozen=True, slots=True)
class FreeCamera:
    """A camera at a position of its own.

    Attributes:
        lookat, distance: the point that it looks at, and how far it is from there, in meters.
        azimuth, elevation: direction that it looks in, in degrees.
    """

    lookat: tuple[float, float, float]
    distance: float
    azimuth: float
    elevation: float

    def __str__(self) -> str:
        x, y, z = self.lookat
        return (
            f"free, looks at ({x:g}, {y:g}, {z:g}) from {self.distance:g} m, azimuth"
            f" {self.azimuth:g}, elevation {self.elevation:g}"
        )


Camera = FixedCamera | FreeCamera


@dataclass(frozen=True, slots=True)
class Drawing:
    """What is left out of frames of a slow scene, the same in data and evaluation.

    Attributes:
        shadow_size: height and width of a shadow map, in pixels, if the model's are larger.
        slices, stacks: edges of round shapes, around and along, if the model has more.
        reflections: whether surfaces mirror; grid: edge of a cell whose vertices become one, in m.
        mesh_faces: most faces of a mesh, by collapsing its edges; 0 if there is no such limit.
    """

    shadow_size: int
    slices: int = 28
    stacks: int = 16
    reflections: bool = True
    grid: float = 0.0
    mesh_faces: int = 0

    def __str__(self) -> str:
        shapes = f"shadow maps of {self.shadow_size}, round shapes of {self.slices} x {self.stacks}"
        mirrors = f"{'with' if self.reflections else 'without'} reflections"
        grid = f", vertices on a grid of {1000 * self.grid:g} mm" if self.grid else ""
        meshes = f", meshes of {self.mesh_faces} faces" if self.mesh_faces else ""
        return f"{shapes}, {mirrors}{grid}{meshes}"


@dataclass(frozen=True, slots=True)
class Edit:
    """One attribute of one element of the simulator's model, set to other numbers.

    Attributes:
        element: kind of the element, e.g. ``geom``.
        name, attribute: names of the element and of its attribute, e.g. ``size``.
        value: the numbers that replace the model's.
    """

    element: str
    name: str
    attribute: str
    value: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Body:
    """A changed robot: what is edited in the simulator's model.

    Attributes:
        name, edits: a word of the id grammar; the edits, applied in order.
    """

    name: str
    edits: tuple[Edit, ...]


@dataclass(frozen=True, slots=True)
class Look:
    """Changed pixels: how a frame differs from the one that the simulator itself would draw.

    Attributes:
        kind: the look's class: a name of :data:`vd4rl_data.simulators.LOOKS`, or ``module:class``.
        level: how strong it is, e.g. ``easy``; ``None`` if the kind has no levels.
        parts: what is changed, of ``colors``, ``camera``, ``background``; empty if the kind leaves
            no choice.
        media: name of the images that it shows; ``None`` if it needs none.
        dynamic: whether it moves during an episode.
        seed: seed of the look in all episodes; ``None`` gives every episode a look of its own, from
            the episode's seed.
        settings: whatever else the kind needs; plain values.
    """

    kind: str
    level: str | None = None
    parts: tuple[str, ...] = ()
    media: str | None = None
    dynamic: bool = False
    seed: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any], hash=False)


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """One control task: everything that environment, collection and scores must agree on.

    Attributes:
        name: domain and goal, e.g. ``walker_walk``.
        simulator: the simulator's class: a name of :data:`vd4rl_data.simulators.SIMULATORS`, or
            ``module:class``.
        settings: the simulator's settings for this task; a frozen dataclass of the simulator's.
        camera: the camera that observes the task.
        action_repeat, horizon: environment steps per time step, and per episode.
        action_size: dimensions of the action, each in [-1, 1].
        reward_range: the smallest and the largest reward of an environment step.
        graded: whether rewards are graded, so that two episodes never have the same return by
            chance; ``False`` if they are counts.
        state_layout: name and size of each part of the proprioceptive state, in order; empty if it
            is unknown or there is no such state.
        body: how the robot differs from the simulator's own; ``None`` if it does not.
        reward_of: the reward of a time step is the sum of its environment steps', or the last's.
        drawing: what is left out of its frames; ``None`` if nothing is.
    """

    name: str
    simulator: str
    settings: Any
    camera: Camera
    action_repeat: int
    horizon: int
    action_size: int
    reward_range: tuple[float, float] = (0.0, 1.0)
    graded: bool = True
    state_layout: tuple[tuple[str, int], ...] = ()
    body: Body | None = None
    reward_of: Literal["sum", "last"] = "sum"
    drawing: Drawing | None = None

    @property
    def time_steps(self) -> int:
        """Time steps (decisions) per full episode: ``horizon / action_repeat``, rounded up."""
        return -(-self.horizon // self.action_repeat)

    @property
    def return_range(self) -> tuple[float, float]:
        """The smallest and the largest undiscounted return of a full episode."""
        low, high = self.reward_range
        rewards = {"sum": self.horizon, "last": self.time_steps}[self.reward_of]
        return low * rewards, high * rewards


@dataclass(frozen=True, slots=True)
class EnvironmentSpec:
    """The environment that an agent acts in: a task, its look, and the size of the observations.

    Attributes:
        task: the task.
        size: height and width of an observation, in pixels.
        look: how the pixels differ from the simulator's own; ``None`` if they do not.
    """

    task: TaskSpec
    size: int
    look: Look | None = None

    @property
    def observation_shape(self) -> tuple[int, int, int]:
        """(H, W, 3)."""
        return (self.size, self.size, 3)


@dataclass(frozen=True, slots=True)
class ReturnScore:
    """The score is a linear function of the episode return.

    Attributes:
        low, high: undiscounted returns that map to 0 and 1.
        source: where this definition comes from.
    """

    low: float
    high: float
    source: str


@dataclass(frozen=True, slots=True)
class SuccessScore:
    """The score of an episode is its success, from 0 to 1; the return does not matter.

    Attributes:
        source: where the definition of success comes from.
        when: whether the task has to be solved at any time step of the episode, or at the last.
    """

    source: str
    when: Literal["ever", "last"] = "ever"


@dataclass(frozen=True, slots=True)
class SummaryScore:
    """The score is a function of a whole episode's summary.

    Attributes:
        function: ``module:function``, from :class:`vd4rl_data.scores.EpisodeSummary` to a float.
        source: where this definition comes from.
    """

    function: str
    source: str


Score = ReturnScore | SuccessScore | SummaryScore
"""How an episode is scored; a dataset whose constants were never published has none."""


@dataclass(frozen=True, slots=True)
class ReturnStatistics:
    """Statistics of the undiscounted episode return over a dataset's episodes.

    ``std`` is the population standard deviation; percentiles interpolate linearly.
    """

    mean: float
    std: float
    min: float
    p25: float
    median: float
    p75: float
    max: float


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a mixture: the share of a dataset, 0 to 1, collected in one environment."""

    environment: EnvironmentSpec
    share: float


ORIGINAL = "original"
"""The name of the evaluation in a benchmark's own environment; every dataset has it."""


@dataclass(frozen=True, slots=True)
class DatasetSpec:
    """One catalog row.

    Attributes:
        id: the parsed id.
        mixture: the environments that the data were collected in.
        evaluations: name → the environments that agents trained on it are evaluated in, whose
            episodes take turns; :data:`ORIGINAL` is always there.
        num_transitions, num_episodes: size of the complete dataset.
        score: how an episode is scored; ``None`` if that was never published.
        published_returns: the paper's statistics; ``None`` if there are none.
        parts: ids of the datasets that this one concatenates; empty if it is stored itself.
        license, citation: SPDX name and BibTeX entry of the data.
        source: where the figures of this row come from.
        bundled: whether it is shipped inside the wheel.
        collected_by: the behavior that the pipeline collects it with, where the id's word says too
            little, e.g. which kind of ``random``.
        level: deterministic return above which its ``medium`` policy was chosen, where that is not
            the task's usual one.
        name: the id as text.
    """

    id: DatasetId
    mixture: tuple[Share, ...]
    evaluations: Mapping[str, tuple[EnvironmentSpec, ...]] = field(hash=False)
    num_transitions: int
    num_episodes: int
    score: Score | None
    published_returns: ReturnStatistics | None
    parts: tuple[str, ...]
    license: str
    citation: str
    source: str
    bundled: bool = False
    collected_by: str | None = None
    level: float | None = None
    name: str = field(init=False)

    def __post_init__(self) -> None:
        """Set ``name`` from the id."""
        object.__setattr__(self, "name", format_id(self.id))

    @property
    def environment(self) -> EnvironmentSpec:
        """The benchmark's own environment: the first one of the evaluation ``original``."""
        return self.evaluations[ORIGINAL][0]

    @property
    def task(self) -> TaskSpec:
        """The task of the benchmark's own environment."""
        return self.environment.task

    @property
    def behavior(self) -> str:
        """The behavior that the pipeline collects it with: the id's, unless the row says more."""
        return self.collected_by or self.id.behavior

    @property
    def size(self) -> int:
        """Height and width of an observation, in pixels."""
        return self.id.size

    @property
    def observation_shape(self) -> tuple[int, int, int]:
        """(H, W, 3)."""
        return (self.id.size, self.id.size, 3)

    def with_environments(
        self, change: Callable[[EnvironmentSpec], EnvironmentSpec]
    ) -> DatasetSpec:
        """The same row with every environment, of the data and of the evaluations, changed."""
        return replace(
            self,
            mixture=tuple(Share(change(item.environment), item.share) for item in self.mixture),
            evaluations={
                name: tuple(change(environment) for environment in environments)
                for name, environments in self.evaluations.items()
            },
        )
