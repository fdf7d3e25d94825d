"""Adam as TensorFlow writes it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor


class TFAdam(torch.optim.Optimizer):
    """Adam with ε outside of the bias correction (Kingma & Ba 2015, the form at the end of section 2).

    Step t changes a weight by −lr · √(1 − β₂ᵗ) / (1 − β₁ᵗ) · m / (√v + ε). In torch.optim.Adam, the correction of v
    applies before ε is added, which makes ε larger in early steps.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        first, second = betas
        if not (0 <= first < 1 and 0 <= second < 1):
            raise ValueError(f"`betas` must be at least 0 and below 1: {betas}")
        if eps < 0:
            raise ValueError(f"`eps` must be at least 0: {eps}")
        super().__init__(params, {"lr": lr, "betas": (first, second), "eps": eps})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Change every parameter that has a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._change(parameter, parameter.grad, **{key: group[key] for key in ("lr", "betas", "eps")})
        return loss

    def _change(self, parameter: Tensor, gradient: Tensor, lr: float, betas: tuple[float, float], eps: float) -> None:
        state = self.state[parameter]
        if not state:
            state["step"] = torch.zeros((), dtype=torch.float64)  # on the CPU, where reading it waits for nothing
            state["exp_avg"] = torch.zeros_like(parameter)
            state["exp_avg_sq"] = torch.zeros_like(parameter)
        state["step"] += 1
        step = state["step"].item()
        first, second = betas
        mean = state["exp_avg"].lerp_(gradient, 1 - first)
        square = state["exp_avg_sq"].mul_(second).addcmul_(gradient, gradient, value=1 - second)
        rate = lr * math.sqrt(1 - second**step) / (1 - first**step)
        parameter.addcdiv_(mean, square.sqrt().add_(eps), value=-rate)
