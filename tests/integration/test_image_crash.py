"""Imports that are killed, that run out of room, and that run at the same time."""
import fcntl
import os
import random
import shutil
import signal
import subprocess
import time

import pytest
from images import Layout, archive, digest, entry, snapshot, tar

KILLS = int(os.environ.get("NIDUS_TEST_KILLS", "25"))


def layer(seed, files=150):
    rng = random.Random(seed)
    return tar(*[entry("d%d/s%d/f%d" % (seed, i % 7, i), rng.randbytes(rng.randrange(9000))) for i in range(files)])


def store_files(nidus):
    """Names in the store, without what is below a layer's tree."""
    top = os.path.join(nidus.store, "store")
    found = []
    for folder, dirs, files in os.walk(top):
        rel = os.path.relpath(folder, top)
        if "tree" in dirs:
            dirs.remove("tree")
        found += [os.path.join(rel, f) for f in files + [""]]
    return sorted(found)


@pytest.mark.limit(600)
def test_kill_at_random_moments(nidus, tmp_path):
    """After each kill whatever the store shows is whole; in the end nothing is left behind."""
    tars = [layer(i) for i in range(3)]
    source = Layout(tmp_path / "oci").add(*tars, how="gzip", tag="t")
    whole = nidus.json("image", "import", "--json", source, env={"NIDUS_STORE_DIR": str(tmp_path / "whole")})
    want = {os.path.basename(os.path.dirname(tree)): snapshot(tree) for tree in whole["layers"]}
    started = time.monotonic()
    nidus("image", "import", source, env={"NIDUS_STORE_DIR": str(tmp_path / "timed")}, check=True)
    span = time.monotonic() - started
    rng, killed, seen = random.Random(7), 0, 0
    for i in range(KILLS):
        child = nidus.popen("image", "import", source, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL, start_new_session=True)
        time.sleep(rng.uniform(0, span))
        child.kill()
        was_killed = child.wait() == -signal.SIGKILL
        killed += was_killed
        span *= 1.05 if was_killed else 0.8  # a disk is not always equally fast
        folder = os.path.join(nidus.store, "store/layers")
        for owner in os.listdir(folder) if os.path.isdir(folder) else []:
            for name in os.listdir(os.path.join(folder, owner)):
                if name in want and i % 10 == 0:
                    seen += 1
                    assert snapshot(os.path.join(folder, owner, name, "tree")) == want[name]
        if i % 10 == 9:
            nidus("image", "gc", check=True)
        if nidus.json("image", "ls", "--json"):
            (image,) = nidus.json("image", "ls", "--json")
            assert image["id"] == whole["id"] and image["layers"] == 3
            nidus("image", "rm", image["id"][7:], check=True)
    assert killed
    got = nidus.json("image", "import", "--json", source)
    assert [snapshot(a) for a in got["layers"]] == [snapshot(b) for b in whole["layers"]]
    nidus("image", "gc", check=True)
    assert not [n for n in store_files(nidus) if "tmp" in n], store_files(nidus)
    nidus("image", "rm", "oci:t", check=True)
    assert [n for n in store_files(nidus) if not n.endswith("/")] == ["./lock"]


