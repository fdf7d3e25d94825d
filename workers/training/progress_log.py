"""What the log of an attempt says of how far its trial is."""

from __future__ import annotations

import logging
import time
from fractions import Fraction

from workers.store.logs import PROGRESS
from workers.text import duration
from workers.training.trainer import Trainer

log = logging.getLogger(__name__)

_SECONDS = 15.0  # between two lines


class ProgressLog:
    """Logs now and then `step 1,234 of 71,108, epoch 3.2 of 182, loss 0.1234, about 12 min left`."""

    def __init__(self, trainer: Trainer, last_step: int) -> None:
        self._trainer = trainer
        self._last_step = last_step
        self._first_step = trainer.step
        self._begun = time.monotonic()
        self._logged: float | None = None

    def tick(self) -> None:
        """Log how far the trial is, unless that was done a moment ago. The losses up to now must be settled."""
        now = time.monotonic()
        if self._logged is None or now - self._logged >= _SECONDS:
            self._logged = now
            log.info("%s", self._line(now), extra={PROGRESS: True})

    def _line(self, now: float) -> str:
        step, per_epoch = self._trainer.step, self._trainer.stream.steps_per_epoch
        parts = [
            f"step {step:,} of {self._last_step:,}",
            f"epoch {_tenths(step / per_epoch)} of {_tenths(self._last_step / per_epoch)}",
        ]
        loss = self._trainer.history.last_loss
        if loss is not None:
            parts.append(f"loss {loss:.4g}")
        if step > self._first_step:
            seconds = (now - self._begun) / (step - self._first_step) * (self._last_step - step)
            parts.append(f"about {duration(seconds)} left")
        return ", ".join(parts)


def _tenths(number: Fraction) -> str:
    """`3.2` or `1,820`."""
    return f"{float(number):,.1f}".removesuffix(".0")
