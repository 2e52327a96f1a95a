# Every check of `ungil verify` can fail: one thing is broken in a real interpreter, and the right check says so.

load helpers

# checked PYTHON-EXPRESSION CHECK...: runs these checks on the free-threaded copy; then as query
checked() {
	local expression=$1 names
	shift
	names=$(IFS=, && echo "$*")
	run --separate-stderr ungil verify --json --check "$names" "${NAME:-${REAL}t}"
	query "$expression"
}

# fails REASON CHECK...: each of them fails, and the first one's reason or what was seen has these words in it
fails() {
	checked "all(checks[n]['verdict'] == 'fail' and checks[n]['why'] for n in '${*:2}'.split()) and '$1' in str(checks['$2'])" \
		"${@:2}"
}

# startup LINE: something that the free-threaded copy executes at its start, as a .pth file does it
startup() { echo "import sys, types, collections; $1" >"$PREFIX/lib/python${SERIES}t/site-packages/broken.pth"; }

# A later release than it is, with the attributes of sys.version_info.
NEWER='sys.version_info = collections.namedtuple("V", "major minor micro releaselevel serial")(3, 14, 99, "final", 0)'

# wrapped SCRIPT: the copy's program becomes a script that has the real one in $real, and its arguments
wrapped() {
	local program=$PREFIX/bin/python${SERIES}t
	mv "$program" "$program.real"
	# shellcheck disable=SC2016 # for the script
	{ echo '#!/bin/bash' && echo 'real=$0.real' && echo "$1"; } >"$program"
	chmod +x "$program"
}

@test "a GIL state forced from outside, and a switch that does not switch: gil-flag, gil-option, trap, extension" {
	own_pair
	# shellcheck disable=SC2016
	wrapped 'exec -a "$0" "$real" -X gil=0 "$@"'
	fails 'PYTHON_GIL reaches' gil-flag
	fails 'it was not seen to switch the GIL on' trap
	mv "$PREFIX/bin/python${SERIES}t.real" "$PREFIX/bin/python${SERIES}t"
	# shellcheck disable=SC2016
	wrapped 'exec -a "$0" "$real" -X gil=1 "$@"'
	fails 'it declares Py_mod_gil, and the GIL is on' extension gil-off
	assert_exit 3
	# and then no module is blamed
	fails 'the GIL was on before the first import' stdlib-alone stdlib-together
	query 'not any("culprits" in c for c in checks.values())'
	mv "$PREFIX/bin/python${SERIES}t.real" "$PREFIX/bin/python${SERIES}t"
	# shellcheck disable=SC2016
	wrapped 'args=(); for a; do [[ $a == -X || $a == gil=* ]] || args+=("$a"); done; exec -a "$0" "$real" "${args[@]}"'
	fails 'does not switch the GIL on' gil-option
}

@test "the GIL build must refuse -X gil=0" {
	own_pair
	PREFIX=$UNGIL_ROOT/versions/$REAL NAME=$REAL
	mv "$PREFIX/bin/python$SERIES" "$PREFIX/bin/python$SERIES.real"
	cat >"$PREFIX/bin/python$SERIES" <<-'END'
		#!/bin/bash
		args=(); for a; do [[ $a == -X || $a == gil=* ]] || args+=("$a"); done; exec -a "$0" "$0.real" "${args[@]}"
	END
	chmod +x "$PREFIX/bin/python$SERIES"
	fails 'must end an interpreter' gil-option
}

@test "what it says about itself elsewhere: build-details, abi-info, jit, release, sysconfig, prefix" {
	own_pair
	# the copy was not relocated: what it records is the original's place
	fails 'extensions would be built with something else' sysconfig
	startup "$NEWER"
	fails 'another release' release
	rm -f "$PREFIX/lib/python${SERIES}t/build-details.json"
	fails 'FileNotFoundError' build-details
	echo '{"abi": {"flags": []}, "language": {"version": "3.14"}}' >"$PREFIX/lib/python${SERIES}t/build-details.json"
	fails 'speaks of another build' build-details
	startup 'sys.abi_info = types.SimpleNamespace(free_threaded=False, debug=False)'
	fails 'speaks of another build' abi-info
	startup 'sys._jit = types.SimpleNamespace(is_available=lambda: True, is_enabled=lambda: True)'
	fails 'not what configure was asked for' jit
	rm "$PREFIX/lib/python${SERIES}t/site-packages/broken.pth"
	wrapped "exec '$FT' \"\$@\""
	fails 'found the library of another one' prefix
}

@test "a root by another name is the same root" {
	real_pair
	ln -s "$REAL_ROOT" root && export UNGIL_ROOT=$PWD/root
	checked 'v["verdict"] == "passed"' sysconfig prefix stale-paths same-interpreter
}

