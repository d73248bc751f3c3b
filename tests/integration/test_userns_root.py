"""The place's "/" as a root in a user namespace that was made around nidus: its mounts are
locked there, so it is no layer for one overlay.  A lower rung must be taken, and end."""
import os
import shutil
import subprocess

import pytest


@pytest.fixture(params=["-Ur", "-Urm", "-Urmpf"])
def around(request):
    command = ["unshare", request.param]
    done = subprocess.run([*command, "true"], stderr=subprocess.PIPE, text=True)
    if done.returncode:
        pytest.skip("unshare %s true: %s" % (request.param, done.stderr.strip()))
    return command


@pytest.mark.limit(60)
def test_changes_stay_inside(nidus, around):
    script = "id -u; echo new > /etc/nidus-root-test; cat /etc/nidus-root-test; ls /proc/self/fd | wc -l"
    done = subprocess.run([*around, nidus.path, "run", "--rm", "--network", "none", "/", "sh", "-c", script],
                          env=nidus.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[:2] == ["0", "new"]
    assert not os.path.exists("/etc/nidus-root-test")
    if shutil.which("ps"):  # a server of the file system (fuse-overlayfs) must end with the container
        seen = subprocess.run(["ps", "-eo", "args"], stdout=subprocess.PIPE, text=True).stdout
        assert not [line for line in seen.splitlines() if line.startswith("fuse-overlayfs") and nidus.store in line]
