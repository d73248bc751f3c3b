"""Images that want to harm: they are refused with the layer and the entry named, or do no
harm; and nothing outside the store is touched."""
import gzip
import json
import os
import stat
import struct
import subprocess
import tarfile

import pytest
from images import Layout, archive, digest, entry, hardlink, opaque, snapshot, tar, whiteout


@pytest.fixture
def outside(tmp_path):
    """Things next to the store that must stay as they are."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret").write_text("secret")
    (folder / "dir").mkdir()
    before = snapshot(str(folder))
    yield folder
    assert snapshot(str(folder)) == before


def nothing_left(nidus):
    """No image and no layer that a later command would take."""
    assert nidus.json("image", "ls", "--json") == []
    nidus("image", "gc", check=True)
    assert leftovers(nidus) == []


def leftovers(nidus):
    top = os.path.join(nidus.store, "store/layers")
    return [os.path.join(owner, name) for owner in os.listdir(top) for name in os.listdir(os.path.join(top, owner))]


def refused(nidus, tmp_path, layer, *words):
    done = nidus("image", "import", Layout(tmp_path / "oci").add(layer))
    assert done.returncode == 125, done
    for word in words + ("layer 1 (sha256:",):
        assert word in done.stderr, done.stderr
    assert len(done.stderr.splitlines()[0]) < 1000 and "Traceback" not in done.stderr
    nothing_left(nidus)


UP = "../" * 30


@pytest.mark.parametrize("name", ["../escape", "a/../../escape", "..", "a/..", "/../escape", "./../escape", UP + "etc/x"])
@pytest.mark.parametrize("kind", ["file", "dir", "link", "hard", "fifo", "whiteout"])
def test_names_with_dots(nidus, tmp_path, outside, name, kind):
    make = {"file": lambda: entry(name, b"x"), "dir": lambda: entry(name), "link": lambda: entry(name, link="x"),
            "hard": lambda: hardlink(name, "ok"), "fifo": lambda: entry(name, kind=tarfile.FIFOTYPE),
            "whiteout": lambda: entry(name + "/.wh.x", b"")}[kind]
    refused(nidus, tmp_path, tar(entry("ok", b""), make()), "'..'", name)


def test_absolute_names_stay_beneath(nidus, tmp_path, outside):
    secret = str(outside / "secret")
    (tree,) = nidus.json("image", "import", "--json", Layout(tmp_path / "oci").add(
        tar(entry("/etc/absolute", b"1"), entry(secret, b"overwritten"), entry("//x", b"2"))))["layers"]
    assert open(tree + "/etc/absolute").read() == "1" and open(tree + secret).read() == "overwritten"
    assert not os.path.exists("/etc/absolute")


@pytest.mark.parametrize("relative", [False, True])
def test_writing_through_a_link(nidus, tmp_path, outside, relative):
    target = UP + str(outside)[1:] if relative else str(outside)
    refused(nidus, tmp_path, tar(entry("l", link=target), entry("l/secret", b"bad")), "'l' is a symbolic link", "l/secret")
    for bad in (entry("l/new"), entry("l/new", link="x"), entry("l/p", kind=tarfile.FIFOTYPE), whiteout("l/secret"),
                opaque("l"), hardlink("l/hard", "f"), entry("l/dir/deeper", b"x")):
        refused(nidus, tmp_path, tar(entry("f", b""), entry("l", link=target), bad), "symbolic link")


def test_a_link_in_the_middle_of_a_path(nidus, tmp_path, outside):
    refused(nidus, tmp_path, tar(entry("a/b"), entry("a/b/l", link=str(outside)), entry("a/b/l/dir/x", b"bad")),
            "'l' is a symbolic link")


def test_a_link_that_is_written_as_a_file(nidus, tmp_path, outside):
    """The link itself is replaced, what it points at stays."""
    secret = str(outside / "secret")
    (tree,) = nidus.json("image", "import", "--json", Layout(tmp_path / "oci").add(
        tar(entry("l", link=secret), entry("l", b"own"), entry("d", link=str(outside)), entry("d", mode=0o700),
            entry("d/x", b"1"))))["layers"]
    assert open(tree + "/l").read() == "own" and not os.path.islink(tree + "/l")
    assert os.listdir(tree + "/d") == ["x"]


@pytest.mark.parametrize("target", ["/etc/passwd", "../../../../../../etc/passwd", "nope", "", ".", "/", "l/passwd", "d"])
def test_hard_links_out(nidus, tmp_path, outside, target):
    """Also through a link that the layer itself made, to a directory, and to nothing."""
    refused(nidus, tmp_path, tar(entry("l", link="/etc"), entry("d"), hardlink("h", target)), "'h'")


def test_a_hard_link_to_a_link_links_the_link(nidus, tmp_path, outside):
    (tree,) = nidus.json("image", "import", "--json", Layout(tmp_path / "oci").add(
        tar(entry("l", link=str(outside / "secret")), hardlink("h", "l"), entry("h", b"own"))))["layers"]
    assert open(tree + "/h").read() == "own" and os.path.islink(tree + "/l")


def test_a_hard_link_written_again_leaves_the_other_name(nidus, tmp_path):
    (tree,) = nidus.json("image", "import", "--json", Layout(tmp_path / "oci").add(
        tar(entry("a", b"first"), hardlink("b", "a"), entry("b", b"second"))))["layers"]
    assert open(tree + "/a").read() == "first"


@pytest.mark.parametrize("layer,words", [
    (tar(entry("./", b"file")), ["the root"]),
    (tar(entry(".", link="/etc")), ["the root"]),
    (tar(entry(".wh.", b"")), ["deletes nothing"]),
    (tar(entry("a/.wh...", b"")), ["deletes nothing"]),
    (tar(entry(".wh..", b"")), ["deletes nothing"]),
    (tar(entry(".wh.d/f", b"")), ["deleted directory"]),
    (tar(entry("a/x.wh.y/.wh.d/f", b"")), ["deleted directory"]),
    (tar(entry("c", kind=tarfile.CHRTYPE, dev=(0, 0))), ["0:0"]),
    (tar(entry("f", b""), entry("f/g", b"")), ["not a directory"]),
    (tar(entry("l", link="")), ["no target"]),
    (tar(entry("x" * 256, b"")), ["longer than 255"]),
    (tar(entry("/".join(["d"] * 2100), b"")), ["longer than 4095"]),
    (tar(whiteout("f"), hardlink("h", "f")), ["not in this layer"]),
    (tar(entry("n", b"", pax={"path": "a\0b"})), ["NUL"]),
    (tar(entry("n", b"", pax={"size": "99999999999999999999"})), ["size"]),
    (tar(entry("n", b"", pax={"uid": "-1"})), ["uid"]),
    (tar(entry("n", b"", pax={"uid": "4294967295"})), ["uid"]),
    (tar(entry("n", b"", pax={"mtime": "yesterday"})), ["mtime"]),
    (tar(entry("n", b"", kind=b"M")), ["type 'M'"]),
    (tar(entry("n", b"", kind=b"\x01")), ["type 0x01"]),
], ids=lambda v: v[0].replace(" ", "-") if isinstance(v, list) else "")
def test_malformed_entries(nidus, tmp_path, layer, words):
    refused(nidus, tmp_path, layer, *words)


def test_set_id_files_and_devices_are_out_of_reach(nidus, tmp_path):
    (tree,) = nidus.json("image", "import", "--json", Layout(tmp_path / "oci").add(
        tar(entry("./", mode=0o777), entry("su", b"x", mode=0o6755), entry("kmem", kind=tarfile.CHRTYPE, dev=(1, 2), mode=0o666))
    ))["layers"]
    assert os.stat(tree + "/su").st_mode & 0o6000 == 0o6000
    assert stat.S_IMODE(os.stat(os.path.join(nidus.store, "store")).st_mode) == 0o700
    if os.geteuid() == 0:
        done = subprocess.run(["setpriv", "--reuid", "65534", "--clear-groups", "ls", tree], stderr=subprocess.PIPE, text=True)
        assert done.returncode and "ermission denied" in done.stderr


def test_a_file_of_holes(nidus, tmp_path):
    """An exabyte that takes a kilobyte of archive."""
    pax = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "huge",
           "GNU.sparse.realsize": str(1 << 60)}
    refused(nidus, tmp_path, tar(entry("x", b"0\n".ljust(512, b"\0"), pax=pax)), "1 TiB", "huge")
    pax["GNU.sparse.realsize"] = str(1 << 63)
    refused(nidus, tmp_path, tar(entry("x", b"0\n".ljust(512, b"\0"), pax=pax)), "too large")


@pytest.mark.parametrize("text", ids=lambda v: "", argvalues=[
    b"1\n0\n", b"1\n0\n99999\n", b"2\n0\n1\n0\n1\n", b"1\n5000\n1\n", b"99999999999\n", b"x\n", b"1\n-1\n1\n",
    b"1" * 600, b"", b"1\n18446744073709551615\n2\n"])
def test_wrong_sparse_maps(nidus, tmp_path, text):
    pax = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "1000"}
    refused(nidus, tmp_path, tar(entry("x", text.ljust(512, b"\0") + b"d" * 7, pax=pax)), "sparse map")


def test_wrong_sparse_maps_of_other_formats(nidus, tmp_path):
    for pax in ({"GNU.sparse.map": "0,10,5"}, {"GNU.sparse.map": "0,10", "GNU.sparse.size": "5"},
                {"GNU.sparse.map": "0,5,3,5", "GNU.sparse.size": "100"}, {"GNU.sparse.map": "0,9", "GNU.sparse.size": "100"},
                {"GNU.sparse.numbytes": "10"}, {"GNU.sparse.major": "2"}, {"GNU.sparse.offset": "x"}):
        refused(nidus, tmp_path, tar(entry("x", b"d" * 10, pax=pax)), "sparse")


def test_bad_pax_records(nidus, tmp_path):
    for text in (b"9999 path=x\n", b"0 path=x\n", b"x", b"10 path=xx ", b"-5 a=b\n", b"5 =b\n", b"7 path\n",
                 b"99999999999999999999999999 a=b\n"):
        layer = tar(entry("h", text, kind=tarfile.XHDTYPE), entry("f", b""))
        refused(nidus, tmp_path, layer, "pax header")


def test_an_oversized_pax_header(nidus, tmp_path):
    refused(nidus, tmp_path, tar(entry("h", b"x" * (2 << 20), kind=tarfile.XHDTYPE), entry("f", b"")), "extended header")


def edit(data, at, byte):
    return data[:at] + bytes([byte]) + data[at + 1:]


def test_a_flipped_bit_in_a_header(nidus, tmp_path):
    good = tar(entry("a", b"1"), entry("b", b"2"))
    refused(nidus, tmp_path, edit(good, 1024 + 3, 0x41), "byte 1024", "checksum")


def test_cut_off_layers(nidus, tmp_path):
    good = tar(entry("a", b"x" * 3000))
    for n in (100, 513, 2000):
        refused(nidus, tmp_path, good[:n], "ends")
    refused(nidus, tmp_path, tar(entry("h", b"11 path=xx\n", kind=tarfile.XHDTYPE), end=False), "extended header")


def test_data_behind_the_end(nidus, tmp_path):
    refused(nidus, tmp_path, tar(entry("a", b"x")) + b"\0" * 9000 + b"hidden", "behind the end")
    refused(nidus, tmp_path, tar(entry("a", b"x")) + tar(entry("b", b"x")), "behind the end")


def spoil(lay, change):
    """Applies `change` to the only layer's blob without telling the manifest."""
    manifest = json.load(open(lay.path + "/blobs/sha256/" + lay.manifests[0]["digest"][7:]))
    path = lay.path + "/blobs/sha256/" + manifest["layers"][0]["digest"][7:]
    data = open(path, "rb").read()
    os.unlink(path)
    new = change(data)
    if new is not None:
        open(path, "wb").write(new)


