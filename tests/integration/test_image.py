"""`nidus image`: what an import makes of an image."""
import ctypes
import json
import os
import shutil
import stat
import subprocess
import tarfile

import pytest
from images import T, Layout, archive, digest, entry, hardlink, opaque, snapshot, tar, whiteout

ROOT = os.geteuid() == 0


def need_root():
    if not ROOT:
        pytest.skip("owners and devices can be kept by root only; uid is %d" % os.geteuid())


def need_program(name):
    if not shutil.which(name):
        pytest.skip("%s is not installed" % name)


def layers(nidus, source, **kw):
    return nidus.json("image", "import", "--json", source, **kw)["layers"]


def is_whiteout(path):
    st = os.lstat(path)
    return stat.S_ISCHR(st.st_mode) and st.st_rdev == 0


def is_opaque(path):
    return any(os.getxattr(path, k + ".overlay.opaque") == b"y" for k in ("user", "trusted")
               if k + ".overlay.opaque" in os.listxattr(path))


RICH = [
    entry("./", mode=0o755),
    entry("./etc", mode=0o750, uid=1, gid=2),
    entry("./etc/motd", b"hello\n", mode=0o640, uid=3, gid=4, mtime=1234567890.123456789),
    entry("./etc/empty", b""),
    entry("./bin", link="usr/bin"),
    entry("./usr/bin/tool", b"x" * 70000, mode=0o4755),
    hardlink("./usr/bin/alias", "usr/bin/tool"),
    hardlink("./usr/bin/alias2", "./usr/bin/alias"),
    entry("./run/pipe", kind=tarfile.FIFOTYPE, mode=0o622),
    entry("./tmp", mode=0o1777),
    entry("./dark", mode=0),
    entry("./dark/file", b"in the dark"),
    entry("./" + "n" * 200 + "/" + "m" * 200, b"long"),
    entry("./old", b"before 1970", pax={"mtime": "-1.5"}),
    entry("./umlaut-\u00e4", b"\xff"),
    entry("./link", link="/etc/passwd", uid=7, gid=8),
]
DEVICES = [
    entry("./dev/null", kind=tarfile.CHRTYPE, dev=(1, 3), mode=0o666),
    entry("./dev/sda", kind=tarfile.BLKTYPE, dev=(8, 0), mode=0o660, gid=6),
]


def test_an_image_is_stored_as_it_is(nidus, tmp_path):
    need_root()
    (tree,) = layers(nidus, Layout(tmp_path / "oci").add(tar(*RICH, *DEVICES)))
    got = snapshot(tree)
    assert got["etc/motd"]["mode"] == "0o100640" and (got["etc/motd"]["uid"], got["etc/motd"]["gid"]) == (3, 4)
    assert got["etc"]["mode"] == "0o40750" and got["etc"]["mtime"] == T * 10**9
    assert got["usr/bin/tool"]["mode"] == "0o104755"
    assert got["usr/bin/tool"]["links"] == ["usr/bin/alias", "usr/bin/alias2", "usr/bin/tool"]
    assert got["bin"]["target"] == "usr/bin" and got["link"]["uid"] == 7 and got["link"]["mtime"] == T * 10**9
    assert got["run/pipe"]["mode"] == "0o10622"
    assert got["tmp"]["mode"] == "0o41777" and got["dark"]["mode"] == "0o40000"
    assert got["old"]["mtime"] == -1500000000
    assert got["dev/null"]["dev"] == (1, 3) and got["dev/sda"]["dev"] == (8, 0)
    assert "n" * 200 + "/" + "m" * 200 in got and "umlaut-\u00e4" in got


@pytest.mark.parametrize("how", [None, "gzip", "zstd"])
@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_sources_and_formats_agree(nidus, tmp_path, how, form):
    """Layout and archive, plain and compressed, pax and GNU: one tree."""
    if how == "zstd":
        need_program("zstd")
    plain = [e for e in RICH if "before 1970" not in str(e[1])]
    if form == tarfile.GNU_FORMAT:  # keeps whole seconds only
        plain = [e for e in plain if e[0].mtime == int(e[0].mtime)]
    two = [tar(*plain, form=form), tar(entry("etc/motd", b"new"), whiteout("tmp"), form=form)]
    first = layers(nidus, Layout(tmp_path / "oci").add(*two, how=how))
    env = {"NIDUS_STORE_DIR": str(tmp_path / "other")}
    second = layers(nidus, archive(tmp_path / "x.tar", *two, how=how), env=env)
    assert len(first) == len(second) == 2
    for a, b in zip(first, second):
        assert snapshot(a) == snapshot(b)
    reference = layers(nidus, Layout(tmp_path / "ref").add(tar(*plain)),
                       env={"NIDUS_STORE_DIR": str(tmp_path / "third")})
    assert snapshot(reference[0]) == snapshot(first[0])


