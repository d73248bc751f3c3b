"""What all Python tests share: the binary, a private state, facts of the place, a time limit.

A test that cannot run here calls `need("fact", ...)`, which skips and quotes the probe's answer.
"""
import json
import os
import signal
import subprocess

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
NIDUS = os.environ.get("NIDUS", os.path.join(ROOT, "build/src/cli/nidus"))
TEST_LIMIT_S = 120


def pytest_configure(config):
    config.addinivalue_line("markers", "limit(seconds): a test's own time limit")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    """A test that hangs fails, and the suite goes on."""
    marker = item.get_closest_marker("limit")
    seconds = marker.args[0] if marker else TEST_LIMIT_S

    def expired(signum, frame):
        pytest.fail("did not end within %d s" % seconds)

    before = signal.signal(signal.SIGALRM, expired)
    signal.alarm(seconds)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


class Nidus:
    """Runs the binary with a state and a store of its own."""

    def __init__(self, folder):
        self.path = NIDUS
        self.state, self.store = str(folder / "state"), str(folder / "store")
        self.env = dict(os.environ, NIDUS_STATE_DIR=self.state, NIDUS_STORE_DIR=self.store)

    def __call__(self, *args, check=False, timeout=60, env=None, **kw):
        kw.setdefault("stdin", subprocess.DEVNULL)
        done = subprocess.run([self.path, *map(str, args)], env={**self.env, **(env or {})}, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout, **kw)
        if check and done.returncode:
            pytest.fail("nidus %s: exit %d\n%s%s" % (
                " ".join(map(str, args)), done.returncode, done.stdout, done.stderr))
        return done

    def json(self, *args, **kw):
        return json.loads(self(*args, check=True, **kw).stdout)

    def popen(self, *args, env=None, **kw):
        return subprocess.Popen([self.path, *map(str, args)], env={**self.env, **(env or {})}, text=True, **kw)


@pytest.fixture
def nidus(tmp_path):
    return Nidus(tmp_path)
