"""What a processor is called and can do, and when bfloat16 is not worth asking for."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import pytest

from vd4rl_data.errors import SlowPrecisionWarning
from vd4rl_data.processor import (
    BFLOAT16_FLAGS,
    Processor,
    find_processor,
    parse_cpuinfo,
    warn_about_bfloat16,
)

_X86 = """processor\t: 0
vendor_id\t: GenuineIntel
model name\t: Intel(R) Xeon(R) CPU E5-2690 v4 @ 2.60GHz
flags\t\t: fpu sse sse4_1 sse4_2 avx f16c avx2 fma {more}
bugs\t\t: spectre_v1

processor\t: 1
model name\t: another
flags\t\t: fpu
"""
_ARM = """processor\t: 0
BogoMIPS\t: 50.00
Features\t: fp asimd evtstrm aes sve {more}
CPU implementer\t: 0x41
"""


@pytest.mark.parametrize("text", [_X86, _ARM], ids=["x86", "arm"])
@pytest.mark.parametrize("flag", BFLOAT16_FLAGS)
def test_instructions_are_found_by_their_flags(text: str, flag: str) -> None:
    assert parse_cpuinfo(text.format(more=flag)).multiplies_bfloat16 is True
    assert parse_cpuinfo(text.format(more="")).multiplies_bfloat16 is False
    assert parse_cpuinfo(text.format(more=f"x{flag}")).multiplies_bfloat16 is False


@pytest.mark.parametrize("text", ["", "no colon", "model name :", "flags :\n", "a : b\n" * 3])
def test_systems_that_tell_nothing(text: str) -> None:
    """There is always a name, and no verdict."""
    processor = parse_cpuinfo(text)
    assert processor.name
    assert processor.flags is None
    assert processor.multiplies_bfloat16 is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_about_bfloat16(processor)


def test_the_first_core_speaks_for_all() -> None:
    processor = parse_cpuinfo(_X86.format(more="amx_bf16 pae"))
    assert processor.name == "Intel(R) Xeon(R) CPU E5-2690 v4 @ 2.60GHz"
    assert processor.flags == ("amx_bf16", "avx", "avx2", "f16c", "fma", "sse4_1", "sse4_2")
    assert json.loads(json.dumps(processor.record())) == {
        "name": processor.name,
        "architecture": processor.architecture,
        "cores": processor.cores,
        "flags": list(processor.flags),
    }


def test_the_warning_says_what_was_looked_for_and_what_to_do() -> None:
    processor = parse_cpuinfo(_X86.format(more=""))
    with pytest.warns(SlowPrecisionWarning) as caught:
        warn_about_bfloat16(processor)
    text = str(caught[0].message)
    for part in (processor.name, *BFLOAT16_FLAGS, "avx2", "--precision float32"):
        assert part in text


def test_it_is_shown_once() -> None:
    processor = parse_cpuinfo(_X86.format(more=""))
    with warnings.catch_warnings(record=True) as caught:
        warnings.resetwarnings()
        warnings.simplefilter("default")
        for _ in range(3):
            warn_about_bfloat16(processor)
    assert len(caught) == 1


@pytest.mark.parametrize("flags", [("amx_bf16", "avx2"), None])
def test_no_warning_without_a_reason(flags: tuple[str, ...] | None) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_about_bfloat16(Processor("some", "x86_64", 2, flags))


def test_this_machine() -> None:
    found = find_processor()
    assert found.name
    if Path("/proc/cpuinfo").is_file():
        assert found.flags
