# Images of real CPython: unpacked by umoci they run with nothing of this machine beside them, and skopeo carries them.

load helpers
source "$TESTS/upstream/registry.bash"

setup_file() {
	export UNGIL_IMAGES=$BATS_FILE_TMPDIR
}

setup() {
	local keep=$UNGIL_IMAGES
	common_setup
	real_pair
	command -v umoci >/dev/null || skip "no umoci"
	command -v skopeo >/dev/null || skip "no skopeo"
	OUT=$keep/out TREE=$keep/tree/rootfs
	unshare $(as_root) -m true 2>/dev/null || skip "no namespaces here"
	[ -e "$keep/done" ] && return
	ungil image "$SERIES" -o "oci:$OUT"
	unpack "$OUT:$REAL" "$keep/tree"
	touch "$keep/done"
}

# as_root: what unshare needs to be root where it is not
as_root() { [ "$(id -u)" -eq 0 ] || echo -Ur; }

unpack() { # LAYOUT:TAG DIR
	local how=--rootless
	[ "$(id -u)" -ne 0 ] || how=
	# shellcheck disable=SC2086 # nothing, or one word
	umoci unpack $how --image "$1" "$2"
}

# inside PROGRAM ARGUMENT...: runs in the image as a container would, with its environment; /dev and /proc are this machine's
inside() {
	# shellcheck disable=SC2016,SC2046 # the inner shell's own; no word, or one
	unshare $(as_root) -m sh -c 'mount --rbind /dev "$0/dev" && mount --rbind /proc "$0/proc" && exec chroot "$0" "$@"' "$TREE" \
		/usr/bin/env -i PATH=/opt/ungil/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
		HOME=/root TERM=xterm "$@"
}

# libraries_of FILE...: the paths of the shared libraries that they need
libraries_of() { ldd "$@" | sed -n 's|.*=> \(/[^ ]*\) .*|\1|p; s|^[[:space:]]*\(/[^ ]*ld-[^ ]*\) .*|\1|p' | sort -u; }

# bring_ungil: ungil, and what it needs, to /t in the image; run it with inside_ungil
bring_ungil() {
	local path lazy=()
	mkdir -p "$TREE/t/lib"
	cp "$UNGIL" "$TREE/t/ungil"
	for path in libarchive.so.13 libelf.so.1 libcrypto.so.3; do
		lazy+=("$(ldconfig -p | sed -n "s|.*$path .*=> ||p" | head -n 1)")
	done
	for path in $(libraries_of "$UNGIL" "${lazy[@]}") "${lazy[@]}"; do cp -L "$path" "$TREE/t/lib/"; done
}
inside_ungil() { inside "/t/lib/$(basename "$TREE"/t/lib/ld-*)" --library-path /t/lib /t/ungil "$@"; }

@test "real: interpreters, pip, venv and the modules that need libraries run in the image" {
	run inside "python$SERIES" -V
	assert_output "Python $REAL"
	run inside "python${SERIES}t" -c 'import sys; print(sys._is_gil_enabled(), sys.prefix)'
	assert_output "False /opt/ungil/versions/${REAL}t"
	run inside "pip${SERIES}t" --version
	assert_output --partial "from /opt/ungil/versions/${REAL}t/lib/python${SERIES}t/site-packages/pip"
	run inside "pip$SERIES" --version
	assert_output --partial "from /opt/ungil/versions/$REAL/lib/python$SERIES/site-packages/pip"
	run inside python3 -c 'import bz2, ctypes, curses, dbm.gnu, hashlib, lzma, readline, sqlite3, ssl, sys, uuid, zlib
curses.setupterm()
print(len(ssl.create_default_context().get_ca_certs()) > 0, sqlite3.connect(":memory:").execute("select 1").fetchone(), sys.executable)'
	assert_output "True (1,) /opt/ungil/versions/$REAL/bin/python$SERIES"
	run inside "python${SERIES}t" -c 'import locale, os, socket, subprocess, tempfile, threading
print(subprocess.check_output("echo shell", shell=True), tempfile.gettempdir(), os.path.expanduser("~nobody"), locale.setlocale(locale.LC_ALL, ""))
print(socket.getaddrinfo("localhost", 80, type=socket.SOCK_STREAM)[0][4][1])'
	assert_line "b'shell\\n' /tmp /nonexistent C.UTF-8"
	assert_line 80
	inside "python${SERIES}t" -m venv /tmp/venv
	run inside /tmp/venv/bin/python -c 'import sys; print(sys.base_prefix, sys._is_gil_enabled())'
	assert_output "/opt/ungil/versions/${REAL}t False"
	run inside /tmp/venv/bin/pip --version
	assert_output --partial 'from /tmp/venv/lib'
	rm -rf "$TREE/tmp/venv"
}

