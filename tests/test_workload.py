"""The same requests, however they are cut."""

import pytest
from pydantic import TypeAdapter, ValidationError

from harness.workload import Workload


def test_the_article_sends_a_thousand_requests():
    """10 batches of 100, numbered through."""
    workload = Workload()
    assert [request.index for request in workload.requests] == list(range(1000))
    assert workload.name == "10x100"


def test_requests_carry_prompt_and_limit():
    """What is sent is what the settings say."""
    request = Workload(batches=1, batch_size=1, prompt="hi", max_tokens=5).requests[0]
    assert (request.messages, request.max_tokens) == (({"role": "user", "content": "hi"},), 5)


@pytest.mark.parametrize(("size", "sizes"), [(1, [1] * 10), (4, [4, 4, 2]), (10, [10])])
def test_slices_cut_the_same_requests(size, sizes):
    """Nothing is lost or sent twice; the last slice may be shorter."""
    workload = Workload(batches=2, batch_size=5)
    slices = workload.slices(size)
    assert [len(each) for each in slices] == sizes
    assert [request for each in slices for request in each] == list(workload.requests)


@pytest.mark.parametrize(
    "change", [{"batches": 0}, {"batch_size": 0}, {"slo_s": 0}, {"max_tokens": 0}, {"batches": True}]
)
def test_impossible_workloads_are_refused(change):
    """An empty workload would measure nothing."""
    with pytest.raises(ValidationError):
        TypeAdapter(Workload).validate_python(change)