def test_import_again_changes_nothing(nidus, tmp_path):
    source = Layout(tmp_path / "oci").add(tar(*RICH))
    first = layers(nidus, source)
    before = snapshot(os.path.join(nidus.store, "store"))
    assert layers(nidus, source) == first
    assert snapshot(os.path.join(nidus.store, "store")) == before


def test_whiteouts_over_several_layers(nidus, tmp_path):
    one = tar(entry("a"), entry("a/x", b"1"), entry("b"), entry("b/x", b"1"), entry("c", b"1"), entry("d/e/f", b"1"))
    two = tar(whiteout("a"), entry("b"), opaque("b"), entry("b/y", b"2"), whiteout("c"), whiteout("d/e/f"))
    # deleted and made again in the same layer, in either order
    three = tar(entry("a"), entry("a/new", b"3"), whiteout("a"), whiteout("c"), entry("c"), entry("c/z", b"3"),
                whiteout("d"), entry("d", b"file"))
    trees = layers(nidus, Layout(tmp_path / "oci").add(one, two, three))
    assert is_whiteout(trees[1] + "/a") and is_whiteout(trees[1] + "/c") and is_whiteout(trees[1] + "/d/e/f")
    assert is_opaque(trees[1] + "/b") and os.listdir(trees[1] + "/b") == ["y"]
    assert is_opaque(trees[2] + "/a") and os.listdir(trees[2] + "/a") == ["new"]
    assert is_opaque(trees[2] + "/c") and os.listdir(trees[2] + "/c") == ["z"]
    assert open(trees[2] + "/d").read() == "file"


