#!/bin/sh
# get-runsc.sh: prints the path of gVisor's runsc, fetching it first where it is not there.
#
# Debian 12 has a runsc of 2022 that only knows the ptrace platform; the one wanted is trixie's.
# It is taken from the mirror that apt is configured with, through apt state of its own: the
# machine's own package lists and packages stay as they are.
set -eu
version=0.0~20240729.0-4
suite=trixie
cache=${XDG_CACHE_HOME:-$HOME/.cache}/nidus-test/runsc-$version

if [ -x "$cache/usr/bin/runsc" ]; then
	echo "$cache/usr/bin/runsc"
	exit 0
fi
if [ "$(dpkg --print-architecture)" != amd64 ]; then
	echo "get-runsc.sh: only for amd64" >&2
	exit 1
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/state/lists/partial" "$work/cache/archives/partial"

# The first configured archive; its key is in Debian's keyring, as trixie's is.
# shellcheck disable=SC2016 # apt expands it
uri=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Component: main' |
	head -n 1)
if [ -z "$uri" ]; then
	uri=$(sed -n -e 's/^URIs: *\([^ ]*\).*/\1/p' -e 's/^deb \(\[[^]]*\] \)\{0,1\}\([^ ]*\).*/\2/p' \
		/etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | head -n 1)
fi
if [ -z "$uri" ]; then
	echo "get-runsc.sh: apt is configured with no Debian mirror" >&2
	exit 1
fi
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb [signed-by=$keyring] $uri $suite main" >"$work/sources.list"

apt() {
	apt-get -qq -o Dir::State="$work/state" -o Dir::State::status=/dev/null -o Dir::Cache="$work/cache" \
		-o Dir::Etc::SourceList="$work/sources.list" -o Dir::Etc::SourceParts=/dev/null \
		-o Dir::Etc::PreferencesParts=/dev/null -o Dir::Etc::Preferences=/dev/null \
		-o APT::Sandbox::User=root -o Acquire::Languages=none -o Acquire::Retries=3 "$@" >&2
}
apt update
(cd "$work" && apt download "runsc=$version*") # Debian rebuilds it: +bN
mkdir -p "$work/root"
dpkg-deb -x "$work"/runsc_*.deb "$work/root"

# Whole or not at all: several tests may fetch at once.
mkdir -p "$(dirname "$cache")"
mv -T "$work/root" "$cache" 2>/dev/null || [ -x "$cache/usr/bin/runsc" ]
echo "$cache/usr/bin/runsc"
