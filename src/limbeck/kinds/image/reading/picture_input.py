"""What all encoders of pictures share: pictures are read side by side, and one that cannot be read stays black."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Generic, TypeVar

import numpy as np

from limbeck.errors import LimbeckError
from limbeck.kinds.defaults import NothingLearned
from limbeck.kinds.image.reading.decode import Picture
from limbeck.kinds.image.reading.files import quiet_pillow
from limbeck.process.cores import each
from limbeck.recipe import Task

Rows = TypeVar("Rows")


class PictureInput(NothingLearned, Generic[Rows]):
    """An encoder that makes rows of pictures, each on its own.

    Parameters
    ----------
    settings
        The ``[input]`` section of the recipe.
    """

    @abstractmethod
    def black(self, count: int) -> Rows:
        """Return the rows of so many black pictures."""

    @abstractmethod
    def put(self, rows: Rows, at: int, picture: Picture) -> None:
        """Encode one picture into row ``at``.

        Raises
        ------
        LimbeckError
            When it cannot be read.
        """

    def encode(self, pictures: Sequence[Picture]) -> Rows:
        """Encode N pictures, on all cores.

        Raises
        ------
        LimbeckError
            For the first that cannot be read, with its path.
        """
        rows, bad = self.encode_each(pictures)
        if bad:
            raise bad[min(bad)]
        return rows

    def encode_each(
        self, pictures: Sequence[Picture], workers: int | None = None
    ) -> tuple[Rows, dict[int, LimbeckError]]:
        """Encode N pictures; one that cannot be read is black, and its place and error are in the dictionary.

        Parameters
        ----------
        workers
            Threads; by default those of this input.
        """
        rows, bad = self.black(len(pictures)), dict[int, LimbeckError]()

        def one(at: int) -> None:
            try:
                self.put(rows, at, pictures[at])
            except LimbeckError as error:
                bad[at] = error

        with quiet_pillow():
            each(one, len(pictures), workers or self.workers)
        return rows, bad

    def blank(self, task: Task) -> list[Picture]:
        """Return one black picture."""
        return [Picture(np.zeros((1, 1, 3), dtype=np.uint8))]

    def completed(self, pictures: list[Picture]) -> list[Picture]:
        """Return the pictures: nothing is missing in them."""
        return pictures
