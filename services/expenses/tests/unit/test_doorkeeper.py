"""Who is known to the cache's doorkeeper, and for how long."""

from expenses_service.cache.doorkeeper import Doorkeeper


def test_a_key_is_known_from_the_second_time_on() -> None:
    doorkeeper = Doorkeeper()
    assert not doorkeeper.knows("a")
    assert not doorkeeper.knows("b")
    assert doorkeeper.knows("a")
    assert doorkeeper.knows("a")


def test_one_is_known_for_as_many_others_as_a_generation_has_and_less_than_two() -> None:
    most = 4
    for others in range(3 * most):
        doorkeeper = Doorkeeper(most)
        doorkeeper.knows("a")
        for number in range(others):
            doorkeeper.knows(str(number))
        known = doorkeeper.knows("a")
        assert known or others > most
        assert not known or others < 2 * most