def test_layers_make_the_right_overlay(nidus, tmp_path):
    need_root()
    one = tar(entry("a"), entry("a/x", b"1"), entry("b"), entry("b/x", b"1"), entry("c", b"1"), entry("k", b"1"))
    two = tar(whiteout("a"), opaque("b"), entry("b/y", b"2"), whiteout("c"), entry("k"), entry("k/l", b"2"))
    trees = layers(nidus, Layout(tmp_path / "oci").add(one, two))
    merged = tmp_path / "merged"
    merged.mkdir()
    script = 'mount -t overlay -o ro,lowerdir="$1" overlay "$2" && cd "$2" && find . | sort'
    done = subprocess.run(["unshare", "-m", "sh", "-c", script, "sh", ":".join(reversed(trees)), str(merged)],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        pytest.skip("no overlay mount here: " + done.stderr)
    assert done.stdout.split() == [".", "./b", "./b/y", "./k", "./k/l"]


def test_a_layer_that_occurs_twice_mounts(nidus, tmp_path):
    need_root()
    one, two = tar(entry("f", b"1"), entry("d"), entry("d/x", b"1")), tar(whiteout("f"), opaque("d"), entry("d/y", b"2"))
    trees = layers(nidus, Layout(tmp_path / "oci").add(one, two, one, tar(entry("g", b"3"))))
    assert len(trees) == len(set(trees)) == 3
    (tmp_path / "merged").mkdir()
    script = 'mount -t overlay -o ro,lowerdir="$1" overlay "$2" && cd "$2" && find . | sort'
    done = subprocess.run(["unshare", "-m", "sh", "-c", script, "sh", ":".join(reversed(trees)), str(tmp_path / "merged")],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        pytest.skip("no overlay mount here: " + done.stderr)
    assert done.stdout.split() == [".", "./d", "./d/x", "./d/y", "./f", "./g"]


def test_parents_that_a_layer_leaves_out(nidus, tmp_path):
    """They are as in the layers below, not root's and 0755; hidden ones are not."""
    need_root()
    base = tar(entry("home/me", mode=0o700, uid=1000, gid=1000, mtime=T - 5, xattrs={"user.k": "v"}),
               entry("home/me/sub", mode=0o711, uid=1001), entry("gone", mode=0o700, uid=5), entry("odd", mode=0o700, uid=6),
               entry("opq/in", mode=0o700, uid=7), entry("re", mode=0o700, uid=8))
    upper = tar(entry("home/me/sub/f", b"1"), whiteout("gone"), entry("gone/x", b"2"), entry("new/x", b"3"),
                entry("opq/.wh..wh..opq", b""), entry("opq/in/x", b"4"))
    third = tar(entry("home/me/sub/g", b"5"), entry("odd", b"a file"), whiteout("re"))
    fourth = tar(entry("odd/x", b"6"), entry("re/x", b"7"), entry("home/me/sub/h", b"8"))
    trees = layers(nidus, Layout(tmp_path / "oci").add(base, upper, third, fourth))
    for tree in trees[1:]:
        got = snapshot(tree)
        assert (got["home/me"]["mode"], got["home/me"]["uid"], got["home/me"]["mtime"]) == ("0o40700", 1000, (T - 5) * 10**9)
        assert "user.k" in got["home/me"]["xattrs"]
        assert (got["home/me/sub"]["mode"], got["home/me/sub"]["uid"]) == ("0o40711", 1001)
    second, last = snapshot(trees[1]), snapshot(trees[3])
    for item in second["gone"], second["new"], second["opq/in"], last["odd"], last["re"]:
        assert (item["mode"], item["uid"]) == ("0o40755", 0)
    # over another base the same layer is another one; as a base it stands for itself
    other = layers(nidus, Layout(tmp_path / "other").add(tar(entry("home/me", mode=0o750, uid=7)), upper))
    assert snapshot(other[1])["home/me"]["uid"] == 7 and snapshot(trees[1])["home/me"]["uid"] == 1000
    alone = layers(nidus, Layout(tmp_path / "alone").add(upper))
    assert snapshot(alone[0])["home/me"]["uid"] == 0
    assert layers(nidus, "oci:%s" % (tmp_path / "oci")) == trees
    nidus("image", "gc", check=True)
    assert layers(nidus, "oci:%s" % (tmp_path / "oci")) == trees
    for name in "oci", "other", "alone":
        nidus("image", "rm", name + ":latest", check=True)
    folder = os.path.join(nidus.store, "store/layers/native")
    assert os.listdir(folder) == []


def test_xattrs(nidus, tmp_path):
    cap = "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
    layer = tar(entry("f", b"x", xattrs={"user.note": "hello", "user.overlay.redirect": "/etc", "security.selinux": "x",
                                         "trusted.overlay.metacopy": ""}),
                entry("d", xattrs={"user.dir": "on a directory"}),
                entry("p", b"x", uid=0, mode=0o755, xattrs={"security.capability": cap}))
    got = nidus.json("image", "import", "--json", Layout(tmp_path / "oci").add(layer))
    tree = got["layers"][0]
    try:
        os.setxattr(tree + "/f", "user.nidus-test", b"x")
        os.removexattr(tree + "/f", "user.nidus-test")
    except OSError as e:
        pytest.skip("no user attributes on this file system: %s" % e)
    assert os.listxattr(tree + "/f") == ["user.note"] and os.getxattr(tree + "/f", "user.note") == b"hello"
    assert os.getxattr(tree + "/d", "user.dir") == b"on a directory"
    if ROOT:
        assert os.getxattr(tree + "/p", "security.capability") == cap.encode("latin1")
        assert got["notes"] == ["3 extended attributes of the image were left out"]


def sparse(tmp_path, version):
    """A tar of a sparse file, by GNU tar."""
    path = tmp_path / "hole"
    with open(str(path), "wb") as f:
        f.write(b"start")
        for i in range(1, 40):
            f.seek(i * 65536)
            f.write(b"part %d" % i)
        f.truncate(4 << 20)
    form = ["--format=gnu"] if version == "old" else ["--format=pax", "--sparse-version=" + version]
    return subprocess.run(["tar", "-S", "-c", *form, "-C", str(tmp_path), "hole"], stdout=subprocess.PIPE,
                          check=True).stdout, path.read_bytes()


@pytest.mark.parametrize("version", ["old", "0.0", "0.1", "1.0"])
def test_sparse_files(nidus, tmp_path, version):
    layer, data = sparse(tmp_path, version)
    (tree,) = layers(nidus, Layout(tmp_path / "oci").add(layer))
    assert os.listdir(tree) == ["hole"]
    with open(tree + "/hole", "rb") as f:
        assert f.read() == data
    st = os.stat(tree + "/hole")
    assert st.st_size == 4 << 20 and st.st_blocks * 512 < 2 << 20


def test_big_numbers_and_long_names_of_gnu_tar(nidus, tmp_path):
    need_root()
    name = "/".join(["x" * 90] * 8)
    layer = tar(entry(name, b"deep", uid=3000000, gid=4000000), entry("l", link="y" * 300), form=tarfile.GNU_FORMAT)
    (tree,) = layers(nidus, Layout(tmp_path / "oci").add(layer))
    st = os.stat(os.path.join(tree, name))
    assert (st.st_uid, st.st_gid) == (3000000, 4000000)
    assert os.readlink(tree + "/l") == "y" * 300


def test_the_last_of_equal_entries_counts(nidus, tmp_path):
    layer = tar(entry("f", b"first"), hardlink("g", "f"), entry("f", b"second"),
                entry("d"), entry("d/x", b"1"), entry("d", mode=0o700),
                entry("t"), entry("t/u/v", b"gone"), entry("t", b"now a file"),
                entry("s", link="/etc"), entry("s"), entry("s/ok", b"not in /etc"),
                entry("h", b"x"), hardlink("h", "h"))
    (tree,) = layers(nidus, Layout(tmp_path / "oci").add(layer))
    got = snapshot(tree)
    assert open(tree + "/f").read() == "second" and open(tree + "/g").read() == "first"
    assert got["d"]["mode"] == "0o40700" and "d/x" in got
    assert open(tree + "/t").read() == "now a file" and got["s"]["mode"].startswith("0o40") and "s/ok" in got
    assert got["h"]["links"] == ["h"]


def test_config(nidus, tmp_path):
    config = {"created": "2024-01-01T00:00:00Z", "config": {
        "Env": ["PATH=/bin", "A=b=c"], "Entrypoint": ["/e"], "Cmd": ["c", "d"], "User": "1:2", "WorkingDir": "/w",
        "StopSignal": "SIGINT", "ExposedPorts": {"80/tcp": {}, "53/udp": {}}, "Volumes": {"/data": {}},
        "Labels": {"k": "v=w", "e": ""},
        "Healthcheck": {"Test": ["CMD-SHELL", "true"], "Interval": 30000000000, "Timeout": 1500000, "Retries": 3}}}
    nidus("image", "import", Layout(tmp_path / "oci").add(tar(entry("a")), config=config, tag="t"), check=True)
    (got,) = nidus.json("image", "inspect", "oci:t")
    assert got["env"] == ["PATH=/bin", "A=b=c"] and got["entrypoint"] == ["/e"] and got["cmd"] == ["c", "d"]
    assert got["user"] == "1:2" and got["workdir"] == "/w" and got["stop_signal"] == "SIGINT"
    assert got["ports"] == ["80/tcp", "53/udp"] and got["volumes"] == ["/data"]
    assert got["labels"] == {"k": "v=w", "e": ""}
    assert got["healthcheck"] == {"test": ["CMD-SHELL", "true"], "interval_ms": 30000, "timeout_ms": 2,
                                  "start_period_ms": 0, "retries": 3}


def test_old_string_commands_run_in_a_shell(nidus, tmp_path):
    config = {"config": {"Entrypoint": "run me", "Cmd": None, "Env": None}}
    nidus("image", "import", Layout(tmp_path / "oci").add(tar(), config=config, tag="t"), check=True)
    (got,) = nidus.json("image", "inspect", "oci:t")
    assert got["entrypoint"] == ["/bin/sh", "-c", "run me"] and got["cmd"] == [] and got["env"] == []


def test_tags_and_platforms(nidus, tmp_path):
    lay = Layout(tmp_path / "lay")
    lay.add(tar(entry("one")), tag="v1")
    lay.add(tar(entry("two")), tag="docker.io/library/thing:v2")
    where = "oci:" + lay.path
    assert os.listdir(layers(nidus, where + ":v1")[0]) == ["one"]
    assert os.listdir(layers(nidus, where + ":v2")[0]) == ["two"]
    assert os.listdir(layers(nidus, where + ":docker.io/library/thing:v2")[0]) == ["two"]
    done = nidus("image", "import", where)
    assert done.returncode == 125 and "several images" in done.stderr and "v1, docker.io/library/thing:v2" in done.stderr
    done = nidus("image", "import", where + ":v3")
    assert "no image with the tag 'v3'" in done.stderr and "v1" in done.stderr


@pytest.mark.parametrize("docker", [False, True])
def test_nested_index_by_platform(nidus, tmp_path, docker):
    lay = Layout(tmp_path / "lay")
    platforms = [({"os": "linux", "architecture": "s390x"}, "ibm"), ({"os": "windows", "architecture": "amd64"}, "win"),
                 ({"os": "linux", "architecture": "amd64", "variant": "v3"}, "new"),
                 ({"os": "linux", "architecture": "amd64"}, "right")]
    inner = [{**lay.manifest([tar(entry(name))], docker=docker), "platform": p} for p, name in platforms]
    inner.append({**lay.blob(b"{}"), "mediaType": "application/vnd.in-toto+json",
                  "platform": {"os": "unknown", "architecture": "unknown"}})
    kind = "application/vnd.docker.distribution.manifest.list.v2+json" if docker else "application/vnd.oci.image.index.v1+json"
    lay.manifests = [{**lay.json({"schemaVersion": 2, "manifests": inner}, kind),
                      "annotations": {"org.opencontainers.image.ref.name": "multi"}}]
    lay.write_index()
    assert os.listdir(layers(nidus, "oci:%s" % lay.path)[0]) == ["right"]


def test_a_foreign_architecture_is_named(nidus, tmp_path):
    done = nidus("image", "import", Layout(tmp_path / "lay").add(tar(), config={"architecture": "s390x"}))
    assert done.returncode == 125 and "linux/s390x" in done.stderr and "linux/amd64" in done.stderr


def test_docker_archive_tags(nidus, tmp_path):
    source = archive(tmp_path / "x.tar", tar(entry("f", b"1")), tags=["docker.io/library/app:1", "app2:latest"])
    for ref in "", ":app:1", ":app2", ":docker.io/library/app:1", ":@0":
        assert os.listdir(layers(nidus, source + ref)[0]) == ["f"]
    done = nidus("image", "import", source + ":nope")
    assert "no image 'nope'" in done.stderr and "app2:latest" in done.stderr
    assert sorted(nidus.json("image", "ls", "--json")[0]["names"]) == ["app2:latest", "docker.io/library/app:1"]


def test_docker_archive_of_old_docker(nidus, tmp_path):
    """Layers in directories, one that occurs twice as a link; only its upper place counts."""
    layer, other = tar(entry("f", b"1")), tar(entry("g", b"2"))
    config = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {
        "diff_ids": [digest(layer), digest(other), digest(layer)]}}).encode()
    manifest = json.dumps([{"Config": "c.json", "RepoTags": None,
                            "Layers": ["a/layer.tar", "b/layer.tar", "c/layer.tar"]}]).encode()
    (tmp_path / "old.tar").write_bytes(tar(
        entry("a"), entry("a/VERSION", b"1.0"), entry("a/layer.tar", layer), entry("b/layer.tar", other),
        entry("c/layer.tar", link="../a/layer.tar"), entry("c.json", config), entry("manifest.json", manifest)))
    got = layers(nidus, "docker-archive:%s" % (tmp_path / "old.tar"))
    assert [os.listdir(tree) for tree in got] == [["g"], ["f"]]


