"""The files of the tree, as git sees them (or as the disk has them, where there is no git)."""
import os
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def tracked(*endings, under=""):
    git = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"], cwd=ROOT,
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    if git.returncode == 0:
        names = [n for n in git.stdout.split("\0") if n and os.path.isfile(os.path.join(ROOT, n))]
    else:
        names = [os.path.relpath(os.path.join(d, f), ROOT) for d, folders, files in os.walk(ROOT)
                 for f in files if not os.path.relpath(d, ROOT).startswith(("build", ".git"))]
    return sorted(n for n in set(names) if n.startswith(under) and (not endings or n.endswith(endings)))


def text(name):
    with open(os.path.join(ROOT, name), errors="replace") as f:
        return f.read()
