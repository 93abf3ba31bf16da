"""Tasks are played ahead by several, and yet everything comes in its turn, errors too."""

from __future__ import annotations

from collections import deque

import pytest

from harness.engines import Task, WorkerLostError
from harness.engines.ahead import AHEAD, DEATHS, Failed, Lost, Played, in_order

TASKS = [Task(trial, "cell") for trial in range(20)]


class Scripted:
    """Workers of whom the one that began last ends first; each task ends in its own ways, the last of them for good."""

    def __init__(self, ends, workers=2):
        self.began: list[int] = []
        self.silences = 0
        self._ends = {place: deque(ways) for place, ways in ends.items()}
        self._workers = workers
        self._under_way: list[int] = []

    def has_room(self):
        return len(self._under_way) < self._workers

    def begin(self, place, task):
        assert task is TASKS[place]
        self.began.append(place)
        self._under_way.append(place)

    def ended(self):
        if self.silences:
            self.silences -= 1
            return None
        place = self._under_way.pop()
        ways = self._ends.get(place, deque([Played(place)]))
        return [(place, ways.popleft() if len(ways) > 1 else ways[0])]

    def check_patience(self):
        if self.silences == 1:
            raise WorkerLostError("nobody is left")


def taken(crew):
    """What came until it ended, and the error that it ended with."""
    results, coming = [], in_order(crew, TASKS, 2, lambda: None)
    while True:
        try:
            results.append(next(coming))
        except StopIteration:
            return results, None
        except (WorkerLostError, ValueError) as error:
            return results, error


def test_results_come_in_the_order_of_the_tasks():
    """Whoever ends first, and each is played once."""
    crew = Scripted({})
    assert taken(crew) == (list(range(20)), None)
    assert sorted(crew.began) == list(range(20))


def test_a_task_whose_worker_died_is_played_again():
    """As often as deaths are borne."""
    crew = Scripted({3: [*[Lost("killed")] * DEATHS, Played(3)]})
    assert taken(crew) == (list(range(20)), None)
    assert crew.began.count(3) == DEATHS + 1


@pytest.mark.parametrize("end", [Lost("killed"), Failed(ValueError("odd"))])
def test_an_error_waits_for_its_turn(end):
    """A later task that fails sooner neither hides the error of an earlier one nor loses what comes before."""
    crew = Scripted({4: [end], 5: [Failed(ValueError("later"))]})
    results, error = taken(crew)
    assert results == [0, 1, 2, 3]
    words = {Lost: f"{DEATHS + 1} workers died while trial 4 of cell was played (killed); what was finished is kept"}
    assert str(error) == words.get(type(end), "odd")


def test_nothing_is_begun_after_what_has_failed():
    """It would be played for nothing."""
    crew = Scripted({1: [Failed(ValueError("odd"))], 0: [*[Lost("killed")] * DEATHS, Played(0)]})
    assert taken(crew)[0] == [0]
    assert set(crew.began) == {0, 1}


def test_no_more_is_played_ahead_than_is_allowed():
    """Whoever takes results slowly does not have all others in memory."""
    crew = Scripted({})
    results = in_order(crew, TASKS, 2, lambda: None)
    next(results)
    assert max(crew.began) < AHEAD * 2


def test_whoever_waits_is_told_and_gives_up_with_the_crew():
    """Silence is told each time, and the crew says when nobody is left."""
    crew, told = Scripted({}), []
    crew.silences = 3
    with pytest.raises(WorkerLostError, match="nobody is left"):
        list(in_order(crew, TASKS, 2, lambda: told.append(1)))
    assert len(told) == 2