@pytest.mark.parametrize("how", ["gzip", "zstd"])
def test_a_compressed_docker_archive(nidus, tmp_path, how):
    need_program(how)
    source = archive(tmp_path / "x.tar", tar(*RICH))
    plain = layers(nidus, source)
    subprocess.run([how, "-q", str(tmp_path / "x.tar")], check=True)
    packed = tmp_path / ("x.tar.gz" if how == "gzip" else "x.tar.zst")
    got = layers(nidus, "docker-archive:%s" % packed, env={"NIDUS_STORE_DIR": str(tmp_path / "other")})
    assert snapshot(got[0]) == snapshot(plain[0])


def test_gzip_of_several_members(nidus, tmp_path):
    layer = tar(*RICH)
    import gzip
    parts = b"".join(gzip.compress(layer[i:i + 700], mtime=0) for i in range(0, len(layer), 700)) + gzip.compress(b"")
    lay = Layout(tmp_path / "lay")
    lay.add(layer)
    old = digest(layer)
    manifest = json.loads(open(lay.path + "/blobs/sha256/" + lay.manifests[0]["digest"][7:]).read())
    assert manifest["layers"][0]["digest"] == old
    manifest["layers"][0].update(lay.blob(parts), mediaType="application/vnd.oci.image.layer.v1.tar+gzip")
    lay.manifests = [lay.json(manifest, "application/vnd.oci.image.manifest.v1+json")]
    lay.write_index()
    plain = layers(nidus, Layout(tmp_path / "plain").add(layer), env={"NIDUS_STORE_DIR": str(tmp_path / "other")})
    assert snapshot(layers(nidus, "oci:" + lay.path)[0]) == snapshot(plain[0])


