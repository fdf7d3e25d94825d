"""What the driver learns of an attempt whose step raised an error, or whose process is gone."""

from __future__ import annotations

import pytest
import ray.train._internal.storage
from ray.exceptions import ActorUnavailableError, RayTaskError
from ray.train._internal.storage import StorageContext
from ray.tune.experiment import Trial

from orchestrator.driver.on_ray import ray_tune
from orchestrator.driver.on_ray.ray_actor import Unfit
from workers.training.attempt import Ending

LOST = ActorUnavailableError("Socket closed", b"0" * 16)


@pytest.fixture
def ending(tmp_path, monkeypatch):
    """The ending of a trial of Tune's that has met an error."""
    monkeypatch.setattr(ray.train._internal.storage, "_get_ray_train_session_dir", lambda: str(tmp_path / "session"))
    storage = StorageContext(storage_path=str(tmp_path), experiment_dir_name="sweep", trial_dir_name="trial")

    def of(error):
        trial = Trial("train", stub=True, storage=storage)
        trial.init_local_path()
        trial.handle_error(error)
        return ray_tune._ending_of(trial)

    return of


def test_a_worker_that_ends_says_how_its_attempt_ended(ending):
    said = Ending("interrupted", 7)
    assert ending(RayTaskError("step", "", Unfit(said)).as_instanceof_cause()) == said


def test_an_error_of_a_step_has_its_class(ending):
    assert ending(RayTaskError("step", "", OSError(5, "Input/output error")).as_instanceof_cause()).outcome == "io"


@pytest.mark.parametrize(("gone", "outcome"), [(False, "lost_worker"), (True, "interrupted")])
def test_a_worker_that_is_lost_with_its_machine_is_not_counted(ending, monkeypatch, gone, outcome):
    monkeypatch.setattr(ray_tune, "is_gone_with_its_node", lambda error: gone)
    assert ending(LOST).outcome == outcome


def test_a_worker_that_leaves_no_error_is_lost(ending):
    assert ending(None).outcome == "lost_worker"
