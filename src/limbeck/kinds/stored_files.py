"""What an encoder keeps in a bundle, read within bounds and from regular files only."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck.errors import LimbeckError
from limbeck.files import read_regular

LARGEST = 2**28  # bytes of one file; real vocabularies have some megabytes


def stored_text(file: Path) -> str:
    """Return the UTF-8 text of a file of a bundle.

    Raises
    ------
    LimbeckError, OSError, ValueError
        When it is no regular file of the bundle, far too large, out of reach, or no UTF-8.
    """
    return read_regular(file, LARGEST, inside=file.parent).decode("utf-8")


def stored_array(file: Path) -> NDArray[Any]:
    """Return the one array of a ``.npy`` file of a bundle.

    Raises
    ------
    LimbeckError, OSError, ValueError
        As `stored_text`, and for anything but one array of numbers.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # numpy warns of a header of Python 2, which this may look like
            found = np.load(io.BytesIO(read_regular(file, LARGEST, inside=file.parent)), allow_pickle=False)
    except (LimbeckError, OSError, ValueError):
        raise
    except Exception as error:  # a header that promises more than there is, or is no Python literal: many types
        raise ValueError("no array") from error
    if not isinstance(found, np.ndarray):
        raise ValueError("several arrays")
    return found
