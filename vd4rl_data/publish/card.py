"""The dataset card: Markdown with the hub's front matter, made from catalog and manifests alone."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from vd4rl_data.publish.markdown import code, fenced, table
from vd4rl_data.publish.model import PreparedDataset
from vd4rl_data.publish.viewer import EPISODES, FRAMES, viewer_config
from vd4rl_data.registry import DATASETS
from vd4rl_data.spec import ReturnStatistics

_STATISTICS: Final = ("mean", "std", "min", "p25", "median", "p75", "max")
_SIZES: Final = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
    (100_000_000, "10M<n<100M"),
)
_HUB_LICENSES: Final = frozenset(
    {"mit", "apache-2.0", "bsd-2-clause", "bsd-3-clause", "cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0"}
    | {"cc-by-nc-4.0", "cc-by-nc-sa-4.0", "cc-by-nd-4.0", "cc-by-nc-nd-4.0", "odbl", "unlicense"}
)
_ORIGINS: Final = {
    "official": "the authors' own files, converted without loss; their SHA-256 were known before",
    "imported": "converted without loss from files whose SHA-256 were not known before",
    "regenerated": "collected anew: the same task and behavior, but other episodes than the "
    "authors' files",
    "sample": "a small sample, collected anew",
}


def make_card(repo_id: str, datasets: Sequence[PreparedDataset]) -> str:
    """The text of ``README.md``.

    Args:
        repo_id: ``USER/NAME``, where it will be read.
        datasets: what the repository holds; at least one.
    """
    from huggingface_hub import DatasetCardData

    data = DatasetCardData(**front_matter(repo_id, datasets))
    sections = [
        f"# {title(repo_id, datasets)}",
        _introduction(datasets),
        *_loading(repo_id, datasets),
        _overview(datasets),
        *(_dataset(dataset) for dataset in datasets),
        _format(),
        _license(datasets),
        _citation(datasets),
    ]
    return f"---\n{data.to_yaml()}\n---\n\n" + "\n\n".join(sections) + "\n"


def title(repo_id: str, datasets: Sequence[PreparedDataset]) -> str:
    """What a person calls the repository."""
    if len(datasets) == 1:
        spec = datasets[0].spec
        variant = f" {spec.id.variant}" if spec.id.variant else ""
        words = f"{spec.id.suite} {spec.id.task} {spec.id.behavior}{variant}"
        return f"{words}, {spec.size} px, v{spec.id.version}".replace("_", " ")
    return f"{repo_id.partition('/')[2]}: {len(datasets)} datasets of offline RL from pixels"


def licenses(datasets: Iterable[PreparedDataset]) -> list[str]:
    """The SPDX names of all licenses, each once."""
    return sorted({dataset.manifest.license for dataset in datasets})


def license_url(name: str) -> str | None:
    """Where the text of a license is, if it is one that the hub knows by its SPDX name."""
    known = name.lower() in _HUB_LICENSES
    return f"https://spdx.org/licenses/{name}.html" if known else None


def citations(datasets: Iterable[PreparedDataset]) -> list[str]:
    """The BibTeX entries of all datasets, each once."""
    return list(dict.fromkeys(dataset.manifest.citation for dataset in datasets))


def front_matter(repo_id: str, datasets: Sequence[PreparedDataset]) -> dict[str, Any]:
    """What the hub reads to list and find the repository."""
    names = licenses(datasets)
    known = [name.lower() for name in names if name.lower() in _HUB_LICENSES]
    fields: dict[str, Any] = {"license": known[0] if len(known) == 1 else known}
    if len(known) < len(names):
        fields = {"license": "other", "license_name": " and ".join(names).lower().replace(" ", "-")}
    transitions = sum(dataset.manifest.num_transitions for dataset in datasets)
    parts = [
        {spec.id.suite, spec.task.name, spec.task.simulator, spec.id.behavior}
        for spec in (dataset.spec for dataset in datasets)
    ]
    return fields | {
        "pretty_name": title(repo_id, datasets),
        "task_categories": ["reinforcement-learning"],
        "size_categories": [_size_category(transitions)],
        "tags": [
            "offline-reinforcement-learning",
            "pixels",
            "vd4rl-data",
            *sorted(set[str]().union(*parts)),
        ],
        **_viewer(datasets),
    }


def _viewer(datasets: Sequence[PreparedDataset]) -> dict[str, Any]:
    """The small splits that the hub's viewer shows; it has nothing to show for HDF5."""
    shown = [viewer_config(dataset.name) for dataset in datasets if dataset.viewer is not None]
    return {"configs": shown} if shown else {"viewer": False}


