"What the benches train: a network with random weights, and all that `train` puts around it but data and a folder."

import pandas as pd
import torch

from reid_course.data import ATTRIBUTES
from reid_course.engine.config import TrainConfig
from reid_course.engine.trainer import Batch, Trainer
from reid_course.images import to_input
from reid_course.training import new_model
from reid_course.uncertainty import MultiTaskObjective


def a_trainer(
    config: TrainConfig,  # without class weights and identity classifier: nobody is counted
    device: torch.device,  # where to train
) -> Trainer:
    "Network, both tasks' losses and Adam, as `train` puts them together."
    model = new_model(config, ATTRIBUTES).to(device)
    objective = MultiTaskObjective(model, config, pd.DataFrame()).to(device)
    groups = [
        {"params": list(model.parameters()), "weight_decay": config.weight_decay},
        {"params": list(objective.parameters()), "weight_decay": 0.0},
    ]
    optimizer = torch.optim.Adam(groups, lr=config.lr, fused=True)
    how: dict = {"precision": config.precision, "capture": config.capture}
    return Trainer(model, objective, optimizer, lambda t: config.lr, **how)


def a_batch(
    pixels: torch.Tensor,  # (n, h, w, 3), uint8
    attributes: torch.Tensor,  # (n, 12) class numbers
    pids: torch.Tensor,  # (n,)
) -> Batch:
    "Images as the network takes them, with what is known of them."
    return Batch(to_input(pixels), {"attributes": attributes, "pids": pids})
