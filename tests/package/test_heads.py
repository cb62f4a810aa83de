"""The attribute loss against loops over images: unknown labels, attributes that nobody knows, class weights."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reid_course.heads import attribute_loss

SIZES = (2, 3, 4)  # classes of three attributes


def by_loops(logits: list[torch.Tensor], targets: torch.Tensor, weights: list | None) -> torch.Tensor:
    "Per attribute the weighted mean over the images whose label is known; the mean of those attributes."
    found = []
    for i, z in enumerate(logits):
        known = [(row, int(y)) for row, y in enumerate(targets[:, i]) if y >= 0]
        costs = [1.0 if weights is None else float(weights[i][y]) for _, y in known]
        losses = [-w * z[row].log_softmax(0)[y] for w, (row, y) in zip(costs, known, strict=True)]
        if known:
            found.append(torch.stack(losses).sum() / sum(costs))
    return torch.stack(found).mean() if found else 0.0 * sum(z.sum() for z in logits)


@settings(max_examples=150, deadline=None)
@given(data=st.data(), n=st.integers(0, 6), seed=st.integers(0, 99), weighted=st.booleans())
def test_any_labels_cost_what_the_definition_says(data, n, seed, weighted):
    "Value and gradient, which is exactly zero where no label is known."
    rng = torch.Generator().manual_seed(seed)
    logits = [torch.randn(n, size, generator=rng, requires_grad=True) for size in SIZES]
    hidden = [data.draw(st.booleans()) for _ in SIZES]  # nobody's label of that attribute is known
    column = [st.just(-1) if h else st.integers(-1, size - 1) for h, size in zip(hidden, SIZES, strict=True)]
    rows = data.draw(st.lists(st.tuples(*column), min_size=n, max_size=n))
    targets = torch.tensor(rows, dtype=torch.int64).reshape(n, len(SIZES))
    weights = [torch.rand(size, generator=rng) + 0.1 for size in SIZES] if weighted else None
    found, wanted = attribute_loss(logits, targets, weights), by_loops(logits, targets, weights)
    torch.testing.assert_close(found, torch.as_tensor(wanted, dtype=torch.float32))
    slopes = torch.autograd.grad(found, logits)
    expected = torch.autograd.grad(wanted, logits, materialize_grads=True)
    torch.testing.assert_close(slopes, expected)
    for slope, y in zip(slopes, targets.unbind(1), strict=True):
        assert not slope[y < 0].any()