def _size_category(count: int) -> str:
    return next((name for limit, name in _SIZES if count < limit), "n>100M")


def _introduction(datasets: Sequence[PreparedDataset]) -> str:
    text = (
        "Pixels, actions and rewards for offline reinforcement learning, in the dataset file "
        "format of vd4rl-data: uint8 frames without loss, the action at the frame it was taken at, "
        "terminations and time limits stored, every file with its SHA-256."
    )
    others = [dataset for dataset in datasets if dataset.manifest.origin != "official"]
    if others:
        names = ", ".join(f"`{dataset.name}`" for dataset in others)
        text += f"\n\n> **Not the benchmark's own files:** {names}. See *origin* below."
    return text


def _loading(repo_id: str, datasets: Sequence[PreparedDataset]) -> list[str]:
    """How to load what has pixels, and how to give pixels to what has none."""
    loaded = [dataset for dataset in datasets if dataset.has_pixels]
    states = [dataset for dataset in datasets if not dataset.has_pixels]
    sections = [_load(repo_id, loaded)] if loaded else []
    return [*sections, _render(repo_id, states[0])] if states else sections


def _render(repo_id: str, states: PreparedDataset) -> str:
    program = (
        f"hf download {repo_id} {states.shards[0].path} --repo-type dataset --local-dir .\n"
        f"python -m collection render {states.shards[0].path}  # --size, --look, --body"
    )
    return (
        "## Render\n\n"
        "`*.states.h5` holds physics states, actions and rewards without pixels. In a clone of "
        "vd4rl-data these are drawn in any size and look, to the bytes that collecting them gives "
        f"on the same machine:\n\n{fenced(program, 'bash')}"
    )


def _load(repo_id: str, datasets: Sequence[PreparedDataset]) -> str:
    program = (
        "import vd4rl_data\n\n"
        "dataset = vd4rl_data.load_dataset(\n"
        f'    "{datasets[0].spec.name}", source="hf://{repo_id}"\n'
        ")\n"
        "episode = dataset[0]  # observations (T + 1, H, W, 3) uint8, actions, rewards, ...\n"
        "batch = next(dataset.transitions(batch_size=256, frame_stack=3, n_step=3))"
    )
    others = " Any other id of the table below does as well.\n\n" if len(datasets) > 1 else ""
    return (
        "## Load\n\n"
        "```bash\npip install vd4rl-data\n```\n\n"
        f"{fenced(program, 'python')}\n\n{others.lstrip()}"
        "For results that others can repeat, name the commit too: "
        f"`hf://{repo_id}@` followed by its 40 hexadecimal digits. Files are checked against their "
        "SHA-256, and a commit that was loaded before needs no network."
    )


def _overview(datasets: Sequence[PreparedDataset]) -> str:
    rows = [
        (
            f"`{dataset.name}`",
            f"{dataset.manifest.num_episodes:,}",
            f"{dataset.manifest.num_transitions:,}",
            "yes" if dataset.manifest.complete else f"no, of {dataset.spec.num_episodes:,}",
            dataset.manifest.origin,
            f"{dataset.num_bytes / 1e6:,.1f} MB",
        )
        for dataset in datasets
    ]
    header = ("dataset", "episodes", "transitions", "complete", "origin", "download")
    names = {dataset.name for dataset in datasets}
    made = [
        f"`{spec.name}` loads from here too: it is {' followed by '.join(spec.parts)}."
        for spec in DATASETS.values()
        if spec.parts and names.issuperset(spec.parts)
    ]
    return "\n\n".join(["## Datasets", table(header, rows), *made])


def _dataset(dataset: PreparedDataset) -> str:
    from vd4rl_data.report import comparison

    manifest, spec = dataset.manifest, dataset.spec
    *sheets, histogram = dataset.pictures
    lines = [
        f"## `{dataset.name}`",
        *(f"![Frames of some episodes of {spec.name}]({sheet})" for sheet in sheets),
        _facts(dataset),
        "### Episode returns",
        _returns(manifest.returns, manifest.num_episodes, spec.published_returns, spec.num_episodes)
        + "\n\nMean against the published one: "
        + f"{comparison(spec, manifest.returns, manifest.num_episodes)}.",
        f"![Histogram of the episode returns of {spec.name}]({histogram})",
        "### Arrays",
        _arrays(dataset),
        "### Provenance",
        _provenance(dataset),
    ]
    return "\n\n".join(lines)


