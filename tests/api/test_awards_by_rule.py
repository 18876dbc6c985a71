"""An award that a track's rule made: nobody decided it, and everybody concerned can read it."""

from allocations.awards.models import Award
from tests.cast import Cast
from tests.using import allocated


def test_an_award_by_rule_is_shown(cast: Cast, api) -> None:
    allocation = allocated(cast.project, cast.resource, by=cast.council)
    Award.objects.create(
        allocation=allocation,
        gpu_seconds=1,
        starts_on=allocation.starts_on,
        ends_on=allocation.ends_on,
        decided_by=None,
    )
    told = api(cast.pi).get(f"/api/v1/allocations/{allocation.code}/")
    assert told.status_code == 200
    assert [award["decided_by"] for award in told.json()["awards"]] == [None, "Council"]
