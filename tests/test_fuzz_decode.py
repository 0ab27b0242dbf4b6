from handler.decode import Limits, decode
from tests.tools.fuzz_decode import fuzz, seeds


def test_every_seed_is_a_photo() -> None:
    for name, data in seeds().items():
        assert decode(data, Limits()).shape[2] == 3, name


def test_2000_mutated_photos_are_drawn_or_refused_without_growth() -> None:
    record = fuzz(2000, seed=1)
    outcomes = record["outcomes"]
    assert sum(outcomes.values()) == 2000
    assert not any(name.endswith("wrong") for name in outcomes)
    assert all(any(name == f"{seed}: {end}" for name in outcomes) for seed in seeds() for end in ("drawn", "400"))
    assert record["grown_megabytes"] < 40
    assert record["slowest_cpu_seconds"] < 2
