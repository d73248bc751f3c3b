"""nidus run in other places than the host: a container starts, and its status comes back."""
import os
import subprocess

import pytest

import places

NAMES = ["host", "userns", "pidns", "no-dev", "gvisor"]


@pytest.mark.parametrize("name", NAMES)
def test_run(name, nidus, tmp_path):
    place = places.PLACES[name]
    words = place if isinstance(place, list) else place(str(tmp_path))
    if os.geteuid():
        pytest.skip("the places are made by root")
    env = ["env", "NIDUS_STATE_DIR=/tmp/nidus-s", "NIDUS_STORE_DIR=/tmp/nidus-d"] if name == "gvisor" else []
    done = subprocess.run(["timeout", "60", *words, *env, nidus.path, "run", "--rm", "--network", "none", "/", "sh", "-c",
                           "id -u; exit 3"], env=nidus.env, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert (done.returncode, done.stdout.split()) == (3, ["0"]), done.stdout + done.stderr
