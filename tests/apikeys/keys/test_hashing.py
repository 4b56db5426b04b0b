import re
from threading import Barrier, Thread

import pytest
from pytest_django import Settings

from apikeys.keys import forms, hashing
from tests.conftest import TRUE_ARGON2

KEY = "0123456789abcdef" * 4


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record each key on which Argon2 runs."""
    recorded: list[str] = []
    matches = hashing._matches

    def record(*, key: str, key_hash: str) -> bool:
        recorded.append(key)
        return matches(key=key, key_hash=key_hash)

    monkeypatch.setattr(hashing, "_matches", record)
    return recorded


def test_new_key_is_64_hex_characters_never_the_same() -> None:
    keys = {forms.new_key() for _ in range(100)}

    assert len(keys) == 100
    assert all(re.fullmatch(r"[0-9a-f]{64}", key) for key in keys)


class TestDigestOf:
    def test_is_hmac_sha_256_under_the_pepper(self, settings: Settings) -> None:
        settings.API_KEY_PEPPER = "key"

        digest = hashing.digest_of("The quick brown fox jumps over the lazy dog")

        # RFC 2104 example of HMAC-SHA-256, as given by Wikipedia
        assert digest == "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8"

    def test_depends_on_the_pepper(self, settings: Settings) -> None:
        before = hashing.digest_of(KEY)
        settings.API_KEY_PEPPER = "another pepper"

        assert hashing.digest_of(KEY) != before


class TestHashOf:
    def test_is_argon2id_and_salted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(hashing, "_ARGON2", TRUE_ARGON2)
        hashes = {hashing.hash_of(KEY), hashing.hash_of(KEY)}

        assert len(hashes) == 2
        assert all(made.startswith("$argon2id$v=19$m=19456,t=2,p=1$") for made in hashes)


class TestVerifiedKeys:
    def test_runs_argon2_once_per_key(self, runs: list[str]) -> None:
        keys, key_hash = hashing.VerifiedKeys(), hashing.hash_of(KEY)

        outcomes = [keys.verify(key=KEY, digest="d", key_hash=key_hash) for _ in range(100)]

        assert outcomes == [True] * 100
        assert runs == [KEY]

    def test_runs_argon2_once_when_many_come_at_once(self, runs: list[str]) -> None:
        keys, key_hash, barrier = hashing.VerifiedKeys(), hashing.hash_of(KEY), Barrier(10)

        def verify() -> None:
            barrier.wait()
            keys.verify(key=KEY, digest="d", key_hash=key_hash)

        threads = [Thread(target=verify) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert runs == [KEY]

    def test_never_remembers_a_wrong_key(self, runs: list[str]) -> None:
        keys, key_hash = hashing.VerifiedKeys(), hashing.hash_of(KEY)

        assert not keys.verify(key="f" * 64, digest="d", key_hash=key_hash)
        assert not keys.verify(key="f" * 64, digest="d", key_hash=key_hash)
        assert len(runs) == 2

    def test_verifies_again_when_the_stored_hash_is_another(self) -> None:
        keys = hashing.VerifiedKeys()
        keys.verify(key=KEY, digest="d", key_hash=hashing.hash_of(KEY))

        assert not keys.verify(key=KEY, digest="d", key_hash=hashing.hash_of("f" * 64))

    def test_refuses_every_key_for_a_hash_that_is_none(self) -> None:
        assert not hashing.VerifiedKeys().verify(key=KEY, digest="d", key_hash="not a hash")

    def test_evicts_the_oldest_beyond_its_bound(self, runs: list[str]) -> None:
        keys = hashing.VerifiedKeys(at_most=2)
        hashes = {key: hashing.hash_of(key) for key in ("a", "b", "c")}
        for key, key_hash in hashes.items():
            keys.verify(key=key, digest=key, key_hash=key_hash)

        keys.verify(key="c", digest="c", key_hash=hashes["c"])
        keys.verify(key="a", digest="a", key_hash=hashes["a"])

        assert runs == ["a", "b", "c", "a"]