@test "a feature of 3.14 that does not work is seen: template-strings, annotationlib, interpreters" {
	own_pair
	startup "$NEWER; import builtins; builtins.eval = lambda s, *a, e=eval: None if str(s).startswith('t\"') else e(s, *a)"
	fails 't-strings do not work' template-strings
	startup "$NEWER; sys.modules['annotationlib'] = None"
	fails 'not evaluated lazily' annotationlib
	startup "$NEWER; sys.modules['concurrent.futures.interpreter'] = None"
	fails 'InterpreterPoolExecutor does not work' interpreters
}

@test "an OpenSSL that does not find this machine's certificates fails" {
	[ -s /etc/ssl/certs/ca-certificates.crt ] || [ -e /etc/pki/tls/certs ] || skip "this machine has no certificates"
	own_pair
	# whatever the caller's environment says
	SSL_CERT_FILE=/nowhere checked 'checks["certificates"]["verdict"] == "pass"' certificates
	startup 'sys.modules["_ssl"] = None'
	fails 'ssl does not work' certificates
	startup 'import _ssl; _ssl.get_default_verify_paths = lambda: ("A", "/nowhere/cert.pem", "B", "/nowhere/certs")'
	sed -i 's/context.load_default_certs(purpose)/pass/' "$PREFIX/lib/python${SERIES}t/ssl.py"
	rm "$PREFIX/lib/python${SERIES}t"/__pycache__/ssl.* # it is not compared with its source
	fails 'OpenSSL looks in /nowhere/cert.pem and /nowhere/certs' certificates
}

@test "what cannot be compiled or linked fails; without a compiler it is skipped, with the reason" {
	own_pair
	local include=$PREFIX/include/python${SERIES}t pc=$PREFIX/lib/pkgconfig/python-${SERIES}t-embed.pc
	local config=$PREFIX/bin/python${SERIES}t-config
	checked 'v["verdict"] == "passed" and all(c["verdict"] == "pass" for n, c in checks.items()
		if n != "embed-pkgconfig" or c["verdict"] != "skip")' extension trap embed-config embed-pkgconfig
	query '"by ungil_undeclared" in checks["trap"]["seen"]'
	run --separate-stderr env PATH=/nowhere "$(command -v timeout)" 60 "$UNGIL" verify --json \
		--check extension,trap,embed-config,embed-pkgconfig "${REAL}t"
	query 'len(checks) == 4 and all(c["verdict"] == "skip" and "no compiler" in c["reason"] for c in checks.values())'
	assert_exit 0
	sed -i 's|^Libs:.*|Libs: -L${libdir} -lpython0.0|' "$pc"
	if command -v pkg-config; then fails 'lpython0.0' embed-pkgconfig; fi
	sed -i 's|echo "$INCDIR $PLATINCDIR"|echo -I/nowhere|' "$config"
	fails 'Python.h' embed-config
	sed -i '1a echo no such thing >\&2; exit 1' "$config"
	fails 'no such thing' embed-config
	rm "$config" "$pc"
	checked 'checks["embed-config"]["verdict"] == "fail"' embed-config
	rm "$PREFIX/lib/libpython${SERIES}t.a"
	fails 'there is no libpython to link with' embed-pkgconfig
	sed -i '1i #error broken' "$include/Python.h"
	fails 'broken' extension trap
}

@test "a path of the build machine in any file is found, in text and in binary; the interpreter's own is allowed" {
	own_pair
	local lib=$PREFIX/lib/python${SERIES}t
	checked 'checks["stale-paths"]["verdict"] == "pass" and int(checks["stale-paths"]["seen"].split()[0]) > 1000' stale-paths
	echo "prefix=/opt/ungil/versions/${REAL}t" >"$lib/left.txt"
	fails "left.txt: /opt/ungil/versions/${REAL}t" stale-paths
	# another one's path is not ours; neither is what the user put into site-packages
	echo "prefix=/opt/ungil/versions/${REAL}td/x" >"$lib/left.txt"
	mkdir "$lib/site-packages/mine" && echo "$XDG_CACHE_HOME/ungil/build/x" >"$lib/site-packages/mine/__init__.py"
	checked 'checks["stale-paths"]["verdict"] == "pass"' stale-paths
	printf 'a\0b%s/ungil/build/3.14/x\0' "$XDG_CACHE_HOME" >"$lib/left.pyc"
	printf '\0%s/stage/install.1/x\0' "$UNGIL_ROOT" >"$lib/lib-dynload/left.so"
	fails 'lib-dynload/left.so' stale-paths
	query '"left.pyc" in checks["stale-paths"]["reason"]'
}

