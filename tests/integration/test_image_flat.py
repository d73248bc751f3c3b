"""Images where deleted files cannot be marked (as in some sandboxes): one tree for all layers."""
import os
import platform
import tarfile

import pytest
from images import T, Layout, entry, hardlink, opaque, refuse_call, snapshot, tar, whiteout

MKNODAT = 259


@pytest.fixture
def flat(nidus):
    """A nidus that is refused mknod."""
    if platform.machine() != "x86_64":
        pytest.skip("the filter is for x86_64, this is " + platform.machine())

    def call(source):
        return nidus.json("image", "import", "--json", source, preexec_fn=refuse_call(MKNODAT))
    return call


def test_without_deletions_layers_stay_layers(flat, tmp_path):
    got = flat(Layout(tmp_path / "oci").add(tar(entry("a", b"1")), tar(entry("b", b"2"))))
    assert len(got["layers"]) == 2 and got["notes"] == []


def test_one_tree(flat, tmp_path):
    one = tar(entry("./", mode=0o711), entry("a"), entry("a/x", b"1"), entry("b", mode=0o700, mtime=T - 9), entry("b/x", b"1"),
              entry("c", b"1"), entry("k/l/m", b"1"), entry("home/me", mode=0o700, mtime=T - 5), entry("f", b"first"),
              hardlink("g", "f"), entry("lib", link="usr/lib"), entry("was", b"file"), entry("dir"), entry("dir/x", b"1"))
    two = tar(whiteout("a"), opaque("b"), entry("b/y", b"2"), whiteout("c"), entry("home/me/new", b"2"), entry("f", b"second"),
              entry("lib/so", b"2"), entry("was"), entry("was/now", b"2"), entry("dir", b"a file"), whiteout("k/l"),
              whiteout("nothing/there"), whiteout("c/below/a/file"))
    three = tar(entry("a"), entry("a/new", b"3"), whiteout("a"), whiteout("lib"), entry("y", b"3"), hardlink("z", "y"))
    got = flat(Layout(tmp_path / "oci").add(one, two, three))
    (tree,) = got["layers"]
    assert any("one tree" in note for note in got["notes"])
    have = snapshot(tree)
    assert sorted(have) == sorted([".", "a", "a/new", "b", "b/y", "home", "home/me", "home/me/new", "f", "g", "k", "was",
                                   "was/now", "dir", "nothing", "y", "z", "c", "c/below", "c/below/a"])
    assert have["."]["mode"] == "0o40711" and have["home/me"]["mode"] == "0o40700" and have["home/me"]["mtime"] == (T - 5) * 10**9
    assert open(tree + "/f").read() == "second" and open(tree + "/g").read() == "first"
    assert have["y"]["links"] == ["y", "z"] and os.path.isfile(tree + "/dir")
    assert os.listdir(os.path.dirname(tree)) and not os.path.exists(os.path.dirname(tree) + "/new")


def test_an_opaque_root(flat, tmp_path):
    lower, upper = tar(entry("a/b", b"1"), entry("c", b"1")), [entry(".wh..wh..opq", b""), entry("d", b"2")]
    got = flat(Layout(tmp_path / "oci").add(lower, tar(*upper, whiteout("c"))))
    assert os.listdir(got["layers"][0]) == ["d"]
    # where layers stay layers those below are left out: overlay has no mark for its root
    got = flat(Layout(tmp_path / "other").add(lower, tar(*upper), tar(entry("e", b"3"))))
    assert [os.listdir(tree) for tree in got["layers"]] == [["d"], ["e"]]


def test_it_is_found_again_and_collected(flat, nidus, tmp_path):
    source = Layout(tmp_path / "oci").add(tar(entry("a", b"1"), entry("c", b"1")), tar(whiteout("a")), tag="t")
    got = flat(source)
    assert flat(source) == got
    nidus("image", "gc", check=True)
    assert nidus.json("image", "inspect", "oci:t")[0]["layers"] == got["layers"]
    assert len(nidus.json("image", "import", "--json", source)["layers"]) == 1
    nidus("image", "rm", "oci:t", check=True)
    assert not os.path.exists(got["layers"][0])
    assert len(nidus.json("image", "import", "--json", source)["layers"]) == 2


@pytest.mark.parametrize("bad", [entry("../x", b""), entry("l/x", b""), hardlink("h", "/etc/passwd"), hardlink("h", "old"),
                                 entry("f", kind=tarfile.CHRTYPE, dev=(0, 0))])
def test_hostile_layers(nidus, tmp_path, bad):
    if platform.machine() != "x86_64":
        pytest.skip("the filter is for x86_64, this is " + platform.machine())
    layers = tar(entry("old", b"1")), tar(whiteout("old"), entry("l", link="/etc"), bad)
    done = nidus("image", "import", Layout(tmp_path / "oci").add(*layers), preexec_fn=refuse_call(MKNODAT))
    assert done.returncode == 125 and "layer 2 (sha256:" in done.stderr and repr(bad[0].name) in done.stderr
    nidus("image", "gc", check=True)
    folder = os.path.join(nidus.store, "store/layers")
    assert [n for owner in os.listdir(folder) for n in os.listdir(os.path.join(folder, owner))] == []


def test_a_layer_may_go_through_a_link_of_a_lower_one(flat, tmp_path):
    """As in an overlay, the directory takes the link's place."""
    got = flat(Layout(tmp_path / "oci").add(tar(entry("l", link="/etc"), entry("x", b"")), tar(whiteout("x"), entry("l/f", b"1"))))
    assert os.listdir(got["layers"][0] + "/l") == ["f"] and not os.path.islink(got["layers"][0] + "/l")