@pytest.mark.parametrize("how", [None, "gzip"])
@pytest.mark.parametrize("name,change,word", [
    ("content", lambda d: edit(d, len(d) // 2, d[len(d) // 2] ^ 1), ""),
    ("shorter", lambda d: d[:-20], "bytes where its descriptor says"),
    ("longer", lambda d: d + b"\0", "bytes where its descriptor says"),
    ("missing", lambda d: None, "No such file"),
])
def test_blobs_with_a_wrong_digest(nidus, tmp_path, how, name, change, word):
    lay = Layout(tmp_path / "oci")
    source = lay.add(tar(entry("a", os.urandom(5000))), how=how)
    spoil(lay, change)
    done = nidus("image", "import", source)
    assert done.returncode == 125 and "layer 1 (sha256:" in done.stderr and word in done.stderr, done.stderr
    nothing_left(nidus)


def test_a_wrong_diff_id(nidus, tmp_path):
    lay = Layout(tmp_path / "oci")
    done = nidus("image", "import", lay.add(tar(entry("a")), config={"rootfs": {"diff_ids": [digest(b"other")]}}))
    assert done.returncode == 125 and "diff id" in done.stderr and digest(b"other") in done.stderr
    nothing_left(nidus)


def test_wrong_compressed_data(nidus, tmp_path):
    good = gzip.compress(tar(entry("a", b"x" * 9000)), mtime=0)
    for bad in (good[:-6], good + b"trailing", good[:30] + b"\xff" * 30 + good[60:], b"BZh91AY", b"\xfd7zXZ\0\0",
                b"\x28\xb5\x2f\xfd\xff\xff\xff\xff"):
        refused(nidus, tmp_path, bad)


def test_a_bomb_fills_no_more_than_its_file_system(nidus, tmp_path):
    """Gigabytes of zeros in a few kilobytes, on a small disk: refused, and the disk is free again."""
    mount = tmp_path / "small"
    mount.mkdir()
    size = 1 << 30
    info, _ = entry("zeros")
    info.type, info.size = tarfile.REGTYPE, size
    packed = gzip.compress(info.tobuf() + b"\0" * (64 << 20), 1)
    lay = Layout(tmp_path / "oci")
    source = lay.add(packed)
    script = """mount -t tmpfs -o size=8m tmpfs "$1" || exit 99
        NIDUS_STORE_DIR="$1/s" "$2" image import "$3"; echo status $?
        find "$1/s/store/layers" -name '*.tmp'; NIDUS_STORE_DIR="$1/s" "$2" image ls -q"""
    done = subprocess.run(["unshare", "-m", "sh", "-c", script, "sh", str(mount), nidus.path, source],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode == 99 or "unshare" in done.stderr:
        pytest.skip("no tmpfs of our own here: " + done.stderr)
    assert done.stdout == "status 125\n" and "No space left on device" in done.stderr and "zeros" in done.stderr


@pytest.mark.parametrize("what,text", ids=lambda v: v if isinstance(v, str) else "", argvalues=[
    ("index.json", b"{"), ("index.json", b"[]"), ("index.json", b'{"schemaVersion": 2}'), ("index.json", b""),
    ("index.json", b'{"schemaVersion": 1, "manifests": []}'), ("index.json", b'{"schemaVersion": 2, "manifests": []}'),
    ("index.json", b'{"schemaVersion": 2, "manifests": [{"digest": "sha256:../../../etc/passwd", "size": 1}]}'),
    ("index.json", b'{"schemaVersion": 2, "manifests": [{"digest": "md5:00", "size": 1}]}'),
    ("index.json", b'{"schemaVersion": 2, "manifests": [{"digest": "sha256:' + b"a" * 64 + b'", "size": 1}]}'),
    ("index.json", b'{"schemaVersion": 2, "manifests": [7]}'),
    ("index.json", b'{"schemaVersion": 2, "manifests": ' + b"[" * 100000),
    ("oci-layout", b"{}"), ("oci-layout", b'{"imageLayoutVersion": "9"}'),
])
def test_malformed_layouts(nidus, tmp_path, what, text):
    lay = Layout(tmp_path / "oci")
    lay.add(tar())
    lay.write(what, text)
    done = nidus("image", "import", "oci:" + lay.path)
    assert done.returncode == 125 and not done.stdout and len(done.stderr) < 2000
    assert len(done.stderr.splitlines()) <= 4


@pytest.mark.parametrize("change,word", [
    ({"config": None}, "config"), ({"layers": None}, "layers"), ({"layers": []}, "0 layers"),
    ({"schemaVersion": 1}, "schema 1"), ({"layers": [{"digest": "sha256:zz", "size": 1}]}, "64"),
    ({"layers": [{"digest": "sha512:" + "0" * 128, "size": 1}]}, "sha512"),
    ({"config": {"mediaType": "application/vnd.unknown.config.v1+json", "digest": "sha256:" + "0" * 64, "size": 2}}, "not a container image"),
    ({"layers": [{"digest": "sha256:" + "0" * 64, "size": -1}]}, "negative"),
    ({"layers": [{"digest": "sha256:" + "0" * 64, "size": 1}] * 600}, "at most 500"),
])
def test_malformed_manifests(nidus, tmp_path, change, word):
    lay = Layout(tmp_path / "oci")
    lay.add(tar(entry("a")))
    manifest = json.load(open(lay.path + "/blobs/sha256/" + lay.manifests[0]["digest"][7:]))
    manifest.update(change)
    lay.manifests = [lay.json({k: v for k, v in manifest.items() if v is not None},
                              "application/vnd.oci.image.manifest.v1+json")]
    lay.write_index()
    done = nidus("image", "import", "oci:" + lay.path)
    assert done.returncode == 125 and word in done.stderr, done.stderr


def test_an_index_within_itself_without_end(nidus, tmp_path):
    lay = Layout(tmp_path / "oci")
    kind = "application/vnd.oci.image.index.v1+json"
    inner = lay.manifest([tar()])
    for _ in range(20):
        inner = lay.json({"schemaVersion": 2, "manifests": [inner]}, kind)
    lay.manifests = [inner]
    lay.write_index()
    done = nidus("image", "import", "oci:" + lay.path)
    assert done.returncode == 125 and "nested" in done.stderr


def test_layout_files_that_are_no_files(nidus, tmp_path):
    """A FIFO or a device where a blob should be does not hold the import."""
    lay = Layout(tmp_path / "oci")
    source = lay.add(tar(entry("a")))
    for name in ("index.json", "oci-layout", "blobs/sha256/" + lay.manifests[0]["digest"][7:]):
        path = os.path.join(lay.path, name)
        data = open(path, "rb").read()
        os.unlink(path)
        os.mkfifo(path)
        done = nidus("image", "import", source, timeout=20)
        assert done.returncode == 125 and "not a regular file" in done.stderr
        os.unlink(path)
        os.symlink("/dev/zero", path)
        done = nidus("image", "import", source, timeout=20)
        assert done.returncode == 125 and "not a regular file" in done.stderr
        os.unlink(path)
        lay.write(name, data)


@pytest.mark.parametrize("entries,word", [
    ([], "no file 'manifest.json'"), ([entry("manifest.json", b"{}")], "must be an array"),
    ([entry("manifest.json", b"[]")], "no image"), ([entry("manifest.json", b"[{}]")], "Config"),
    ([entry("manifest.json", b'[{"Config": "../../etc/passwd", "Layers": []}]')], "'..'"),
    ([entry("manifest.json", b'[{"Config": "nope", "Layers": []}]')], "no file 'nope'"),
    ([entry("manifest.json", link="manifest.json")], "circle"),
    ([entry("manifest.json", link="/etc/passwd")], "no file"),
    ([entry("../x", b""), entry("manifest.json", b"[]")], "'..'"),
])
def test_malformed_archives(nidus, tmp_path, entries, word):
    (tmp_path / "x.tar").write_bytes(tar(*entries))
    done = nidus("image", "import", "docker-archive:%s" % (tmp_path / "x.tar"))
    assert done.returncode == 125 and word in done.stderr, done.stderr


def test_an_archive_whose_layer_is_wrong(nidus, tmp_path):
    source = archive(tmp_path / "x.tar", tar(entry("a", b"right")))
    data = (tmp_path / "x.tar").read_bytes()
    (tmp_path / "x.tar").write_bytes(data.replace(b"right", b"wrong"))
    done = nidus("image", "import", source)
    assert done.returncode == 125 and "diff id" in done.stderr
    nothing_left(nidus)


def test_very_deep_trees_come_and_go(nidus, tmp_path):
    """Deeper than there are descriptors; made, and removed by gc."""
    deep = "/".join(["d"] * 2000)
    source = Layout(tmp_path / "oci").add(tar(entry(deep), entry(deep + "/f", b"x"), entry("g", b"y")), tag="deep")
    (tree,) = nidus.json("image", "import", "--json", source)["layers"]
    assert os.path.exists(tree + "/" + "d/" * 300) and os.path.exists(tree + "/g")
    nidus("image", "rm", "oci:deep", check=True)
    assert leftovers(nidus) == []


def test_many_layers(nidus, tmp_path):
    source = Layout(tmp_path / "oci").add(*[tar(entry("f%d" % i, b"x")) for i in range(120)])
    assert len(nidus.json("image", "import", "--json", source)["layers"]) == 120