@test "a venv that cannot be made, and one in which there is no pip" {
	own_pair
	rm "$PREFIX/lib/python${SERIES}t"/ensurepip/__init__.py "$PREFIX/lib/python${SERIES}t"/ensurepip/__pycache__/__init__.*
	printf 'def version(): return "0"\ndef _main(argv=None): return 0\n' >"$PREFIX/lib/python${SERIES}t/ensurepip/__init__.py"
	fails 'pip does not work' pip
	query 'checks["pip"]["seen"].startswith("status 1")'
	rm -r "$PREFIX/lib/python${SERIES}t/venv"
	fails 'python -m venv does not work' venv
}

@test "an interpreter that is exchanged during a run is noticed, whoever does it" {
	own_pair
	# its second start is another interpreter
	wrapped "if mkdir '$PWD/started' 2>/dev/null; then exec -a \"\$0\" \"\$real\" \"\$@\"; else exec '$FT' \"\$@\"; fi"
	checked 'v["verdict"] == "unproven" and " ran on " in checks["same-interpreter"]["reason"]' prefix module:zlib jit
	assert_exit 3
	# the file is replaced by an equal one
	mv "$PREFIX/bin/python${SERIES}t.real" "$PREFIX/bin/python${SERIES}t"
	# shellcheck disable=SC2016
	wrapped 'cp "$0" "$0.new"; mv "$0.new" "$0"; exec -a "$0" "$real" "$@"'
	fails 'its file was' same-interpreter
	checked 'checks["same-interpreter"]["verdict"] == "fail"' gil-off
}

@test "all that switch the GIL on are named, not only the first" {
	own_pair
	local lib=$PREFIX/lib/python${SERIES}t name
	mkdir "$lib/site-packages/many"
	for name in one two three; do
		printf '#include <Python.h>\nstatic struct PyModuleDef d = {PyModuleDef_HEAD_INIT, "%s"};\nPyMODINIT_FUNC PyInit_%s(void) { return PyModule_Create(&d); }\n' \
			$name $name >$name.c
		cc -w -shared -fPIC -I"$PREFIX/include/python${SERIES}t" $name.c -o "$lib/site-packages/many/$name.so"
	done
	echo 'from . import one, two, three' >"$lib/site-packages/many/__init__.py"
	run --separate-stderr ungil verify --json --check import --import many "${REAL}t"
	assert_exit 3
	query '[c["module"] for c in checks["import:many"]["culprits"]] == ["many.one", "many.two", "many.three"]'
	query 'all(c["file"].endswith(".so") for c in checks["import:many"]["culprits"])'
}

@test "--timeout ends a program that does not end; the answers before it stay" {
	own_pair
	startup 'import time, os; os.environ.get("HOME") and "modules.py" in " ".join(sys.orig_argv) and time.sleep(60)'
	local start=$SECONDS
	run --separate-stderr ungil verify --json --timeout 2 --check gil-off,module "${REAL}t"
	assert_exit 1
	[ $((SECONDS - start)) -lt 8 ]
	query 'checks["gil-off"]["verdict"] == "pass" and "did not end within 2 s" in checks["modules"]["reason"]'
}

@test "a cgroup's quota of half a CPU: inconclusive, and it says so" {
	real_pair
	local group=/sys/fs/cgroup/cpu/ungil-test-$$
	mkdir "$group" 2>/dev/null || { group=/sys/fs/cgroup/ungil-test-$$ && mkdir "$group" 2>/dev/null; } ||
		skip "no cgroup can be made here"
	{ echo 50000 >"$group/cpu.cfs_quota_us" || echo '50000 100000' >"$group/cpu.max"; } 2>/dev/null ||
		{ rmdir "$group" && skip "no quota can be set here"; }
	run --separate-stderr bash -c 'echo $$ >"$1/cgroup.procs" && exec timeout 60 "$2" verify --json --check parallel "$3"' \
		bash "$group" "$UNGIL" "${REAL}t"
	within 5 rmdir "$group" || true
	assert_exit 0
	query 'v["verdict"] == "inconclusive" and "quota of 0.5" in checks["parallel"]["reason"]'
}

