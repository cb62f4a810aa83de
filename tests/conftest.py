"""Settings for all tests."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # tests run side by side; here and in every process they start
