"""Pictures of each epoch: changed as the recipe says, as the rows themselves or as a second view beside them."""

from __future__ import annotations

from limbeck.kinds.changed_arrays import ChangedArrays
from limbeck.kinds.image import augment

CHANGES = ChangedArrays(augment, "pictures", "pictures", "pictures.rotate = 10")
active, check_views = CHANGES.active, CHANGES.check_views
changed_rows, viewed_rows = CHANGES.changed_rows, CHANGES.viewed_rows
