import numpy as np
from numpy.typing import NDArray

def bags(
    texts: list[str],
    words: list[list[str]],
    shortest: int,
    longest: int,
    longest_words: int,
    buckets: int,
    kept: NDArray[np.uint32] | None,
    logs: NDArray[np.float64],
    /,
) -> tuple[bytearray, bytearray, bytearray]: ...
