"""What counts as one address, and what Redis is told of it."""

import pytest

from auth_service.throttles import rules
from auth_service.throttles.models import Bucket, Kind

KEY = rules.derive_key(b"k" * 32)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("::1", "::/64"),
        ("unknown", "unknown"),
    ],
)
def test_an_ipv6_address_counts_by_its_64(address: str, network: str) -> None:
    assert rules.network(address) == network


def test_names_tell_nothing_and_keep_policies_apart() -> None:
    name = rules.name(KEY, "account", "ada@example.com")
    assert name == rules.name(KEY, "account", "ada@example.com")
    assert name.startswith("throttle:account:")
    assert "ada" not in name
    others = {
        rules.name(KEY, "account", "bob@example.com"),
        rules.name(KEY, "device", "ada@example.com"),
        rules.name(rules.derive_key(b"l" * 32), "account", "ada@example.com"),
        rules.name(KEY, "account", "\ud800"),
    }
    assert name not in others
    assert len(others) == 4


def test_clients_are_told_of_a_window_as_it_is_and_of_a_delay_as_one_in_it() -> None:
    window = Bucket("address", Kind.WINDOW, "k", 20, 600)
    told = rules.rate_limit(window, 34)
    assert (told.policy, told.quota, told.window, told.reset) == ("address", 20, 600, 34)
    told = rules.rate_limit(Bucket("account", Kind.DELAY, "k", 5, 60), 8)
    assert (told.policy, told.quota, told.window, told.reset) == ("account", 1, 8, 8)
