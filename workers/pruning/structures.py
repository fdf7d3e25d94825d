"""What pruning removes: single weights, or whole filters."""

from __future__ import annotations

from workers.errors import BadInput
from workers.pruning import kept_weights
from workers.pruning.distributing import distribute
from workers.pruning.distributions import Masks, Tensors, largest
from workers.text import plural
from workers.trial import MaskRule


def single_weights(scores: Tensors, rule: MaskRule) -> Masks:
    """Keep exactly k weights, by the rule's distribution. Raises BadInput if k is 0 or more than are alive."""
    total = sum(score.numel() for score in scores.values())
    alive = sum(int((score >= 0).sum()) for score in scores.values())
    k = kept_weights(total, rule.density)
    if not 0 < k <= alive:
        raise BadInput(
            f"density {float(rule.density):.6g} of {plural(total, 'prunable weight')} must keep from 1 to {alive:,} "
            f"(those alive), not {k:,}",
            hint="choose another density",
        )
    return distribute(scores, k, rule.pruning)


def filters(scores: Tensors, rule: MaskRule) -> Masks:
    """Remove the rule's number of filters from each layer: those with the smallest sums of scores.

    The first dimension of a weight counts its filters. By magnitude, sums are L1 norms: Li et al. 2017, section 3.1.
    """
    masks = {name: score >= 0 for name, score in scores.items()}
    for name, removed in rule.filters.items():
        norms = scores[name].double().clamp(min=0).flatten(1).sum(1)
        keep = largest(norms, len(norms) - removed)
        masks[name] &= keep.view(-1, *[1] * (masks[name].dim() - 1))
    return masks