@test "real: every library of every module is in the image" {
	run inside python3 -c 'import sys, importlib.machinery, os, sysconfig
sys.path.insert(0, os.path.dirname(os.__file__))
d = os.path.join(os.path.dirname(os.__file__), "lib-dynload")
bad = []
import ctypes
for f in sorted(os.listdir(d)):
    try: ctypes.PyDLL(os.path.join(d, f))
    except OSError as e: bad.append(str(e))
print(bad)'
	assert_output '[]'
}

@test "real: verify and verify --files in the image" {
	bring_ungil
	run inside_ungil verify --files
	assert_exit 0
	assert_line --regexp "^${REAL}t: [0-9]+ files, as they were installed"
	run inside_ungil verify
	assert_exit 0
	assert_line --regexp "^${REAL}t: (proven|inconclusive) "
	assert_line --regexp "^$REAL: (proven|inconclusive) "
	refute_output --regexp '^ +FAIL'
	run inside_ungil list
	assert_line --regexp "^${REAL}t +ft .* 20[0-9-]+"
	rm -rf "$TREE/t"
}

@test "real: rootfs.list names every file of this machine with its package and digest" {
	local path sum package
	while IFS=$'\t' read -r path sum package; do
		echo "$path"
		run sha256sum "$TREE$path"
		assert_output "$sum  $TREE$path"
		[ "${#package}" -gt 0 ] || [[ $path == /etc/* ]]
	done <"$TREE/usr/share/ungil/rootfs.list"
	grep -q 'libcrypto.so.3' "$TREE/usr/share/ungil/rootfs.list"
	if command -v dpkg-query >/dev/null; then
		grep -qE $'^/usr/bin/env\t[0-9a-f]{64}\tcoreutils:[a-z0-9]+ [0-9]' "$TREE/usr/share/ungil/rootfs.list"
	fi
}

@test "real: at most 48 MB for the pair, packed" {
	run bash -c "cat '$OUT'/blobs/sha256/* | wc -c"
	echo "$output bytes"
	[ "$output" -le 48000000 ]
}

@test "real: skopeo reads it, carries it to a registry and back, and the digest stays" {
	need_registry
	start_registry
	run skopeo inspect "oci:$OUT:$REAL"
	assert_exit 0
	assert_output --partial '"Created": "20'
	local digest
	digest=$(skopeo inspect --format '{{.Digest}}' "oci:$OUT:$REAL")
	skopeo copy --dest-tls-verify=false "oci:$OUT:$REAL" "docker://$REGISTRY/lab/python:carried"
	skopeo copy --src-tls-verify=false "docker://$REGISTRY/lab/python:carried" "oci:$PWD/back:x"
	assert_equal "$(skopeo inspect --format '{{.Digest}}' "oci:$PWD/back:x")" "$digest"
	ungil image "$SERIES" --push "oci://$REGISTRY/lab/direct:x"
	assert_equal "$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$REGISTRY/lab/direct:x")" "$digest"
}

@test "real: on a base of umoci's own, without libraries: named; with the loader gone: an error" {
	ungil image "${SERIES}t" --base "oci:$OUT:$REAL" -o "oci:$PWD/same" 2>warnings
	run grep lacks warnings
	assert_output ''
	cp -r "$OUT" base
	umoci unpack --rootless --image "base:$REAL" bundle
	find bundle/rootfs/usr/lib bundle/rootfs/lib -name 'libsqlite3*' -o -name 'libffi*' | xargs rm -f
	umoci repack --image base:poor bundle
	run ungil image "${SERIES}t" --base "oci:$PWD/base:poor" -o "oci:$PWD/poor"
	assert_exit 0
	assert_output --partial 'the base lacks libraries; what needs them cannot be imported:'
	assert_output --partial 'libsqlite3.so.0, for _sqlite3'
	assert_output --partial 'libffi.so.8, for _ctypes'
	local libc
	libc=$(find bundle/rootfs/usr bundle/rootfs/lib/ -name libc.so.6 | head -n 1)
	printf 'GLIBC_2.17 { old; };\n' >old.map
	printf 'void old(void) {}\n' | gcc -shared -nostdlib -fPIC -Wl,--version-script=old.map -Wl,-soname,libc.so.6 -o old.so -x c -
	cp old.so "$libc"
	umoci repack --image base:old bundle
	run ungil image "${SERIES}t" --base "oci:$PWD/base:old" -o "oci:$PWD/old"
	assert_exit 1
	assert_output --regexp 'glibc 2[.][0-9]+ or later [(]the base has 2[.]17[)], for '
	rm -f "$libc"
	umoci repack --image base:worse bundle
	run ungil image "${SERIES}t" --base "oci:$PWD/base:worse" -o "oci:$PWD/worse"
	assert_exit 1
	assert_output --partial 'the interpreters cannot run on the base; it lacks:'
	assert_output --partial 'libc.so.6, for '
	find bundle/rootfs/ -name 'ld-linux*' -exec rm -f {} +
	umoci repack --image base:none bundle
	run ungil image "${SERIES}t" --base "oci:$PWD/base:none" -o "oci:$PWD/none"
	assert_exit 1
	assert_output --partial 'the base lacks the dynamic loader /lib'
	[ ! -e none ]
}
