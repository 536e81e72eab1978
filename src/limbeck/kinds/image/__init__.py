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
from limbeck.kinds.sections import AsTeacher, Copies, Parts, Reading

IMAGE = Kind(
    name="image",
    plural="pictures",
    encoder=ImageInput,
    values=pictures_of,
    from_memory=pictures_from,
    reading=Reading(
        inputs=image_inputs,
        gather=gather,
        placed=placed,
        aside=PICTURES,
        layouts=LAYOUTS,
        given=given_images,
        examined=examined,
    ),
    copies=Copies(keys=keys, same="content.picture"),
    parts=Parts(group=group),
    as_teacher=AsTeacher(columns=columns_of, asked=pictures_asked),
    anomalies=True,
    costly=True,
    calibrated=True,
    names=names,
    by_name=True,
    in_cells=False,
    sizes=sizes,
)
