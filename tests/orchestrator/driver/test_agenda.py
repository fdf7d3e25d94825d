"""The order of work: children after their parents' states, longest chains first, failures block descendants only."""

from orchestrator.driver.agenda import Agenda
from tests.support.jobs import jobs
from workers.trial import Stop

FAMILY = jobs(
    dense=((5, 10),),
    early=((3,), ("dense", 5)),
    late=((4,), ("dense", 10)),
    chain1=((6,), ("dense", 10)),
    chain2=((6,), ("chain1", 6)),
)


def taken(agenda):
    names = []
    while (job := agenda.next()) is not None:
        names.append(job.trial.stage)
    return names


def test_children_wait_for_the_stop_they_begin_with_not_for_the_end_of_its_trial():
    agenda = Agenda(FAMILY, set())
    assert taken(agenda) == ["dense"]
    agenda.reach("dense", 4)
    assert taken(agenda) == []
    agenda.reach("dense", 7)
    assert taken(agenda) == ["early"]
    agenda.finish("dense")
    assert taken(agenda) == ["chain1", "late"]  # the longest chain first
    assert not agenda.exhausted
    agenda.finish("chain1")
    assert taken(agenda) == ["chain2"]


def test_published_states_need_no_waiting():
    agenda = Agenda({name: FAMILY[name] for name in ("late", "chain1")}, {Stop("dense", 10)})
    assert sorted(taken(agenda)) == ["chain1", "late"]


def test_a_failure_blocks_only_descendants_of_missing_stops():
    agenda = Agenda(FAMILY, set())
    taken(agenda)
    agenda.reach("dense", 5)
    agenda.fail("dense")
    assert agenda.blocked == {"late", "chain1", "chain2"}
    assert taken(agenda) == ["early"]
    assert not agenda.exhausted
    agenda.finish("early")
    assert agenda.exhausted


def test_trials_that_failed_before_are_not_tried_and_their_descendants_blocked():
    agenda = Agenda({name: FAMILY[name] for name in ("late", "chain1", "chain2")}, {Stop("dense", 10)}, ["chain1"])
    assert agenda.blocked == {"chain2"}
    assert taken(agenda) == ["late"]


def test_an_interrupted_job_is_ready_again():
    agenda = Agenda({"dense": FAMILY["dense"]}, set())
    assert taken(agenda) == ["dense"]
    agenda.give_back("dense")
    assert agenda.waiting == 1
    assert taken(agenda) == ["dense"]


def test_a_job_that_is_held_back_is_ready_after_its_delay_and_not_lost_meanwhile():
    now = [0.0]
    agenda = Agenda({name: FAMILY[name] for name in ("late", "chain1")}, {Stop("dense", 10)}, clock=lambda: now[0])
    assert taken(agenda) == ["chain1", "late"]
    agenda.give_back("chain1", delay=3)
    agenda.finish("late")
    assert taken(agenda) == []
    assert not agenda.exhausted
    assert agenda.waiting == 1
    now[0] = 3.0
    assert taken(agenda) == ["chain1"]


def test_an_agenda_can_grow_by_what_begins_with_what_is_done():
    agenda = Agenda({"dense": FAMILY["dense"]}, set())
    assert taken(agenda) == ["dense"]
    agenda.finish("dense")
    assert agenda.exhausted
    agenda.extend({"chain1": FAMILY["chain1"], "chain2": FAMILY["chain2"]}, {Stop("dense", 10)})
    assert taken(agenda) == ["chain1"]
    agenda.finish("chain1")
    agenda.extend({"late": FAMILY["late"]}, {Stop("dense", 10)}, ["late"])
    assert agenda.failed == {"late"}
    assert taken(agenda) == ["chain2"]