def test_ls_rm_and_gc(nidus, tmp_path):
    shared, own = tar(entry("shared", b"s" * 1000)), tar(entry("own", b"o" * 10))
    one = Layout(tmp_path / "one").add(shared, own, tag="1")
    two = Layout(tmp_path / "two").add(shared, tag="2")
    ids = {nidus.json("image", "import", "--json", s)["id"] for s in (one, two)}
    assert {i["id"] for i in nidus.json("image", "ls", "--json")} == ids
    assert {i["bytes"] for i in nidus.json("image", "ls", "--json")} == {1000, 1010}
    assert "one:1" in nidus("image", "ls", check=True).stdout
    nidus("image", "rm", "one:1", check=True)
    assert [i["names"] for i in nidus.json("image", "ls", "--json")] == [["two:2"]]
    folder = os.path.join(nidus.store, "store/layers")
    kept = [n for owner in os.listdir(folder) for n in os.listdir(os.path.join(folder, owner))]
    assert kept == [digest(shared)[7:]]
    (left,) = nidus.json("image", "ls", "--json")
    nidus("image", "rm", left["id"][7:15], check=True)
    assert nidus.json("image", "ls", "--json") == []
    assert nidus.json("image", "gc", "--json") == {"layers": 0, "debris": 0, "busy": False}
    done = nidus("image", "rm", "two:2")
    assert done.returncode == 125 and "no image 'two:2'" in done.stderr


