"""A nidus whose runs all end with the test, which fails if any of them left something."""
import os
import time

import pytest

NONE = ["--network", "none"]


class Runs:
    def __init__(self, nidus):
        self.nidus = nidus

    def run(self, *args, **kw):
        return self.nidus("run", *NONE, *args, **kw)

    def start(self, *args, **kw):
        """A detached run; its id."""
        return self.run("-d", *args, check=True, **kw).stdout.strip()

    def popen(self, *args, **kw):
        return self.nidus.popen("run", *NONE, *args, **kw)

    def state(self, ref):
        return self.nidus.json("inspect", ref)[0]["state"]

    def info(self, ref):
        return self.nidus.json("inspect", ref)[0]

    def logs(self, ref, *args):
        return self.nidus("logs", *args, ref, check=True).stdout

    def wait_for(self, check, seconds=20):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            value = check()
            if value:
                return value
            time.sleep(0.01)
        pytest.fail("it did not come to that within %d s" % seconds)

    def only_one(self):
        """The id of the one run there is, once it has been described."""
        def look():
            listed = self.nidus.json("ps", "-a", "--json")
            return listed and listed[0]["status"] == "running" and listed[0]["id"]
        return self.wait_for(look)


def finish(nidus):
    nidus("rm", "-f", "--all", check=True)
    nidus("gc", check=True)
    for folder in (nidus.state, nidus.store):
        runs = os.path.join(folder, "runs")
        assert not os.path.isdir(runs) or not os.listdir(runs), os.listdir(runs)


@pytest.fixture
def runs(nidus):
    done = nidus("run", "--rm", *NONE, "/", "true")
    if done.returncode:
        pytest.skip("no container here: %s" % done.stderr.strip())
    yield Runs(nidus)
    finish(nidus)
