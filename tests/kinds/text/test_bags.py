"""The C encoder of n-grams gives what the NumPy one gives, to the last bit."""

from __future__ import annotations

import importlib.util
import shutil
import sysconfig

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbeck.kinds.text.encoding import ngrams
from limbeck.kinds.text.encoding.ngrams import Ngrams
from limbeck.recipe import Input
from small import python, reviews

ROOT = ngrams.__file__.rpartition("/")[0]
LETTERS = st.text(st.sampled_from("ab的好 🔗\U0010ffff\ud800\x00é"), max_size=40)


@pytest.fixture(scope="module", autouse=True)
def compiled(tmp_path_factory):
    """The extension, built from the source beside the tests as a wheel builds it."""
    if not shutil.which((sysconfig.get_config_var("CC") or "cc").split()[0]):
        pytest.skip("there is no C compiler")
    home = tmp_path_factory.mktemp("bags")
    code = f"""
from setuptools import Distribution, Extension
made = Extension("_bags", [{ROOT + "/bags.c"!r}], py_limited_api=True, extra_compile_args=["-O2", "-ffp-contract=off"])
build = Distribution({{"ext_modules": [made]}}).get_command_obj("build_ext")
build.build_lib, build.build_temp = {str(home)!r}, {str(home / "temp")!r}
build.ensure_finalized()
build.run()
"""
    done = python(code)
    assert done.returncode == 0, done.stderr
    spec = importlib.util.spec_from_file_location("_bags", next(home.glob("_bags.*")))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    before, ngrams._bags = ngrams._bags, module
    yield
    ngrams._bags = before


def both(encoder, texts, max_length=64):
    cut = [text[:max_length] for text in texts]
    return encoder._encode_native(cut), encoder._encode_arrays(cut)


def assert_same(encoder, texts):
    native, arrays = both(encoder, texts)
    for name in ("values", "offsets", "weights"):
        one, other = getattr(native, name), getattr(arrays, name)
        assert one.dtype == other.dtype and np.array_equal(one, other), name
    assert np.array_equal(encoder.encode(texts, 64).weights, arrays.weights)


@pytest.mark.parametrize("settings", [
    {}, {"ngrams": (2, 2)}, {"ngrams": (1, 8)}, {"word_ngrams": 2}, {"buckets": 256}, {"buckets": 0, "min_count": 1},
    {"buckets": 0, "word_ngrams": 3},
], ids=str)  # fmt: skip
@given(texts=st.lists(LETTERS, max_size=4))
def test_any_texts_have_the_same_bags(settings, texts):
    told = Input(encoder="ngrams", **settings)
    assert_same(Ngrams.fit(["ab的 好好 ab", "a é"], told), texts)


def test_reviews_have_the_same_bags():
    told = Input(encoder="ngrams", word_ngrams=2)
    assert_same(Ngrams(told), [row["text"] for row in reviews(400)])


def test_an_ngram_beyond_the_table_is_left_to_numpy():
    encoder = Ngrams(Input(encoder="ngrams", ngrams=(1, 1)))
    texts = ["a" * 5000]
    with pytest.raises(OverflowError):
        encoder._encode_native(texts)
    assert np.array_equal(encoder.encode(texts, 8192).weights, encoder._encode_arrays(texts).weights)


def test_what_is_no_text_is_refused():
    with pytest.raises(TypeError):
        ngrams._bags.bags([1], [], 1, 2, 0, 256, None, ngrams._LOGARITHMS)
    with pytest.raises(TypeError):
        ngrams._bags.bags(["a"], [None], 1, 2, 1, 256, None, ngrams._LOGARITHMS)
