"""clang-format, clang-tidy and shellcheck over the tree."""
import concurrent.futures
import hashlib
import os
import re
import shutil
import subprocess

import pytest
from files import ROOT, text, tracked

BUILD = os.environ.get("NIDUS_BUILD_DIR", os.path.join(ROOT, "build"))
CLANG = "14"  # Debian 12's; other versions format differently


def tool(name):
    path = shutil.which("%s-%s" % (name, CLANG)) or shutil.which(name)
    if not path:
        pytest.skip("%s is not installed" % name)
    version = subprocess.run([path, "--version"], stdout=subprocess.PIPE, text=True).stdout
    found = re.search(r"version (\d+)", version)
    if not found or found.group(1) != CLANG:
        pytest.skip("%s is not version %s: %s" % (name, CLANG, version.strip().splitlines()[0]))
    return path


def run(argv):
    return subprocess.run(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          stdin=subprocess.DEVNULL, text=True)


def test_clang_format():
    sources = tracked(".c", ".h", under="src/") + tracked(".c", ".h", under="tests/") + tracked(".c", under="bench/")
    done = run([tool("clang-format"), "--dry-run", "-Werror", *sources])
    files = sorted({line.split(":")[0] for line in done.stdout.splitlines() if ": error:" in line})
    assert done.returncode == 0, "clang-format -i " + " ".join(files or [done.stdout])


# Of the analyzer's time nine parts in ten go into depths that find little here.
SHALLOW = ["--extra-arg=" + arg for arg in ("-Xclang", "-analyzer-config", "-Xclang", "mode=shallow")]


@pytest.mark.limit(400)
def test_clang_tidy():
    """Files that were clean before, with the same headers and checks, are not looked at again."""
    path = tool("clang-tidy")
    if not os.path.exists(os.path.join(BUILD, "compile_commands.json")):
        pytest.skip("no compile_commands.json in %s" % BUILD)
    cache = os.path.join(BUILD, "tidy")
    os.makedirs(cache, exist_ok=True)
    common = hashlib.sha256(text(".clang-tidy").encode())
    for header in tracked(".h", under="src/"):
        common.update(text(header).encode())

    def check(name):
        stamp = os.path.join(cache, hashlib.sha256(common.digest() + name.encode() + text(name).encode()).hexdigest())
        if os.path.exists(stamp):
            return None
        done = run([path, "--quiet", "-p", BUILD, *SHALLOW, name])
        if done.returncode == 0:
            open(stamp, "w").close()
            return None
        errors = re.findall(r"^(?:.*/)?((?:src|tests)/\S+): (?:error|warning): (.*)$", done.stdout, flags=re.M)
        return "\n".join("%s: %s" % e for e in errors) or done.stdout

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        found = [f for f in pool.map(check, tracked(".c", under="src/")) if f]
    assert not found, "\n".join(found)


def test_shellcheck():
    if not shutil.which("shellcheck"):
        pytest.skip("shellcheck is not installed")
    scripts = [n for n in tracked() if n.endswith(".sh") or re.match(r"#!\s*/\S*\b(sh|bash)\b", text(n)[:40])]
    done = run(["shellcheck", *scripts])
    assert done.returncode == 0, done.stdout