def _facts(dataset: PreparedDataset) -> str:
    manifest, spec = dataset.manifest, dataset.spec
    task = spec.task
    policy = manifest.provenance.behavior_policy
    behavior = spec.id.behavior if policy else f"{spec.id.behavior}, nothing more is recorded"
    return "\n".join(
        [
            f"- **task:** {task.name} ({task.settings}), camera "
            f"{task.camera}, action repeat {task.action_repeat}, {task.time_steps} time steps "
            "per full episode",
            f"- **the original:** {spec.source}",
            f"- **behavior policy:** {behavior}",
            *(f"  - {code(name)}: {code(_text(policy[name]))}" for name in sorted(policy)),
            f"- **observations:** {_observations(dataset)}",
            f"- **actions:** float32 ({task.action_size},), in [-1, 1]",
            f"- **validation episodes:** {len(manifest.validation_episodes)}, fixed by number",
        ]
    )


def _observations(dataset: PreparedDataset) -> str:
    if not dataset.has_pixels:
        return "none, states alone"
    return f"uint8 {dataset.spec.observation_shape}, RGB, one frame, not stacked"


def _returns(
    ours: ReturnStatistics,
    num_episodes: int,
    published: ReturnStatistics | None,
    published_episodes: int,
) -> str:
    header: tuple[str, ...] = ("", "episodes", *_STATISTICS)
    rows = [("this data", f"{num_episodes:,}", *_numbers(ours))]
    if published is not None:
        rows.append(("published", f"{published_episodes:,}", *_numbers(published)))
    return table(header, rows)


def _numbers(statistics: ReturnStatistics) -> tuple[str, ...]:
    return tuple(f"{getattr(statistics, name):.1f}" for name in _STATISTICS)


def _arrays(dataset: PreparedDataset) -> str:
    rows = [
        (f"`{column.key}`", np.dtype(column.dtype).name, str(column.row_shape), column.kind)
        for column in dataset.columns
    ]
    return table(("array", "dtype", "shape of a row", "a row belongs to"), rows)


def _provenance(dataset: PreparedDataset) -> str:
    manifest = dataset.manifest
    provenance = manifest.provenance
    lines = [
        f"- **origin:** {manifest.origin}: {_ORIGINS[manifest.origin]}",
        f"- **renderer:** {code(provenance.renderer)}",
        f"- **versions:** {code(_pairs(provenance.versions))}",
        f"- **content SHA-256:** `{manifest.content_sha256}`",
    ]
    if provenance.sources:
        known = sum(source.get("hash_status") == "verified" for source in provenance.sources)
        lines.append(f"- **source files:** {len(provenance.sources)}, {known} of known SHA-256")
    lines += [f"- **repaired while reading:** {code(repair)}" for repair in provenance.repairs]
    text = "\n".join(lines)
    if provenance.recipe:
        recipe = json.dumps(dict(provenance.recipe), indent=2, sort_keys=True)
        text += f"\n\nThe recipe:\n\n{fenced(recipe, 'json')}"
    return text


def _format() -> str:
    return (
        "## Format\n\n"
        "`*.packed-*.h5` are shards of whole episodes: HDF5 behind a header of 4096 bytes, chunked "
        "and deflated without loss. `*.packed.manifest.json` holds the manifest and the SHA-256 of "
        "each shard. Loading writes one flat file whose pixels are mapped. Row t holds what "
        "belongs to transition t; an episode of T transitions has T + 1 rows. Every byte is "
        "described in `docs/format.md` and every field in `docs/semantics.md` of vd4rl-data; "
        "`croissant.json` lists the files for other tools.\n\n"
        "`viewer/*.tar` is for looking, not for training, and what the hub's viewer and `datasets` "
        f"show: {FRAMES} frames each of {EPISODES} episodes at most, as PNG beside JSON "
        "(WebDataset)."
    )


def _license(datasets: Sequence[PreparedDataset]) -> str:
    names = licenses(datasets)
    if len(names) == 1:
        return f"## License\n\n{_license_link(names[0])}"
    rows = [(f"`{each.name}`", _license_link(each.manifest.license)) for each in datasets]
    return "## License\n\nNot all datasets have the same license.\n\n" + table(
        ("dataset", "license"), rows
    )


def _license_link(name: str) -> str:
    url = license_url(name)
    return name if url is None else f"[{name}]({url})"


def _citation(datasets: Sequence[PreparedDataset]) -> str:
    entries = "\n\n".join(citations(datasets))
    return f"## Citation\n\n{fenced(entries, 'bibtex')}"


def _text(value: object) -> str:
    """A value of a manifest, to be read by a person."""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _pairs(values: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {values[name]}" for name in sorted(values)) or "not recorded"
