"""Images."""

from __future__ import annotations

from limbeck.kinds.image.encode import ImageInput
from limbeck.kinds.image.reading.files import columns_of, examined, pictures_of
from limbeck.kinds.image.reading.from_memory import pictures_from
from limbeck.kinds.image.reading.gather import LAYOUTS, gather, placed
from limbeck.kinds.image.reading.inputs import given_images, image_inputs
from limbeck.kinds.image.reading.layouts.class_folders import PICTURES
from limbeck.kinds.image.rows import group, keys, names, pictures_asked, sizes
from limbeck.kinds.kind import Kind

IMAGE = Kind(
    name="image",
    anomalies=True,
    columns=columns_of,
    plural="pictures",
    costly=True,
    attackable=True,
    calibrated=True,
    encoder=ImageInput,
    values=pictures_of,
    from_memory=pictures_from,
    inputs=image_inputs,
    given=given_images,
    processes=True,
    names=names,
    keys=keys,
    same="content.picture",
    by_name=True,
    examined=examined,
    group=group,
    gather=gather,
    placed=placed,
    aside=PICTURES,
    layouts=LAYOUTS,
    asked=pictures_asked,
    in_cells=False,
    sizes=sizes,
)
