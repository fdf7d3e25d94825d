"""The listeners of a run in addition to its display: notices, a command and trackers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from orchestrator.tracking.delivery import Delivery
from orchestrator.tracking.events import Listener
from orchestrator.tracking.host import TrackerProcess
from orchestrator.tracking.notices import EndCommand, WebHook
from orchestrator.tracking.trackers import TrackerChoice

_NOTICE_SECONDS = 5.0
_TRACKER_SECONDS = 10.0  # they write much more


@contextmanager
def audience(
    *, notify: str | None = None, on_end: str | None = None, track: tuple[str, ...] = ()
) -> Iterator[list[Listener]]:
    """Listeners for the block, after which they have a few seconds to finish.

    notify: a URL to post notices to. on_end: a shell command. track: trackers such as `tensorboard:FOLDER`.
    """
    deliveries = [
        Delivery(str(choice), TrackerProcess(choice), seconds=_TRACKER_SECONDS)
        for choice in map(TrackerChoice.parse, track)
    ]
    if notify is not None:
        deliveries.append(Delivery("notify", WebHook(notify), seconds=_NOTICE_SECONDS))
    if on_end is not None:
        deliveries.append(Delivery("on-end", EndCommand(on_end), seconds=_NOTICE_SECONDS))
    try:
        yield list[Listener](deliveries)
    finally:
        ends = [(delivery, delivery.end()) for delivery in deliveries]
        for delivery, until in ends:
            delivery.wait(until)
