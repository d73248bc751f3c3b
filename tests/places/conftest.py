"""What the tests of places share."""
import os
import shutil
import tempfile

import pytest

from places import NIDUS, UNPRIVILEGED, Place


@pytest.fixture
def place_of():
    """place_of(NAME) makes the place; the binary stands where everybody can reach it."""
    folder = tempfile.mkdtemp(prefix="nidus-place-", dir="/tmp")
    os.chmod(folder, 0o755)
    shutil.copy(NIDUS, folder)

    def make(name):
        if os.geteuid() != 0 and name not in UNPRIVILEGED:
            pytest.skip("making the place '%s' needs root" % name)
        place = Place(name, folder)
        tried = place.run("true")
        if tried.returncode:
            pytest.skip("the place '%s' cannot be had here: %s" % (name, tried.stderr.strip()[-300:]))
        return place

    yield make
    shutil.rmtree(folder, ignore_errors=True)
