"""Notebooks written for version 1.0 find its modules under their names of then."""

import importlib

import pytest

import nndl
from nndl._moved import MOVED


@pytest.mark.parametrize("name", MOVED)
def test_a_name_of_then_is_the_module_of_now(name):
    now = importlib.import_module(f"nndl.{MOVED[name]}")
    assert importlib.import_module(f"nndl.{name}") is now
    assert getattr(nndl, name) is now
    assert now.__spec__.name == f"nndl.{MOVED[name]}"


def test_a_name_that_never_was_is_none_now():
    with pytest.raises(ModuleNotFoundError, match="nothing"):
        importlib.import_module("nndl.nothing")
    with pytest.raises(AttributeError, match="nothing"):
        _ = nndl.nothing
