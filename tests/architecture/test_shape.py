"""Small functions, small files, few public names, the glossary's words."""

from __future__ import annotations

import rules_shape as rules
from source import PRODUCT, ROOT, Module, product


def test_functions_are_short() -> None:
    assert list(rules.long_functions(product())) == []


def test_most_functions_are_very_short() -> None:
    assert list(rules.long_median(product())) == []


def test_files_are_short() -> None:
    assert list(rules.long_files(product())) == []


def test_module_names_say_something() -> None:
    assert list(rules.vague_modules(product())) == []


def test_names_use_the_glossary() -> None:
    assert list(rules.avoided_words(product())) == []


def test_annotations_are_never_evaluated() -> None:
    assert list(rules.annotations_missing(product())) == []


def test_annotations_are_never_evaluated_around_the_product() -> None:
    folders = ("tests", "docs", "bench", "examples")
    paths = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    around = [Module(str(path.relative_to(ROOT)), path.read_text()) for path in paths]
    assert list(rules.annotations_missing(around)) == []


def test_the_public_face_is_small() -> None:
    faces = [module for module in product() if module.name == PRODUCT]
    assert all(len(rules.public_names(face)) <= rules.PUBLIC_NAMES for face in faces)


def test_the_glossary_names_every_avoided_word() -> None:
    glossary = (ROOT / "docs" / "glossary.md").read_text()
    assert [word for word in sorted(rules.AVOIDED) if word not in glossary] == []
