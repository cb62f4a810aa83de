"""The learned weights refuse what is no loss."""

import pytest
import torch

from reid_course.errors import ReidError
from reid_course.uncertainty import UncertaintyWeighting


def test_refusal_names_the_loss():
    with pytest.raises(ReidError, match=r"^loss_id "):
        UncertaintyWeighting()(torch.tensor(1.0), torch.ones(2))
