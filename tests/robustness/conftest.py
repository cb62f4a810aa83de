"""Fixtures of the tests with data of one's own."""

from owned import a_run, images  # noqa: F401
