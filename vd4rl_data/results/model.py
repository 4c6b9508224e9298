"""What a result file says: an algorithm's raw returns on one benchmark, or a paper's numbers.

The field names are the keys of the JSON; ``docs/leaderboard.md`` shows a file.
"""

from __future__ import annotations

import typing
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Annotated, Any, Final, Literal, cast

from pydantic import BeforeValidator, Field

from vd4rl_data.arguments import check_type
from vd4rl_data.results.curves import CurvePoint, OnlinePoint
from vd4rl_data.results.fields import (
    BenchmarkName,
    Count,
    Date,
    Fraction,
    Hex,
    Length,
    Line,
    Media,
    Name,
    Natural,
    Positive,
    Prose,
    Range,
    Real,
    Setting,
    Settings,
    Sha256,
    Url,
    part,
)
from vd4rl_data.seeding import EVALUATION_PROTOCOL

SCHEMA: Final = "vd4rl-result"
SCHEMA_VERSION: Final = 1
FIRST_PROTOCOL: Final = 1
"""The evaluation protocol of files that name none."""

Environment = Literal[
    "original",
    "distracted_train",
    "distracted_test",
    "train_tasks",
    "interpolation_tasks",
    "extrapolation_tasks",
    "rgb_video",
]
"""Where the agent was evaluated. ``original`` is the environment of the benchmark itself."""

Scale = Literal["return", "return/10", "normalized", "lompo_0_100", "success_percent"]
"""What a printed number measures: undiscounted return; that divided by ten; the paper's own
normalized score from 0 to 1; LOMPO's 0 to 100, whose constants were never published; percent of
episodes or subtasks solved."""

_ORIGINS: Final = ("official", "imported", "regenerated")


@part
class Algorithm:
    """Who is measured.

    Attributes:
        name: as its paper writes it.
        label: tells several results of one algorithm on one benchmark apart, e.g. whose run it is.
        paper, code: addresses.
        commit: of the code that ran.
    """

    name: Line
    label: Line | None = None
    paper: Url | None = None
    code: Url | None = None
    commit: Hex | None = None


@part
class Run:
    """One training seed in one environment, E evaluation episodes.

    Attributes:
        seed: of the training run.
        returns: undiscounted, one per episode, in order.
        successes: one per episode, from 0 to 1, where the benchmark counts them (MetaWorld: solved
            at any step; Kitchen: elements in place at the last step, divided by four).
        curve: evaluations during training, by step; before going online, if it does.
        online_curve: evaluations by environment step from the offline point on, where the track is
            ``offline_to_online``; ``returns`` are those of its last point.
        episode_seeds: what each episode's environment was reset with.
        lengths: time steps of each episode; with ``episode_seeds`` they make traces replayable.
    """

    seed: Natural
    returns: Annotated[tuple[Real, ...], Count(1000, 1)]
    successes: Annotated[tuple[Fraction, ...], Count(1000, 1)] | None = None
    curve: Annotated[tuple[CurvePoint, ...], Count(10_000)] = ()
    online_curve: Annotated[tuple[OnlinePoint, ...], Count(10_000)] = ()
    episode_seeds: Annotated[tuple[Natural, ...], Count(1000, 1)] | None = None
    lengths: Annotated[tuple[Positive, ...], Count(1000, 1)] | None = None


@part
class EnvironmentRuns:
    """All runs evaluated in one environment; ``media``: name → SHA-256 of the pictures that its
    look shows.
    """

    environment: Environment
    runs: Annotated[tuple[Run, ...], Count(100, 1)]
    media: Media = field(default_factory=dict[str, str])


@part
class Source:
    """Where a printed number stands. ``quoted_from`` names the paper that a quotation is from."""

    paper: Line
    table: Line
    url: Url | None = None
    quoted_from: Line | None = None


@part
class PublishedNumber:
    """One number of a paper, as printed.

    The first one of an environment is what the leaderboard ranks; later ones are further mentions.

    Attributes:
        environment: where the agent was evaluated.
        mean: the printed number, in ``scale``.
        spread: the number after the plus-minus sign.
        spread_kind: what that is.
        scale: what both measure.
        seeds: training runs behind it; ``None`` where the paper does not say.
        source: paper and table.
        note: anything a reader must know.
    """

    environment: Environment
    mean: Real
    spread: Length | None = None
    spread_kind: Literal["std_over_seeds"] | None = None
    scale: Scale
    seeds: Positive | None = None
    source: Source
    note: Prose | None = None


@part
class Protocol:
    """How the numbers came about; ``None`` and ``unstated`` are for papers that do not say.

    Attributes:
        version: of the evaluation protocol, by which episodes are chosen and played (pixels only,
            the task's action repeat and horizon, undiscounted return of whole episodes); see
            :data:`vd4rl_data.seeding.EVALUATION_PROTOCOL`, the newest. A file without it is of
            version 1. Printed numbers say nothing by it.
        track: ``offline`` trains on the dataset alone; ``offline_to_online`` goes on in the
            environment.
        checkpoint: which weights were evaluated.
        online_evaluations: how many evaluations in the environment informed any choice
            (hyperparameters, checkpoints), over all runs of the search; 0 for none.
        hyperparameters_shared: the scope over which one setting was kept.
        seeds: training runs per environment.
        episodes: evaluation episodes per run.
        train_steps: gradient steps on the dataset.
        environment_steps: the budget of simulator steps online, where the track is
            ``offline_to_online``.
        frame_stack: frames that the agent saw at once.
        not_comparable: why the result must not be ranked beside the others, if so.
    """

    version: Annotated[
        int,
        Range(1, EVALUATION_PROTOCOL),
        Field(json_schema_extra={"default": FIRST_PROTOCOL}),
    ] = EVALUATION_PROTOCOL
    track: Literal["offline", "offline_to_online"] = "offline"
    checkpoint: Literal["last", "offline_selected", "best_online", "unstated"]
    online_evaluations: Natural | None
    hyperparameters_shared: Literal["dataset", "task", "suite", "all", "unstated"]
    seeds: Positive | None = None
    episodes: Positive | None = None
    train_steps: Positive | None = None
    environment_steps: Positive | None = None
    frame_stack: Annotated[int, Range(1, 100)] | None = None
    not_comparable: Prose | None = None


