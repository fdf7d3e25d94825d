"""The loss of networks that predict a token at each position of a sentence."""

from __future__ import annotations

from typing import Literal

from torch import Tensor
from torch.nn import functional

from workers.data.batches.structure import Values
from workers.errors import BadInput

Reduction = Literal["mean", "sum"]


def token_cross_entropy(
    outputs: Tensor, targets: Values, *, label_smoothing: float = 0.0, reduction: Reduction = "mean"
) -> Tensor:
    """The cross-entropy of logits (N, T, vocabulary), over the tokens of a batch; positions without one do not count.

    Targets are a tensor of token numbers, or a dict that has it as `tokens`: int64 (N, T or more), with −100 at
    positions without a token. All positions after the first T must be such positions. Computed in float32.
    """
    tokens = targets["tokens"] if isinstance(targets, dict) else targets
    if not isinstance(tokens, Tensor) or outputs.ndim != 3 or tokens.ndim != 2:
        raise BadInput(
            "loss `token_cross_entropy` needs logits (N, T, vocabulary) and token numbers (N, T)",
            hint="return logits for each position, and give targets as a tensor or in a dict as `tokens`",
        )
    return functional.cross_entropy(
        outputs.flatten(0, 1).float(),
        tokens[:, : outputs.shape[1]].flatten(),
        label_smoothing=label_smoothing,
        reduction=reduction,
    )
