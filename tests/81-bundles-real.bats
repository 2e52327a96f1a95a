# Bundles of real CPython: small, right at any prefix, moved or not, and no trace of where they were built.

load helpers

setup_file() {
	export UNGIL_BUNDLES=$BATS_FILE_TMPDIR
}

setup() {
	local keep=$UNGIL_BUNDLES
	common_setup
	real_pair
	PLATFORM=$(uname -m)-linux-gnu
	FT_BUNDLE=$keep/${REAL}t-$PLATFORM.tar.zst GIL_BUNDLE=$keep/$REAL-$PLATFORM.tar.zst STATIC_BUNDLE=$keep/${REAL}t-$PLATFORM-static.tar.zst
	[ -e "$keep/done" ] && return
	LIMIT=400 ungil pack "$REAL" "${REAL}t" --part all -o "$keep" # a minute of a CPU, which others want, too
	touch "$keep/done"
}

@test "real: at most 25 MB a variant, and the static library apart" {
	for bundle in "$FT_BUNDLE" "$GIL_BUNDLE"; do
		echo "$(stat -c %s "$bundle") bytes: $bundle"
		[ "$(stat -c %s "$bundle")" -le 25000000 ]
		run bash -c "tar -tf '$bundle' | grep -c '[.]a\$'"
		assert_output 0
	done
	assert_file_exist "$STATIC_BUNDLE"
}

@test "real: no file names a path of the build machine" {
	mkdir unpacked && tar -C unpacked -xf "$FT_BUNDLE" && tar -C unpacked -xf "$STATIC_BUNDLE"
	local needle
	for needle in "$REAL_ROOT" "$BUILD" "$BATS_TEST_TMPDIR" "$TOP" "$(hostname)"; do
		[ "${#needle}" -gt 4 ] || continue # too short a host name is in every file
		run grep -rlF -e "$needle" unpacked
		assert_output ''
	done
}

# right_at ROOT [moved]: what a user does with the interpreter that is there
right_at() {
	local prefix=$1/versions/${REAL}t python=$1/bin/python${SERIES}t
	run "$python" -c 'import sys, sysconfig; print(sys.prefix); print(sysconfig.get_config_var("LIBDIR")); print(sysconfig.get_path("include"))'
	assert_line --index 0 "$prefix"
	assert_line --index 1 "$prefix/lib"
	assert_line --index 2 "$prefix/include/python${SERIES}t"
	run "$prefix/bin/python${SERIES}t-config" --prefix
	assert_output "$prefix"
	run "$prefix/bin/pip${SERIES}t" --version
	assert_output --partial "from $prefix/lib/python${SERIES}t/site-packages/pip"
	"$python" -m venv "$1/venv"
	run "$1/venv/bin/python" -c 'import sys, ssl, sqlite3; print(sys.base_prefix, sys._is_gil_enabled())'
	assert_output "$prefix False"
	mkdir -p "$1/extension"
	cat >"$1/extension/answer.c" <<-'END'
		#include <Python.h>
		static PyModuleDef_Slot slots[] = {{Py_mod_gil, Py_MOD_GIL_NOT_USED}, {0, NULL}};
		static struct PyModuleDef def = {PyModuleDef_HEAD_INIT, .m_name = "answer", .m_slots = slots};
		PyMODINIT_FUNC PyInit_answer(void) { return PyModuleDef_Init(&def); }
	END
	# the flags are quoted for a shell
	eval "gcc -shared -fPIC $("$prefix/bin/python${SERIES}t-config" --includes) -o \"\$1/extension/answer.so\" \"\$1/extension/answer.c\""
	run env PYTHONPATH="$1/extension" "$python" -c 'import sys, answer; print(sys._is_gil_enabled())'
	assert_output False
	run ungil verify --files --root "$1"
	assert_exit 0
	run ungil verify --root "$1" --check prefix,sysconfig,stale-paths,venv,pip,extension,module
	assert_exit 0
}

@test "real: right below a root with spaces, of 200 characters, in UTF-8, and at a short one" {
	local root long
	long=$PWD/$(printf 'long-%.0s' {1..60})
	for root in "$PWD/with two spaces" "${long:0:200}" "$PWD/größe-шесть-六" "$PWD/r"; do
		echo "root: $root"
		run ungil install "$FT_BUNDLE" --root "$root"
		assert_exit 0
		right_at "$root"
		chmod -R u+w "$root" && rm -rf "$root"
	done
}

@test "real: moved with mv it runs; after relocate all is right, embedding too" {
	ungil install "$FT_BUNDLE" "$STATIC_BUNDLE" --root "$PWD/before"
	mkdir 'a b' && mv before 'a b/after'
	run "a b/after/versions/${REAL}t/bin/python${SERIES}t" -c 'import ssl, sys; print(sys.prefix)'
	assert_output "$PWD/a b/after/versions/${REAL}t"
	run "a b/after/bin/python${SERIES}t" -c 'import ssl, sys; print(sys.prefix)'
	assert_output "$PWD/a b/after/versions/${REAL}t"
	run --separate-stderr ungil relocate --root "$PWD/a b/after"
	assert_exit 0
	assert_output --partial "/lib/python${SERIES}t/_sysconfigdata_t_linux_$PLATFORM.py"
	run grep -rlF "$PWD/before" 'a b/after/versions' --exclude=ungil.json
	assert_output ''
	right_at "$PWD/a b/after"
	run ungil verify --root "$PWD/a b/after" --check embed-config,embed-pkgconfig
	assert_exit 0
	refute_output --regexp '^ +skip'
}

@test "real: packed again from elsewhere, the same bytes" {
	ungil install "$GIL_BUNDLE" "$FT_BUNDLE" --root "$PWD/else"
	mkdir again
	ungil pack "${REAL}t" --root "$PWD/else" -o again
	cmp "$FT_BUNDLE" "again/${FT_BUNDLE##*/}"
}

@test "real: where the copy cannot run, nothing is packed that lacks its bytecode: exit 1" {
	[ "$(id -u)" -eq 0 ] || skip "needs root, to mount a file system noexec"
	unshare --mount true 2>/dev/null || skip "may not mount"
	mkdir noexec
	run unshare --mount bash -c '
		mount -t tmpfs -o noexec none noexec || exit 99
		XDG_CACHE_HOME=$PWD/noexec "$UNGIL" pack "$1" -o packed.tar.zst' bash "${REAL}t"
	assert_exit 1
	assert_output --regexp "cannot be packed: its interpreter does not run in .*/noexec/.* to compile .*_sysconfigdata"
	assert_output --partial "XDG_CACHE_HOME"
	assert_not_exist packed.tar.zst
}

@test "real: ungil itself took at most 32 MiB to install it" {
	run --separate-stderr ungil install "$FT_BUNDLE" --root "$PWD/else" --json
	run python3 -c 'import json, sys; print(json.loads(sys.argv[1])["peak_memory"] / 1048576)' "$output"
	run awk -v mib="$output" 'BEGIN { print (mib > 1 && mib <= 32) ? "good" : mib " MiB" }'
	assert_output good
}

@test "real: both builds of the pair write the same bytecode" {
	mkdir gil ft
	tar -C gil --strip-components 3 -xf "$GIL_BUNDLE" "$REAL/lib/python$SERIES"
	tar -C ft --strip-components 3 -xf "$FT_BUNDLE" "${REAL}t/lib/python${SERIES}t"
	run bash -c "diff -rq gil ft | grep -F .pyc | grep -v _sysconfigdata"
	assert_output ''
	run bash -c "find ft -name '*.pyc' | wc -l"
	[ "$output" -gt 500 ]
}
