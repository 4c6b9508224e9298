"""Names of benchmarks: the id grammar without a size."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vd4rl_data.errors import InvalidIdError
from vd4rl_data.ids import (
    BEHAVIORS,
    BenchmarkId,
    Variant,
    benchmark_of,
    format_id,
    parse_benchmark,
    parse_id,
    parse_variant,
)
from vd4rl_data.registry import DATASETS

WORDS = st.from_regex(r"[a-z0-9]{1,6}(_[a-z0-9]{1,6}){0,2}", fullmatch=True)


@pytest.mark.parametrize("name", DATASETS)
def test_every_dataset_has_a_benchmark(name: str) -> None:
    benchmark = benchmark_of(name)
    assert parse_benchmark(str(benchmark)) == benchmark
    assert format_id(benchmark.at(parse_id(name).size)) == name
    assert f"{benchmark.suite}/{benchmark.dataset}" == str(benchmark)


VARIANTS = [spec.id.variant for spec in DATASETS.values()] + [
    parse_variant(text) for text in ("500k", "multitask", "distracting_easy_50", "multitask_20k")
]


@given(WORDS, st.sampled_from(BEHAVIORS), st.sampled_from(VARIANTS), st.integers(0, 10**6))
def test_parse_and_format_are_inverses(
    task: str, behavior: str, variant: Variant | None, version: int
) -> None:
    benchmark = BenchmarkId("Suite", task, behavior, variant, version)
    assert parse_benchmark(str(benchmark)) == benchmark


@pytest.mark.parametrize(
    "text",
    ["", "x", "VD4RL/walker_walk-medium", "VD4RL/walker_walk-medium-64px-v0", "VD4RL/a-medium-v00",
     "VD4RL/a-medium-v-1", "VD4RL/../a-medium-v0", "VD4RL/a-medium-v0\n", "VD4RL/a-medium-1px-v0",
     "VD4RL/a-medium-x-1px-v0", "VD4RL\\a-medium-v0", "VD4RL/a-nonsense-v0", "-v0"],
)  # fmt: skip
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidIdError):
        parse_benchmark(text)
