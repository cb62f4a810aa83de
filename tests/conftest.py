"""Settings for all tests."""

import os

import pytest
from browser import MISSING, chromium, find_chromium

os.environ.setdefault("OMP_NUM_THREADS", "1")  # tests run side by side; here and in every process they start


@pytest.fixture
def browser():
    "Chromium, or a skip that says what is missing."
    if not find_chromium():
        pytest.skip(MISSING)
    with chromium() as found:
        yield found
