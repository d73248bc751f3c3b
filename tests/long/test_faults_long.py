"""SIGKILL at random moments, some hundred times: `make test SUITE=long`, or
NIDUS_FAULT_ROUNDS=1000 pytest tests/long/test_faults_long.py"""
import os
import random
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import faults  # noqa: E402

ROUNDS = int(os.environ.get("NIDUS_FAULT_ROUNDS", "500"))


@pytest.mark.limit(3000)
@pytest.mark.parametrize("network", [0, 0.5])
def test_hundreds_of_kills(nidus, network):
    done = nidus("run", "--rm", "--network", "none", "/", "true")
    if done.returncode:
        pytest.skip("no container here: %s" % done.stderr.strip())
    seed = int(os.environ.get("NIDUS_FAULT_SEED", random.randrange(1 << 30)))
    print("NIDUS_FAULT_SEED=%d" % seed)
    rounds = faults.Rounds(nidus, seed, network)
    for _ in range(ROUNDS // 2):
        rounds.round()
    print(rounds.counts)