def test_rm_of_one_of_two_names_keeps_the_image(nidus, tmp_path):
    source = archive(tmp_path / "x.tar", tar(entry("f", b"1")), tags=["a:1", "b:1"])
    layers(nidus, source)
    assert nidus("image", "rm", "a:1", check=True).stdout.startswith("untagged ")
    assert nidus.json("image", "ls", "--json")[0]["names"] == ["b:1"]
    layers(nidus, source)
    assert sorted(nidus.json("image", "ls", "--json")[0]["names"]) == ["a:1", "b:1"]


def test_a_moved_tag_names_the_new_image(nidus, tmp_path):
    lay = Layout(tmp_path / "lay")
    first = nidus.json("image", "import", "--json", lay.add(tar(entry("a")), tag="t"))["id"]
    lay.manifests = []
    second = nidus.json("image", "import", "--json", lay.add(tar(entry("b")), tag="t"))["id"]
    names = {i["id"]: i["names"] for i in nidus.json("image", "ls", "--json")}
    assert names == {first: [], second: ["lay:t"]}


@pytest.mark.parametrize("args,word", [
    ((), "image"), (("nope",), "no subverb 'nope'"), (("ls", "x"), "usage"), (("import",), "usage"),
    (("import", "/"), "nothing that can be imported"), (("import", "debian:12"), "nothing that can be imported"),
    (("import", "oci:"), "missing"), (("import", "oci:/no/such"), "No such file"),
    (("import", "docker-archive:/no/such.tar"), "No such file"), (("import", "docker-archive:/"), "missing|not a regular"),
    (("import", "docker-archive:/etc/passwd"), "not a tar header|cut off|middle of"), (("rm", "x"), "no image 'x'"),
    (("inspect", "x"), "'x'"), (("import", "oci:/etc"), "not an OCI image layout"),
])
def test_bad_arguments(nidus, args, word):
    import re
    done = nidus("image", *args)
    assert done.returncode == 125 and not done.stdout
    assert re.search(word, done.stderr), done.stderr


def test_a_relative_store_is_refused(nidus):
    done = nidus("image", "ls", env={"NIDUS_STORE_DIR": "store"})
    assert done.returncode == 125 and "absolute" in done.stderr


def test_progress_on_a_terminal(nidus, tmp_path):
    import pty
    master, slave = pty.openpty()
    source = Layout(tmp_path / "oci").add(tar(entry("f", b"x" * 3000000)))
    child = nidus.popen("image", "import", source, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=slave)
    os.close(slave)
    seen = b""
    while True:
        try:
            seen += os.read(master, 4096)
        except OSError:
            break
    assert child.wait(60) == 0 and child.communicate()[0].startswith("sha256:")
    os.close(master)
    assert b"3.0 of 3.0 MB" in seen and seen.endswith(b"\r\x1b[K")