def test_kill_of_the_child_that_unpacks(nidus, tmp_path):
    """Its death is an error, and no layer."""
    source = Layout(tmp_path / "oci").add(tar(*[entry("f%d" % i, b"x" * 999) for i in range(30000)]))
    child = nidus.popen("image", "import", source, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    worker = None
    for _ in range(2000):
        found = subprocess.run(["pgrep", "-P", str(child.pid), "nidus-unpack"], stdout=subprocess.PIPE, text=True).stdout.split()
        if found:
            worker = int(found[0])
            break
        time.sleep(0.001)
    assert worker
    os.kill(worker, signal.SIGKILL)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 125 and "layer 1" in err and "137" in err
    assert nidus.json("image", "ls", "--json") == []
    assert not [n for n in store_files(nidus) if "tmp" in n]


def test_many_at_once(nidus, tmp_path):
    """Importers of images that share layers, and a collector, side by side."""
    shared = layer(1)
    sources = [Layout(tmp_path / ("oci%d" % i)).add(shared, layer(10 + i), tag="t") for i in range(3)]
    children = [nidus.popen("image", "import", "-q", s, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE) for s in sources * 4]
    collectors = [nidus.popen("image", "gc", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) for _ in range(4)]
    ids = {}
    for source, child in zip(sources * 4, children):
        out, err = child.communicate(timeout=100)
        assert child.returncode == 0, err
        ids.setdefault(source, set()).add(out)
    for child in collectors:
        assert child.wait(100) == 0
    assert all(len(v) == 1 for v in ids.values())
    folder = os.path.join(nidus.store, "store/layers")
    (owner,) = os.listdir(folder)
    assert sorted(name.split("-")[0] for name in os.listdir(os.path.join(folder, owner))) == sorted(
        digest(x)[7:] for x in [shared] + [layer(10 + i) for i in range(3)])


def test_importing_and_removing_at_once(nidus, tmp_path):
    """Each command succeeds or says why; what is left is whole."""
    source = Layout(tmp_path / "oci").add(layer(1), layer(2), tag="t")
    loops = [nidus.popen("image", *args, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
             for _ in range(12) for args in (("import", source), ("rm", "oci:t"))]
    for child in loops:
        err = child.communicate(timeout=100)[1]
        assert child.returncode == 0 or "no image 'oci:t'" in err or "in use" in err, err
    got = nidus.json("image", "import", "--json", source)
    plain = nidus.json("image", "import", "--json", source, env={"NIDUS_STORE_DIR": str(tmp_path / "other")})
    assert [snapshot(a) for a in got["layers"]] == [snapshot(b) for b in plain["layers"]]
    nidus("image", "gc", check=True)
    assert not [n for n in store_files(nidus) if "tmp" in n]


def test_an_image_in_use_is_not_removed(nidus, tmp_path):
    """A container holds a shared lock on the record."""
    got = nidus.json("image", "import", "--json", Layout(tmp_path / "oci").add(layer(1), tag="t"))
    record = os.path.join(nidus.store, "store/images", got["id"][7:] + ".json")
    with open(record) as f:
        fcntl.flock(f, fcntl.LOCK_SH)
        done = nidus("image", "rm", "oci:t")
        assert done.returncode == 125 and "in use" in done.stderr
        nidus("image", "gc", check=True)
        assert os.path.isdir(got["layers"][0])
        # again an import: the record that is locked must stay
        shutil.rmtree(os.path.dirname(got["layers"][0]))
        inode = os.stat(record).st_ino
        nidus("image", "import", "oci:%s:t" % (tmp_path / "oci"), check=True)
        assert os.stat(record).st_ino == inode
    nidus("image", "rm", "oci:t", check=True)


def test_damage_is_mended(nidus, tmp_path):
    """A spoilt record, name or missing layer: the next import makes it good."""
    source = Layout(tmp_path / "oci").add(layer(1), tag="t")
    got = nidus.json("image", "import", "--json", source)
    top = os.path.join(nidus.store, "store")
    want = snapshot(got["layers"][0])
    for folder in "images", "names":
        (name,) = os.listdir(os.path.join(top, folder))
        for text in b"", b"{", b"{}", b"\0" * 100:
            with open(os.path.join(top, folder, name), "wb") as f:
                f.write(text)
            nidus("image", "ls", check=True)
            assert nidus.json("image", "import", "--json", source) == got
            assert nidus.json("image", "ls", "--json")[0]["names"] == ["oci:t"]
    shutil.rmtree(os.path.dirname(got["layers"][0]))
    assert nidus.json("image", "import", "--json", source) == got
    assert snapshot(got["layers"][0]) == want


@pytest.mark.parametrize("room", ["64k", "256k", "1m", "3m"])
def test_a_full_disk(nidus, tmp_path, room):
    """The import fails by name, removes what it made, and works once there is room."""
    mount = tmp_path / "small"
    mount.mkdir()
    source = Layout(tmp_path / "oci").add(layer(1, 600), layer(2, 600), tag="t")
    script = """mount -t tmpfs -o size=$4 tmpfs "$1" || exit 99
        export NIDUS_STORE_DIR="$1/s"
        "$2" image import "$3"; echo status $?
        "$2" image ls -q || exit 1
        find "$1" -name '*.tmp'
        mount -o remount,size=64m "$1"
        "$2" image import -q "$3"; echo status $?
        "$2" image gc"""
    done = subprocess.run(["unshare", "-m", "sh", "-c", script, "sh", str(mount), nidus.path, source, room],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
    if done.returncode == 99 or "unshare" in done.stderr:
        pytest.skip("no tmpfs of our own here: " + done.stderr)
    lines = done.stdout.splitlines()
    assert lines[0] == "status 125" and "No space left on device" in done.stderr, done
    assert lines[1].startswith("sha256:") and lines[2:] == ["status 0", "removed 0 layers and 0 leftovers"], done


def test_few_descriptors_and_processes(nidus, tmp_path):
    source = Layout(tmp_path / "oci").add(layer(1), tag="t")
    for limit in range(3, 16):
        done = subprocess.run(["sh", "-c", 'ulimit -n $1; exec "$2" image import "$3"', "sh", str(limit), nidus.path, source],
                              env=nidus.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert done.returncode in (0, 125, 127), done
        if done.returncode == 125:
            assert done.stderr.startswith("nidus: ") and "open files" in done.stderr, done.stderr
    nidus("image", "import", source, check=True)
    nidus("image", "gc", check=True)
    assert not [n for n in store_files(nidus) if "tmp" in n]


def test_a_store_that_cannot_be_written(nidus, tmp_path):
    source = archive(tmp_path / "x.tar", layer(1, 3))
    done = nidus("image", "import", source, env={"NIDUS_STORE_DIR": "/proc/nowhere"})
    assert done.returncode == 125 and "open the image store /proc/nowhere" in done.stderr
    (tmp_path / "file").write_text("")
    done = nidus("image", "ls", env={"NIDUS_STORE_DIR": str(tmp_path / "file")})
    assert done.returncode == 125 and "Not a directory" in done.stderr