@test "the verdict on threads: never wrong on a busy machine" {
	# shellcheck disable=SC2016
	run python3 -B - "$TOP/share/kernels" <<-'END'
		import sys
		sys.path.insert(0, sys.argv.pop(1))
		from parallel import judge_ft, judge_gil
		gil = {"name": "the GIL build", "ratio": 1.0}
		for arguments, expected, word in [
		    ((2, 1.9, 1.4, gil, 0, 0, 2), "pass", ""),
		    ((2, 1.0, 1.4, gil, 1.9, 1.95, 2), "fail", "take turns"),
		    ((2, 1.0, 1.4, gil, 1.0, 1.95, 2), "inconclusive", "load"),       # quiet for one try of three
		    ((2, 1.3, 1.4, gil, 1.9, 1.95, 2), "inconclusive", "kept 1.30"),
		    ((2, 1.9, 1.4, {"name": "it", "ratio": 1.8}, 0, 0, 2), "inconclusive", "tells nothing")]:
		    verdict, reason = judge_ft(*arguments)
		    assert verdict == expected and word in (reason or ""), (arguments, verdict, reason)
		assert judge_gil(2, 1.0, 1.4, 1.9, 2) == ("pass", None)
		assert judge_gil(2, 1.8, 1.4, 0, 2)[0] == "fail"
		verdict, reason = judge_gil(4, 1.0, 2.2, 1.1, 4)
		assert verdict == "inconclusive" and " on 4 CPUs" in reason, reason
	END
	assert_success
}

@test "--junit: what CI systems read, well-formed whatever stands in it, and written in one step" {
	own_pair
	mkdir -p "a <b> & \"c\"" && mkdir nowhere
	ln -s "$FT" "a <b> & \"c\"/python${SERIES}t"
	run ungil verify --junit report.xml --check gil-off,release,abi-info "./a <b> & \"c\"/python${SERIES}t"
	assert_exit 0
	run python3 - <<-'END'
		import xml.etree.ElementTree as E
		suite, = E.parse("report.xml").getroot().findall("testsuite")
		cases = {c.get("name"): c for c in suite}
		assert '/a <b> & "c"/' in suite.get("name").replace("./", "/"), suite.get("name")
		assert int(suite.get("tests")) == len(suite.findall("testcase")) and suite.get("failures") == "0"
		assert cases["gil-off"].find("failure") is None and cases["gil-off"].find("skipped") is None
	END
	assert_success
	rm -r "$PREFIX/lib/python${SERIES}t/venv"
	run ungil verify --junit report.xml --check venv,jit "${REAL}t" "$REAL"
	assert_exit 1
	run python3 - <<-'END'
		import xml.etree.ElementTree as E
		suites = {s.get("name"): s for s in E.parse("report.xml").getroot()}
		bad = [s for n, s in suites.items() if n.endswith("t")][0]
		assert len(suites) == 2 and bad.get("failures") == "1", E.tostring(bad)
		failure = bad.find("testcase[@name='venv']/failure")
		assert "venv does not work" in failure.get("message") and "expected:" in failure.text and "why:" in failure.text
	END
	assert_success
	run ungil verify --junit report.xml --files "${REAL}t"
	assert_exit 1
	assert_file_contains report.xml 'name="files">'
	assert_file_contains report.xml 'venv/__init__.py'
	run ungil verify --junit /nowhere/report.xml --check gil-on "$REAL"
	assert_exit 1
	assert_output --partial '/nowhere/report.xml'
}

@test "--check takes names that there are; a part proves no whole" {
	real_pair
	run ungil verify --check gil-of "${REAL}t"
	assert_exit 2
	assert_output --partial 'did you mean "gil-off"?'
	run --separate-stderr ungil verify --check gil-off,module:ssl "${REAL}t"
	assert_exit 0
	assert_line --index 0 --partial "${REAL}t: passed (2 checks"
	run ungil help verify
	for name in gil-off gil-option trap embed-pkgconfig stale-paths same-interpreter; do assert_output --partial "$name"; done
}

@test "interpreters that ungil did not install: the system's, a venv's, a copy with another name, a path with spaces" {
	real_pair
	local some=--check=gil-off,gil-on,build-flag,abiflags,extension
	run --separate-stderr ungil verify --json "$(command -v /usr/bin/python3 || command -v python3)"
	assert_exit 0
	query 'all(c["verdict"] in ("pass", "skip", "inconclusive") for c in checks.values()) and checks["gil-on"]["verdict"] == "pass"'
	query 'checks["stale-paths"]["verdict"] == "skip" and checks["stale-paths"]["reason"]'
	"$FT" -B -m venv --without-pip "a venv"
	run --separate-stderr ungil verify --json $some "a venv/bin/python"
	assert_exit 0
	query 'checks["gil-off"]["verdict"] == "pass" and checks["extension"]["seen"] == "GIL off"'
	"$FT" -B -m venv --without-pip --copies copies
	run --separate-stderr ungil verify --json $some copies/bin/python3
	assert_exit 0
	query 'checks["gil-off"]["verdict"] == "pass"'
}
