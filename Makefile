# Two commands: `make demo` and `make test`.  Both bring what they need on Debian 12 (as root)
# and say what is missing elsewhere.  Everything else is Meson's: `meson setup build && ninja -C build`.

# Needed to build and to run; needed to test.  The only list of packages in the tree.
PACKAGES = gcc libc6-dev meson ninja-build pkgconf libjson-c-dev zlib1g-dev libzstd-dev
TEST_PACKAGES = python3 python3-pytest libcmocka-dev libseccomp-dev clang clang-format clang-tidy llvm shellcheck mandoc \
	zsh fish bash-completion strace procps util-linux iproute2 iputils-ping nftables uidmap passt slirp4netns \
	fuse-overlayfs busybox-static umoci skopeo podman crun jq curl e2fsprogs tinc openvpn wireguard-go wireguard-tools \
	postgresql

# make test SUITE=unit         one suite (or several: SUITE="unit fuzz"; names in docs/testing.md)
# make test SAN=1 (or SAN=0)   only the sanitizer build (or only the plain one)
SUITE =
SAN =

.PHONY: all build demo test packages test-packages man install clean
all: build

build: build/build.ninja
	ninja -C build --quiet

build/build.ninja:
	meson setup build

packages:
	@tools/need-packages $(PACKAGES)

test-packages:
	@tools/need-packages $(PACKAGES) $(TEST_PACKAGES)

demo: packages build
	@tools/demo build/src/cli/nidus

test: test-packages
	@tests/run $(if $(SAN),--san=$(SAN)) $(SUITE)

# After a change of an option table.
man: build
	tools/man-pages build/src/cli/nidus docs/man

install: build
	meson install -C build

clean:
	rm -rf build build-san
