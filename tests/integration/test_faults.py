"""SIGKILL at random moments to nidus, its monitor, the workload: the short version.

tests/long/test_faults_long.py does the same some hundred times.
"""
import os
import random
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import faults  # noqa: E402


@pytest.fixture
def rounds(nidus):
    done = nidus("run", "--rm", "--network", "none", "/", "true")
    if done.returncode:
        pytest.skip("no container here: %s" % done.stderr.strip())
    return faults.Rounds(nidus, random.randrange(1 << 30), 0)


@pytest.mark.limit(240)
def test_kills_at_random_moments(rounds):
    for _ in range(45):
        rounds.round()
    print(rounds.counts)


@pytest.mark.limit(240)
def test_kills_with_a_network(rounds):
    rounds.network = 1
    for _ in range(15):
        rounds.round()
    print(rounds.counts)
