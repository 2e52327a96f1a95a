#!/bin/bash
# Does every cell of compiler x release x preset build and verify, both variants? One line a cell.
#
#   UNGIL=build/ungil tests/perf/matrix.sh [-o TABLE] COMPILERS RELEASES PRESETS
#   UNGIL=build/ungil tests/perf/matrix.sh "gcc clang-14 clang-19" "3.13.15 3.14.7" "quick release"
#
# A cell is an install of the pair into a root of its own with an empty cache, `ungil verify` of both, and a program
# that embeds the interpreter and is linked with the static library by the same compiler and by gcc. Cells that TABLE has already
# are not done again, so that the whole may be done in parts. On two CPUs a cell of quick takes some 3 minutes, one of
# release 10. SOURCE_RELEASE with dots as underlines (SOURCE_3_14_7=URL) says where a release is from. Exit status 1
# when a cell fails.
set -eu
UNGIL=$(readlink -f "${UNGIL:-$(dirname "$0")/../../build/ungil}")
[ -x "$UNGIL" ] || { echo "no ungil at $UNGIL: set UNGIL" >&2; exit 2; }
table=/dev/stdout
while getopts o: option; do
	case $option in o) table=$OPTARG ;; *) exit 2 ;; esac
done
shift $((OPTIND - 1))
[ $# -eq 3 ] || { sed -n '2,/^set/{/^set/!s/^# \{0,1\}//p}' "$0" >&2; exit 2; }
work=$(mktemp -d "${TMPDIR:-/var/tmp}/ungil-matrix.XXXXXX")
trap 'rm -rf "$work"' EXIT
failed=0

# The key's value in the receipt of PREFIX.
receipt() { python3 -c 'import json, sys
v = json.load(open(sys.argv[1] + "/ungil.json"))
for k in sys.argv[2].split("."): v = v[k] if v is not None else None
print(v)' "$1" "$2"; }

# A program that embeds the interpreter, from the static library alone.
embed() { # COMPILER PREFIX NAME
	local series config
	series=${3%.*}
	case $3 in *t) series+=t ;; esac
	config=$2/bin/python$series-config
	printf '%s\n' '#include <Python.h>' 'int main(void) { Py_Initialize(); int r = PyRun_SimpleString("import sys; assert sys.version"); return Py_FinalizeEx() || r; }' >"$work/embed.c"
	# shellcheck disable=SC2046 # words
	"$1" -o "$work/embed" "$work/embed.c" $("$config" --cflags --ldflags --embed) 2>&1 &&
		PYTHONHOME=$2 "$work/embed"
}

for release in $2; do
	for compiler in $1; do
		for preset in $3; do
			[ -f "$table" ] && grep -q "^$compiler	$release	$preset	.*ok$" "$table" && continue
			source=SOURCE_${release//./_} root=$work/root verdict=ok began=$SECONDS seconds=
			# shellcheck disable=SC2086 # an option with its value, or none
			if CC=$compiler XDG_CACHE_HOME=$work/cache env --default-signal=INT,QUIT,HUP "$UNGIL" install "$release" \
				--preset "$preset" --root "$root" --no-bench ${!source:+--source "${!source}"} >"$work/log" 2>&1 </dev/null; then
				seconds=$((SECONDS - began))
				for name in "$release" "${release}t"; do
					"$UNGIL" verify --root "$root" "$name" >"$work/log" 2>&1 || verdict="verify $name"
					for linker in "$compiler" gcc; do
						embed "$linker" "$root/versions/$name" "$name" >"$work/log" 2>&1 || verdict="embed $name by $linker"
					done
				done
			else
				verdict=install
			fi
			[ "$verdict" = ok ] || { failed=1 && tail -n 20 "$work/log" >&2; }
			printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$compiler" "$release" "$preset" "${seconds:--}" \
				"$(receipt "$root/versions/${release}t" build.compiler 2>/dev/null || echo -)" \
				"$(receipt "$root/versions/${release}t" build.training.missing 2>/dev/null || echo -)" "$verdict" >>"$table"
			rm -rf "${work:?}"/*
		done
	done
done
exit $failed
