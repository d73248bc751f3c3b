"""Man pages and completions say what the option tables say."""
import os
import shutil
import subprocess

import pytest
from files import ROOT, text

NIDUS = os.environ.get("NIDUS", os.path.join(ROOT, "build/src/cli/nidus"))


def nidus(*args):
    return subprocess.run([NIDUS, *args], stdout=subprocess.PIPE, text=True, check=True, timeout=10).stdout


def verbs():
    lines = nidus("_complete", "--", "").splitlines()
    return [line.split("\t")[0] for line in lines if not line.startswith("-")]


def pages():
    return {"nidus.1": "nidus", **{"nidus-%s.1" % v: v for v in verbs()}}


def test_pages_match_the_option_tables():
    committed = {n for n in os.listdir(os.path.join(ROOT, "docs/man")) if n.endswith(".1")}
    assert committed == set(pages()), "run `make man`"
    stale = [page for page, name in pages().items() if text("docs/man/" + page) != nidus("_manual", name)]
    assert not stale, "run `make man`: %s" % " ".join(stale)


def test_pages_are_clean_mdoc():
    if not shutil.which("mandoc"):
        pytest.skip("mandoc is not installed")
    found = []
    for name in pages().values():
        done = subprocess.run(["mandoc", "-T", "lint", "-W", "style"], input=nidus("_manual", name), text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20)
        # Pages that are not installed on the machine that builds cannot be found there.
        found += ["%s: %s" % (name, line) for line in done.stdout.splitlines()
                  if "referenced manual not found" not in line]
    assert not found, "\n".join(found)


def test_help_is_complete_sentences_of_the_table():
    """Each line of help is short enough to be read and does not end with a full stop."""
    for verb in verbs():
        for line in nidus("_complete", "--", verb, "--").splitlines():
            option, about = line.split("\t")
            assert about and not about.endswith("."), "%s %s: '%s'" % (verb, option, about)
            assert len(about) <= 120, "%s %s: help is too long" % (verb, option)