def _with_version(protocol: Any) -> Any:
    """A protocol as a file says it, which is of the first version if it names none."""
    if not isinstance(protocol, dict):
        return protocol
    return {"version": FIRST_PROTOCOL, **cast("dict[str, Any]", protocol)}


@typing.runtime_checkable
class DescribedContent(typing.Protocol):
    """The part of :class:`vd4rl_data.storage.Manifest` that says what data are."""

    @property
    def origin(self) -> str:
        """Where they came from."""
        ...

    @property
    def content_sha256(self) -> str:
        """Hash of all arrays."""
        ...

    @property
    def media(self) -> Mapping[str, str]:
        """Name → SHA-256 of the pictures that they show."""
        ...


@typing.runtime_checkable
class TrainedOn(typing.Protocol):
    """The part of :class:`vd4rl_data.Dataset` that says what was trained on."""

    @property
    def manifests(self) -> Sequence[DescribedContent]:
        """One per stored part."""
        ...

    @property
    def num_transitions(self) -> int:
        """Transitions of all its episodes."""
        ...


@part
class Data:
    """The dataset that was trained on; :meth:`of` reads it from a loaded one.

    Attributes:
        origin: ``official`` (the authors' own files, their hashes known), ``imported`` (converted
            from files that the user had), ``regenerated`` (collected anew), ``other``, or ``none``
            for what learns from no data.
        content_sha256: the one of the dataset's manifest.
        part_sha256s: in its place for a composite dataset (``medium_expert``): its parts', in
            order.
        transitions: how many were trained on.
        media: name → SHA-256 of the pictures that the data's looks show.
    """

    origin: Literal["official", "imported", "regenerated", "other", "none"]
    content_sha256: Sha256 | None = None
    part_sha256s: Annotated[tuple[Sha256, ...], Count(16)] = ()
    transitions: Positive | None = None
    media: Media = field(default_factory=dict[str, str])

    @property
    def hashes(self) -> tuple[str, ...]:
        """What the content is known by; empty where nothing is said."""
        return self.part_sha256s if self.content_sha256 is None else (self.content_sha256,)

    @classmethod
    def of(cls, dataset: TrainedOn) -> Data:
        """What is to be said of a dataset that :func:`vd4rl_data.load_dataset` returned.

        Raises:
            InvalidArgumentError: it is something else.
        """
        check_type("dataset", dataset, TrainedOn)
        origins = {manifest.origin for manifest in dataset.manifests}
        origin = origins.pop() if len(origins) == 1 else "other"
        hashes = tuple(manifest.content_sha256 for manifest in dataset.manifests)
        return cls(
            origin=cast("Any", origin) if origin in _ORIGINS else "other",
            content_sha256=hashes[0] if len(hashes) == 1 else None,
            part_sha256s=hashes if len(hashes) > 1 else (),
            transitions=dataset.num_transitions,
            media={name: sha for m in dataset.manifests for name, sha in m.media.items()},
        )


@part
class Compute:
    """What it ran on, and for how long."""

    hardware: Line | None = None
    wall_clock_seconds: Length | None = None
    versions: Annotated[dict[Name, Line], Count(50)] = field(default_factory=dict[str, str])


@part
class Traces:
    """The actions of every episode that has ``lengths``, in a file beside this one.

    Attributes:
        sha256: of that file.
        action_size: A, the dimensions of an action.
    """

    sha256: Sha256
    action_size: Annotated[int, Range(1, 1000)]


@part
class RunResult:
    """One algorithm on one benchmark.

    Attributes:
        algorithm: who.
        benchmark: a dataset id without its size, e.g. ``VD4RL/walker_walk-medium-v0``.
        image_size: height and width of the frames the agent saw; ``None`` where a paper does not
            say.
        kind: ``published`` numbers of a paper, ``reproduced`` by this project's reference
            implementation, or ``submitted``.
        evaluations: raw returns; empty for published numbers.
        published: printed numbers; empty for raw returns.
        protocol: how they came about.
        data, compute: provenance.
        hyperparameters: flat: a name and a value, or a list of values.
        traces: actions to replay.
        unusual: why returns that look like numbers on another scale are right after all, in the
            submitter's words; the leaderboard asks where no action traces can prove it.
        submitter, date, license, note: free.
    """

    schema: Literal["vd4rl-result"] = SCHEMA
    schema_version: Annotated[int, Range(1, 1)] = SCHEMA_VERSION
    algorithm: Algorithm
    benchmark: BenchmarkName
    image_size: Annotated[int, Range(1, 4096)] | None
    kind: Literal["published", "reproduced", "submitted"]
    protocol: Annotated[Protocol, BeforeValidator(_with_version)]
    evaluations: Annotated[tuple[EnvironmentRuns, ...], Count(20)] = ()
    published: Annotated[tuple[PublishedNumber, ...], Count(50)] = ()
    data: Data | None = None
    compute: Compute | None = None
    hyperparameters: Annotated[dict[Name, Settings], Count(200)] = field(
        default_factory=dict[str, "Setting | tuple[Setting, ...]"]
    )
    traces: Traces | None = None
    unusual: Prose | None = None
    submitter: Line | None = None
    date: Date | None = None
    license: Line | None = None
    note: Prose | None = None
