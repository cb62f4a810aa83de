"""What a submission is made with in tests: a network that is a table of numbers."""

from pathlib import Path

import numpy as np

from reid_course.data import ATTRIBUTES
from reid_course.model import Predictions

TABLE, LISTS = "classification_test.csv", "reid_test.txt"


class Network:
    "Answers and embeddings drawn by lot, the same for the same number of pictures; few values, so that many tie."

    size = (32, 16)

    def __init__(self, schema=ATTRIBUTES):
        self.schema = schema

    def predict(self, images) -> Predictions:
        rng, n = np.random.default_rng(len(images)), len(images)
        assert images[:1].shape[1:3] == self.size
        logits = {a.name: rng.normal(size=(n, len(a.classes))) for a in self.schema}
        return Predictions(rng.integers(0, 3, (n, 4)).astype(np.float32), logits, self.schema)


def names(paths) -> list[str]:
    "Of files."
    return [Path(path).name for path in paths]
