import pytest


@pytest.mark.xdist_group("groups")
def test_tests_of_a_group_stay_in_one_process(
    request: pytest.FixtureRequest, worker_id: str
) -> None:
    if worker_id == "master":
        pytest.skip("there is one process only")
    # Where this suffix is missing, each process starts applications and browsers of its own.
    assert request.node.nodeid.endswith("@groups")
