"""Images made by hand, entry by entry, for tests of the store; and a way to compare trees."""
import base64
import ctypes
import gzip
import hashlib
import io
import json
import os
import stat
import struct
import subprocess
import tarfile

T = 1700000000


def entry(name, data=None, link=None, kind=None, mode=None, uid=0, gid=0, mtime=T, dev=(0, 0), xattrs=None, pax=None):
    """One tar entry; kind is a tarfile type, guessed from the arguments where it can be."""
    info = tarfile.TarInfo(name)
    if kind is None:
        kind = tarfile.SYMTYPE if link is not None else tarfile.REGTYPE if data is not None else tarfile.DIRTYPE
    info.type = kind
    info.mode = mode if mode is not None else 0o755 if kind == tarfile.DIRTYPE else 0o644
    info.uid, info.gid, info.mtime = uid, gid, mtime
    info.linkname = link or ""
    info.devmajor, info.devminor = dev
    info.size = len(data or b"")
    info.pax_headers = dict(pax or {})
    for key, value in (xattrs or {}).items():
        info.pax_headers["SCHILY.xattr." + key] = value
    return info, data or b""


def hardlink(name, target, **kw):
    return entry(name, link=target, kind=tarfile.LNKTYPE, **kw)


def whiteout(name):
    folder, base = os.path.split(name)
    return entry(os.path.join(folder, ".wh." + base), b"")


def opaque(folder):
    return entry(os.path.join(folder, ".wh..wh..opq"), b"")


def tar(*entries, form=tarfile.PAX_FORMAT, end=True):
    out = []
    for info, data in entries:
        # surrogateescape lets arbitrary bytes stand in xattr values
        out += [info.tobuf(form, "utf-8", "surrogateescape"), data, b"\0" * (-len(data) % 512)]
    return b"".join(out) + (b"\0" * 1024 if end else b"")


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def compress(data, how):
    if how == "gzip":
        return gzip.compress(data, 1, mtime=0)
    if how == "zstd":
        return subprocess.run(["zstd", "-q", "-c"], input=data, stdout=subprocess.PIPE, check=True).stdout
    return data


class Layout:
    """An OCI image layout that is written as it is filled."""

    def __init__(self, path):
        self.path = str(path)
        self.manifests = []
        os.makedirs(os.path.join(self.path, "blobs/sha256"), exist_ok=True)
        self.write("oci-layout", b'{"imageLayoutVersion": "1.0.0"}')
        self.write_index()

    def write(self, name, data):
        with open(os.path.join(self.path, name), "wb") as f:
            f.write(data)

    def blob(self, data):
        self.write("blobs/sha256/" + digest(data)[7:], data)
        return {"digest": digest(data), "size": len(data)}

    def json(self, value, media):
        return {"mediaType": media, **self.blob(json.dumps(value).encode())}

    def write_index(self):
        self.write("index.json", json.dumps({"schemaVersion": 2, "manifests": self.manifests}).encode())

    def manifest(self, layers, how=None, config=None, docker=False, **extra):
        """The descriptor of an image of these tars."""
        base = "application/vnd.docker." if docker else "application/vnd.oci.image."
        blobs = [{"mediaType": base + ("image.rootfs.diff.tar.gzip" if docker else "layer.v1.tar"),
                  **self.blob(compress(layer, how))} for layer in layers]
        config = {"architecture": "amd64", "os": "linux", **(config or {})}
        config.setdefault("rootfs", {"type": "layers", "diff_ids": [digest(layer) for layer in layers]})
        manifest = {"schemaVersion": 2, "layers": blobs, "config": self.json(
            config, base + ("container.image.v1+json" if docker else "config.v1+json"))}
        return {**self.json(manifest, base + ("distribution.manifest.v2+json" if docker else "manifest.v1+json")),
                **extra}

    def add(self, *layers, tag="latest", platform=None, **kw):
        extra = {"annotations": {"org.opencontainers.image.ref.name": tag}} if tag else {}
        if platform:
            extra["platform"] = platform
        self.manifests.append({**self.manifest(layers, **kw), **extra})
        self.write_index()
        return "oci:%s%s" % (self.path, ":" + tag if tag else "")


def archive(path, *layers, config=None, tags=("x/y:1",), how=None, legacy=False):
    """What `docker save` writes, with layers as N/layer.tar where `legacy`."""
    config = json.dumps({"architecture": "amd64", "os": "linux", **(config or {}), "rootfs": {
        "type": "layers", "diff_ids": [digest(layer) for layer in layers]}}).encode()
    entries, names = [], []
    for i, layer in enumerate(layers):
        names.append("%064d/layer.tar" % i if legacy else digest(layer)[7:] + ".tar")
        entries.append(entry(names[-1], compress(layer, how)))
    entries.append(entry(digest(config)[7:] + ".json", config))
    manifest = [{"Config": digest(config)[7:] + ".json", "RepoTags": list(tags), "Layers": names}]
    entries.append(entry("manifest.json", json.dumps(manifest).encode()))
    with open(str(path), "wb") as f:
        f.write(tar(*entries))
    return "docker-archive:%s" % path


def snapshot(top, times=True):
    """Every entry of a tree as one comparable value; hard links by the names they join."""
    seen, out = {}, {}
    for folder, dirs, files in os.walk(top):
        for name in ["."] * (folder == top) + dirs + files:
            path = os.path.join(folder, name)
            st = os.lstat(path)
            rel = os.path.normpath(os.path.relpath(path, top))
            item = {"mode": oct(st.st_mode), "uid": st.st_uid, "gid": st.st_gid}
            if times:
                item["mtime"] = st.st_mtime_ns
            if stat.S_ISREG(st.st_mode):
                with open(path, "rb") as f:
                    item["data"] = hashlib.sha256(f.read()).hexdigest()
                item["links"] = seen.setdefault(st.st_ino, [])
                item["links"].append(rel)
            elif stat.S_ISLNK(st.st_mode):
                item["target"] = os.readlink(path)
            elif stat.S_ISCHR(st.st_mode) or stat.S_ISBLK(st.st_mode):
                item["dev"] = (os.major(st.st_rdev), os.minor(st.st_rdev))
            item["xattrs"] = {key: base64.b64encode(os.getxattr(path, key, follow_symlinks=False)).decode()
                              for key in sorted(os.listxattr(path, follow_symlinks=False))
                              if key != "security.selinux"}
            out[rel] = item
    for item in out.values():
        item.get("links", []).sort()
    return out


def refuse_call(number, errnum=1):
    """For preexec_fn: the process and its children get `errnum` from system call `number` (x86-64)."""
    libc = ctypes.CDLL(None, use_errno=True)
    code = b"".join(struct.pack("HBBI", *line) for line in (
        (0x20, 0, 0, 0), (0x15, 0, 1, number), (0x06, 0, 0, 0x50000 | errnum), (0x06, 0, 0, 0x7fff0000)))
    buffer = ctypes.create_string_buffer(code)
    program = struct.pack("HxxxxxxP", 4, ctypes.addressof(buffer))

    def install():
        if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, program, 0, 0):
            raise OSError(ctypes.get_errno(), "seccomp")
    install.buffer = buffer  # lives as long as what points at it
    return install
