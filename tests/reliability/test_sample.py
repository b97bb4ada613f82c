"""A few cases of the matrix, drawn by a fixed lot: one for each who. The whole of it is `make reliability`."""

import random
from collections.abc import Iterator

import pytest

from tests.reliability.campaign import Campaign
from tests.reliability.matrix import FAILING, MATRIX, WHO

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

SEED = 20


@pytest.fixture(scope="module")
def campaign() -> Iterator[Campaign]:
    with Campaign() as made:
        yield made


@pytest.mark.parametrize("who", WHO)
def test_one_case(campaign: Campaign, who: str) -> None:
    dice = random.Random(f"{SEED} {who}")
    rows = [row for row in MATRIX if row.who == who and row.run not in FAILING]
    cases = [case for row in dice.sample(rows, len(rows)) for case in campaign.cases(row)]
    result = campaign.strike(dice.choice(cases))
    assert not result.complaints, f"{result.case}\n" + "\n".join(result.complaints)


def test_one_case_of_a_replacement_that_fails(campaign: Campaign) -> None:
    dice = random.Random(SEED)
    row = dice.choice([row for row in MATRIX if row.run in FAILING])
    result = campaign.strike(dice.choice(campaign.cases(row)))
    assert not result.complaints, f"{result.case}\n" + "\n".join(result.complaints)
