"""How long things took, in a handful of numbers that can be added up."""

import math
from collections import Counter
from collections.abc import Mapping

_WIDER = 1.1


def bucket_of(milliseconds: int) -> str:
    """The number of the bucket that this falls into; as text, since JSON's keys are."""
    return str(math.ceil(math.log(max(milliseconds, 1), _WIDER)))


def percentile(buckets: Mapping[str, int], share: float) -> int | None:
    """Nearest rank, in milliseconds, true to a twentieth; None where nothing was measured."""
    rank = math.ceil(share * sum(buckets.values()))
    seen = 0
    for bucket in sorted(buckets, key=int):
        seen += buckets[bucket]
        if rank and seen >= rank:
            return _middle_of(int(bucket))
    return None


def _middle_of(bucket: int) -> int:
    return round(math.sqrt(_WIDER ** (2 * bucket - 1)))


def added(buckets: Mapping[str, int], bucket: str, count: int) -> dict[str, int]:
    """With so many more, or fewer, in one bucket; empty ones are left out."""
    both = Counter(buckets)
    both[bucket] += count
    return {name: number for name, number in both.items() if number}
