"""Fixtures of the tests with data of one's own, and of those with damaged and invented files."""

from fuzzing import dataset, memory_is_bounded, place  # noqa: F401
from owned import a_run, images  # noqa: F401
