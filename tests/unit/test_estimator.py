"""The estimator against runs whose cost was published, and what it makes of odd input."""

import pytest

from allocations.programme.estimator import (
    GPUS,
    KINDS,
    PUBLISHED,
    Published,
    Work,
    estimate,
    gpu_named,
    parse_quantity,
    short,
)
from allocations.programme.estimator.formulas import scale_of
from portal.foundation.errors import InvalidInput


def ratio(run: Published) -> float:
    """What we say over what it took."""
    work = Work(kind=KINDS[run.kind], gpu=run.gpu, **run.amounts)
    return estimate(work).gpu_hours.middle / run.gpu_hours


@pytest.mark.parametrize("run", PUBLISHED, ids=lambda run: run.name)
def test_within_a_factor_of_two_of_what_was_published(run: Published, record_property, capsys) -> None:
    found = ratio(run)
    record_property("ratio", found)
    with capsys.disabled():  # the figures are for whoever reads the run
        print(f"\n{run.name} on {run.gpu.name}: estimated {found:.2f} × {run.gpu_hours:,.0f} GPU-hours")
    assert 0.5 <= found <= 2, f"{run.name}: {found:.2f}"


def test_the_runs_are_many_and_have_sources() -> None:
    assert len(PUBLISHED) >= 8
    assert len({run.name for run in PUBLISHED}) == len(PUBLISHED)
    assert all(run.source for run in PUBLISHED)
    assert {run.kind for run in PUBLISHED} >= {"pretrain", "finetune", "qlora", "vision"}


def test_nearly_all_lie_within_the_range_that_is_shown() -> None:
    inside = 0
    for run in PUBLISHED:
        hours = estimate(Work(kind=KINDS[run.kind], gpu=run.gpu, **run.amounts)).gpu_hours
        inside += hours.low <= run.gpu_hours <= hours.high
    assert inside >= 0.9 * len(PUBLISHED)


def test_a_factor_of_two_is_a_check_that_can_fail() -> None:
    """On the wrong GPU, the same run is far off."""
    llama = next(run for run in PUBLISHED if run.name == "LLaMA 7B")
    wrong = Published(**{**vars(llama), "gpu": GPUS["t4"]})
    assert ratio(wrong) > 2


def test_seven_billion_on_two_hundred_million_tokens() -> None:
    """6 × 7e9 × 2e8 = 8.4e18 operations: some ten hours of one A100 at a good half of its peak."""
    found = estimate(Work(kind=KINDS["finetune"], gpu=GPUS["a100-80"], parameters=7e9, tokens=2e8))
    assert found.flops is not None
    assert found.flops.low == found.flops.high == 8.4e18
    assert 8 < found.gpu_hours.low < found.gpu_hours.middle < found.gpu_hours.high < 120
    assert found.least_gpus == 2  # 112 GB of training state
    told = " ".join(found.assumptions)
    assert "2001.08361" in told
    assert "312 TFLOP/s" in told


def test_epochs_and_runs_multiply() -> None:
    once = estimate(Work(kind=KINDS["lora"], gpu=GPUS["h100"], parameters=7e9, tokens=1e8))
    thrice = estimate(Work(kind=KINDS["lora"], gpu=GPUS["h100"], parameters=7e9, tokens=1e8, epochs=3))
    assert thrice.gpu_hours.middle == pytest.approx(3 * once.gpu_hours.middle)
    known = estimate(Work(kind=KINDS["known"], gpu=GPUS["h100"], gpus=4, hours=6, runs=10))
    assert known.gpu_hours.low == 240
    assert known.flops is None


def test_writing_costs_more_than_reading() -> None:
    base = {"kind": KINDS["inference"], "gpu": GPUS["h100"], "parameters": 8e9}
    reading = estimate(Work(**base, tokens=1e9)).gpu_hours.middle
    writing = estimate(Work(**base, generated=1e9)).gpu_hours.middle
    assert writing > 3 * reading > 0


def test_a_sense_of_scale() -> None:
    assert (scale_of(24).gpus, scale_of(24).days) == (1, 1)
    assert scale_of(2688) == scale_of(2688, 8)  # 8 GPUs for 14 days
    assert scale_of(2688).gpus == 8
    assert scale_of(1e9).gpus == 4096


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7B", 7e9),
        ("200 M", 2e8),
        ("1.5 trillion", 1.5e12),
        ("3e9", 3e9),
        ("70,000", 7e4),
        ("۷B", 7e9),
        ("۱٫۵T", 1.5e12),
        ("2 crore", 2e7),
    ],
)
def test_amounts_as_people_write_them(text: str, value: float) -> None:
    assert parse_quantity(text) == value


@pytest.mark.parametrize("text", ["", "many", "-7B", "7X", "0", "1e99", "7B on 200M", "∞"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_quantity(text)


def test_short_amounts() -> None:
    assert [short(7e9), short(2e8), short(1.5e12), short(12)] == ["7B", "200M", "1.5T", "12"]


@pytest.mark.parametrize(
    ("model", "key"),
    [
        ("NVIDIA H100 80 GB", "h100"),
        ("NVIDIA A100 80 GB", "a100-80"),
        ("NVIDIA A100-SXM4-80GB", "a100-80"),
        ("NVIDIA A100 40GB", "a100-40"),
        ("NVIDIA L40S 48 GB", "l40s"),
        ("NVIDIA A10", "a10"),
        ("Something else", None),
    ],
)
def test_a_resources_gpu_is_recognised(model: str, key: str | None) -> None:
    found = gpu_named(model)
    assert (found.key if found else None) == key
