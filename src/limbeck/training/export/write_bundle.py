"""Everything in a bundle that does not need a judgement: model, encoder, weights, recipe, hashes and reference."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from limbeck.bundle.classifier import Classifier
from limbeck.bundle.manifest import write_manifest
from limbeck.bundle.reference import FILE as REFERENCE
from limbeck.bundle.reference import to_json
from limbeck.bundle.training_hashes import telling_keys, write_seen
from limbeck.data.dataset import Dataset
from limbeck.files import write_json, write_text
from limbeck.recipe import Recipe, dump_recipe, override
from limbeck.training.export.bundle_parts import manifest_facts, prediction_sets, reference, save_weights, seen_rows
from limbeck.training.export.gate import export, gate_facts
from limbeck.training.student import Student
from limbeck.training.warm_start import WEIGHTS


def write_bundle(
    recipe: Recipe, rows: Dataset, student: Student, folder: Path, name: str, trust: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Write a loadable bundle into an empty folder and return the facts of its manifest.

    Raises
    ------
    LimbeckError
        When the exported model answers otherwise than the trained one; see `limbeck.training.export.gate.export`.
    """
    gate = export(
        student.network,
        student.encoder,
        student.valid_rows,
        folder,
        temperature=student.temperature,
        threshold=student.threshold,
        positive=student.positive,
        int8=recipe.export.int8,
        sample=student.sample,
        offset=student.offset,
    )
    student.encoder.save(folder)
    if recipe.export.weights:
        save_weights(student.network, folder / WEIGHTS)
    settled = override(recipe, {"export.int8": "keep" if gate.int8["kept"] else "never"})
    if student.pruning is not None and not student.pruning.kept:
        settled = override(settled, {"export.prune": 0.0})  # the same student, sooner
    write_text(folder / "recipe.toml", dump_recipe(settled))
    write_json(folder / "export.json", gate_facts(gate))
    if trust is not None:
        write_json(folder / "trust.json", trust)
    if recipe.export.seen:
        keys = telling_keys(rows.frame, recipe.task, recipe.input)
        write_seen(folder, [keys[row] for row in seen_rows(recipe, rows)])
    facts = manifest_facts(recipe, rows, student, gate, name)
    write_manifest(folder, facts)
    with Classifier(folder) as classifier:
        facts["sets"] = prediction_sets(classifier, student)
        write_text(folder / REFERENCE, to_json(reference(classifier, recipe, rows, student)).decode("utf-8"))
    write_manifest(folder, facts)
    return facts
