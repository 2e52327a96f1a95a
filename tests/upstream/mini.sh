#!/bin/bash
# The miniature CPython: something that is configured, compiled, installed and asked like CPython, in a second.
#
#   mini.sh DIR      makes
#     DIR/src/              the source tree of the newest release
#     DIR/git/cpython.git   a bare repository with an annotated tag v3.99.N for each release
#     DIR/tarballs/3.99.N/Python-3.99.N.tar.xz
#     DIR/recipes/3.99.ini  with the pins of what was made
#     DIR/control/          what it shall do wrong; its path is compiled in, so that no environment is needed
#
# Environment: MINI_RELEASES (default "3.99.1 3.99.2"), MINI_GIT_URL (default DIR/git/cpython.git),
# MINI_TAR_URL (default file://DIR/tarballs), MINI_PROVIDERS (default "git tarball").
#
# Files that a test puts into DIR/control:
#   fail-configure fail-compile fail-object fail-install  that stage fails
#   fail-test_one fail-test_two fail-test_three   that test of the training suite fails     sleep-train: each takes long
#   sleep-configure sleep-compile sleep-object sleep-install   so many seconds in that stage (a number in the file)
#   grandchild-compile grandchild-install     a `sleep 3600` is started there; its process id goes to `grandchildren`
#   missing     modules that configure does not find, as CPython calls them (_ssl), one a line
#   huge        that many MiB more are installed
#   gil-on      the free-threaded interpreter says that its GIL is on     no-pip: pip does not work
#   no-debug    it says that it is not the kind of build that configure was asked for
#   dead-kernel the interpreter crashes when it is verified
#   skip-bench  there is nothing to measure, in no time               slow-bench: measuring takes for ever
#   jobs        a file that gets a line for each stage or object that begins (+) or ends (-)
#   slow-verify each proof takes for ever
# and that the miniature writes there: `seen`, what of the environment reached each stage; `seeded`, a line for each
# configure that found a cache.
set -eu
dir=$1
here=$(cd "$(dirname "$0")" && pwd)
releases=${MINI_RELEASES:-3.99.1 3.99.2}
mkdir -p "$dir/src/Lib" "$dir/src/Include" "$dir/src/Programs" "$dir/src/Python/frozen_modules" "$dir/git" "$dir/tarballs" "$dir/recipes" "$dir/control"
dir=$(cd "$dir" && pwd)
git_url=${MINI_GIT_URL:-$dir/git/cpython.git}
tar_url=${MINI_TAR_URL:-file://$dir/tarballs}

export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null
export GIT_AUTHOR_NAME=Miniature GIT_AUTHOR_EMAIL=mini@localhost GIT_AUTHOR_DATE="2025-01-01T00:00:00Z"
export GIT_COMMITTER_NAME=Miniature GIT_COMMITTER_EMAIL=mini@localhost GIT_COMMITTER_DATE="2025-01-01T00:00:00Z"
repo() { git -C "$dir/src" --git-dir "$dir/git/cpython.git" --work-tree "$dir/src" "$@"; }

cp "$here"/mini/* "$dir/src/"
mv "$dir/src/Python.h" "$dir/src/Include/"
mv "$dir/src/python.c" "$dir/src/Programs/"
echo "what is frozen" >"$dir/src/Python/frozen_modules/README.txt"
chmod +x "$dir/src/configure"
for module in os site ast json typing dataclasses asyncio threading; do
	printf '"""%s, in miniature."""\n' $module >"$dir/src/Lib/$module.py"
	seq -f "LINE_%g = '$module'" 200 >>"$dir/src/Lib/$module.py"
done
echo "$dir/control" >"$dir/src/mini.control"
# so much that cannot be compressed that an interrupted transfer is worth to go on with; the same bytes every time
openssl enc -aes-128-ctr -K 0 -iv 0 -in /dev/zero 2>/dev/null | head -c 400000 >"$dir/src/bulk.bin" || true

git init -q --bare -b main "$dir/git/cpython.git"
git -C "$dir/git/cpython.git" config http.receivepack false
git -C "$dir/git/cpython.git" config uploadpack.allowAnySHA1InWant true
touch "$dir/git/cpython.git/git-daemon-export-ok"

recipe=$dir/recipes/3.99.ini
cat >"$recipe" <<END
[recipe]
series = 3.99
tag = v{release}
providers = ${MINI_PROVIDERS:-git tarball}
git = $git_url
tarball = $tar_url/{release}/{file}

[modules]
require = ssl hashlib sqlite3 zlib bz2 lzma ctypes readline uuid curses
optional = tkinter dbm.gnu

[variant gil]
suffix =
configure =
free-threaded = no

[variant ft]
suffix = t
configure = --disable-gil
free-threaded = yes

[preset quick]
configure = --disable-test-modules

[preset release]
configure = --disable-test-modules --enable-optimizations --with-lto
END
for release in $releases; do
	echo "$release" >"$dir/src/mini.version"
	repo add -A
	repo commit -q -m "Python $release"
	repo tag -a -m "Python $release" "v$release"
	mkdir -p "$dir/tarballs/$release"
	tar -C "$dir" --sort=name --mtime=2025-01-01T00:00:00Z --owner=0 --group=0 --numeric-owner \
		--transform="s,^src,Python-$release," -cf - src | xz -0 >"$dir/tarballs/$release/Python-$release.tar.xz"
	sum=$(sha256sum "$dir/tarballs/$release/Python-$release.tar.xz")
	cat >>"$recipe" <<END

[pin $release]
commit = $(repo rev-parse "v$release^{commit}")
tree = $(repo rev-parse "v$release^{tree}")
date = 2025-01-01
sha256-tar.xz = ${sum%% *}
END
done
git -C "$dir/git/cpython.git" update-server-info
