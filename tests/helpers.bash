# What every test file loads first:
#
#     load helpers
#
# and has then, in each of its tests:
#
#   $UNGIL                    the program under test; `run ungil ...` runs it with a time limit
#   a home of its own         HOME, XDG_*, UNGIL_ROOT and the working directory are below $BATS_TEST_TMPDIR; nothing of the
#                             caller's environment that steers compilers, make, Python, curl or ungil is left
#   mini_upstream             a miniature CPython, 3.99.1 and 3.99.2 (tests/upstream/mini.sh), as the only recipe there is;
#                             `knob NAME [VALUE]` makes it fail, sleep ...; `unknob NAME` makes it good again
#   start_web, start_faulty   lighttpd with git (smart HTTP) and files; a server that misbehaves (tests/upstream/faulty.py).
#                             Started before mini_upstream, they are where its recipe points to
#   real_pair                 a real CPython pair, built by ungil once for all test files (some minutes)
#
# Afterwards the servers are stopped, and a test that left a process behind fails.
#
# A test may define setup and teardown of its own: it calls common_setup and common_teardown there.
#
# Run one file by hand from the build directory:   UNGIL=$PWD/ungil bats ../tests/20-store.bats

TESTS=$(cd "${BASH_SOURCE[0]%/*}" && pwd)
TOP=${TESTS%/*}
BUILD=${UNGIL_TEST_BUILD:-$([ -n "${UNGIL:-}" ] && dirname "$UNGIL" || echo "$TOP/build")}
UNGIL=${UNGIL:-$BUILD/ungil}
export TESTS TOP BUILD UNGIL

bats_require_minimum_version 1.5.0
for lib in bats-support bats-assert bats-file; do
	for dir in ${BATS_LIB_PATH//:/ } /usr/lib/bats /usr/share/bats /usr/lib /usr/lib/node_modules; do
		if [ -e "$dir/$lib/load.bash" ]; then
			load "$dir/$lib/load.bash"
			continue 2
		fi
	done
	echo "no $lib found: install it, or say where it is with BATS_LIB_PATH" >&2
	return 1
done

# --- before and after each test ------------------------------------------------------------------

common_setup() {
	local v
	for v in ${!UNGIL_*} ${!PYTHON*} ${!GIT_*} ${!XDG_*}; do
		case $v in UNGIL_TEST_*) ;; *) unset "$v" ;; esac
	done
	unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES GNUMAKEFLAGS CC CFLAGS CPPFLAGS LDFLAGS CONFIG_SITE DESTDIR
	unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY all_proxy ALL_PROXY SSL_CERT_FILE SSL_CERT_DIR
	export LC_ALL=C.UTF-8 TERM=dumb no_proxy=127.0.0.1,localhost
	export HOME=$BATS_TEST_TMPDIR/home UNGIL_ROOT=$BATS_TEST_TMPDIR/root
	export XDG_CACHE_HOME=$BATS_TEST_TMPDIR/cache UNGIL_RECIPES=$BATS_TEST_TMPDIR/no-recipes
	# the budget of jobs, too: another test's builds are not waited for
	export XDG_RUNTIME_DIR=$BATS_TEST_TMPDIR/run
	mkdir -p "$HOME" "$UNGIL_RECIPES" "$BATS_TEST_TMPDIR/cwd"
	mkdir -p "$XDG_RUNTIME_DIR" && chmod 0700 "$XDG_RUNTIME_DIR"
	cd "$BATS_TEST_TMPDIR/cwd" || return 1
	[ -x "$UNGIL" ] || { echo "there is no program $UNGIL: build it, or set UNGIL" >&2; return 1; }
	WEB='' FAULTY='' SERVERS=()
}

common_teardown() {
	local pid status=0
	for pid in "${SERVERS[@]}"; do
		kill "$pid" 2>/dev/null || true
	done
	for pid in $(processes_left); do
		echo "# left running: $pid $(tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline")"
		kill -9 "$pid" 2>/dev/null || true
		status=1
	done
	cd / && chmod -R u+rwX "$BATS_TEST_TMPDIR" 2>/dev/null
	return $status
}

setup() { common_setup; }
teardown() { common_teardown; }

# Ends what a test left on purpose, so that the teardown does not complain of it.
kill_what_is_left() {
	local pid
	for pid in $(processes_left); do kill -9 "$pid" || true; done
}

# The process ids of whatever works in this test's directory, or has its program there; the servers apart.
# (One find for all of them: a readlink for each took more of a CPU than most tests do.)
processes_left() {
	local pid
	for pid in $(cd / && find /proc/[0-9]* -maxdepth 1 \( -name cwd -o -name exe \) -lname "$BATS_TEST_TMPDIR/*" 2>/dev/null | cut -d / -f 3 | uniq); do
		case " $$ $BASHPID ${SERVERS[*]} " in *" $pid "*) continue ;; esac
		# this test's own shells stand in its directory too
		if ! tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -q 'bats'; then echo "$pid"; fi
	done
}

# --- running ungil -------------------------------------------------------------------------------

# ungil ARGUMENT...: with a limit, so that a hang is a failure (124) and not the end of the whole run
ungil() { timeout -k 5 "${LIMIT:-120}" "$UNGIL" "$@"; }

# For a test that runs ungil under strace: skips it where there is none. A program has one tracer at a time, so
# in a sanitizer build LeakSanitizer, which traces its own process when it ends, has to stay away.
need_strace() {
	command -v strace >/dev/null || skip "no strace"
	strace -o /dev/null true 2>/dev/null || skip "may not trace"
	export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0
}

# background COMMAND...: sets PID. Bats waits for its descriptor 3, which a background process must therefore not hold.
background() {
	"$@" 3>&- </dev/null &
	PID=$!
}

# within SECONDS COMMAND...: until it succeeds
within() {
	local end=$((SECONDS + $1 + 1))
	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || { echo "not within the time: $*" >&2; return 1; }
		sleep 0.02
	done
}

# shellcheck disable=SC2154
assert_exit() { # assert_exit STATUS: of the last `run`, and says what it printed
	if [ "$status" -ne "$1" ]; then
		fail "exit status $status, expected $1; output: $output" # both are set by run
	fi
}

# No name is visible that is not whole: what list shows has a receipt, passes verify --files, and there is nothing else.
# After a kill, a link of a prefix that is gone may still be there; the next command that changes something mends it.
assert_store_is_sound() { # [killed]
	local d
	for d in "$UNGIL_ROOT"/versions/*/; do
		[ -d "$d" ] || continue
		assert_file_exist "$d/ungil.json"
		assert_file_exist "$d/ungil.mtree"
		python3 -m json.tool "$d/ungil.json" >/dev/null || fail "not JSON: $d/ungil.json"
	done
	for d in "$UNGIL_ROOT"/bin/*; do
		if [ "${1:-}" != killed ] && [ -L "$d" ] && [ ! -e "$d" ]; then fail "dangling: $d -> $(readlink "$d")"; fi
	done
	run ungil list
	assert_exit 0
	if [ -n "$(ls "$UNGIL_ROOT/versions" 2>/dev/null)" ]; then
		run ungil verify --files
		assert_exit 0
	fi
}

assert_nothing_installed() {
	run find "$UNGIL_ROOT/versions" "$UNGIL_ROOT/stage" -mindepth 1 -maxdepth 1 ! -name 'failed-*'
	output=$(grep -v 'No such file' <<<"$output" || true)
	assert_output ''
}

# --- upstreams -----------------------------------------------------------------------------------

mini_upstream() {
	MINI=$BATS_TEST_TMPDIR/mini
	if [ -n "$FAULTY" ]; then
		export MINI_TAR_URL=$FAULTY/${FAULT:-ok} MINI_PROVIDERS=${MINI_PROVIDERS:-tarball}
	elif [ -n "$WEB" ]; then
		export MINI_GIT_URL=$WEB/git/cpython.git MINI_TAR_URL=$WEB/tarballs
	fi
	"$TESTS/upstream/mini.sh" "$MINI" >&2
	export UNGIL_RECIPES=$MINI/recipes
	RECIPE=$MINI/recipes/3.99.ini
}

knob() { printf '%s\n' "${2:-}" >"$MINI/control/$1"; }
unknob() { rm -f "$MINI/control/$1"; }

# set_key SECTION KEY VALUE: in the miniature's recipe
set_key() {
	sed -i "/^\[$1\]/,/^\[/s|^$2 =.*|$2 = $3|" "$RECIPE"
}

# pin RELEASE FILE: the recipe's digest of RELEASE's tarball becomes that of FILE
pin() {
	local sum
	sum=$(sha256sum "$2")
	set_key "pin ${1//./\\.}" sha256-tar.xz "${sum%% *}"
}

# --- servers on loopback -------------------------------------------------------------------------

free_port() {
	python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# start_web: lighttpd. $WEB/git/cpython.git is the miniature's repository, $WEB/tarballs/ its archives.
# Git's own CGI program answers for $WEB/git.
start_web() {
	local port backend conf=$BATS_TEST_TMPDIR/lighttpd.conf _ root=${1:-$BATS_TEST_TMPDIR/mini}
	backend=$(git --exec-path)/git-http-backend
	mkdir -p "$root"
	WEB_LOG=$BATS_TEST_TMPDIR/access.log
	for _ in 1 2 3; do
		port=$(free_port)
		cat >"$conf" <<END
server.document-root = "$root"
server.bind = "127.0.0.1"
server.port = $port
server.errorlog = "$BATS_TEST_TMPDIR/lighttpd.log"
server.modules = ("mod_accesslog", "mod_alias", "mod_cgi", "mod_setenv")
accesslog.filename = "$WEB_LOG"
accesslog.format = "%m %U%q %s %{Range}i"
\$HTTP["url"] =~ "^/git" {
	alias.url = ("/git" => "$backend")
	cgi.assign = ("" => "")
	setenv.set-environment = ("GIT_PROJECT_ROOT" => "$root/git", "GIT_HTTP_EXPORT_ALL" => "1",
		"GIT_CONFIG_COUNT" => "1", "GIT_CONFIG_KEY_0" => "safe.directory", "GIT_CONFIG_VALUE_0" => "*")
}
END
		PATH=$PATH:/usr/sbin background lighttpd -D -f "$conf"
		SERVERS+=("$PID")
		WEB_PID=$PID
		WEB=http://127.0.0.1:$port
		if within 5 bash -c "exec 2>/dev/null 9<>/dev/tcp/127.0.0.1/$port"; then return 0; fi
	done
	cat "$BATS_TEST_TMPDIR/lighttpd.log" >&2
	return 1
}

# What lighttpd was asked: METHOD PATH STATUS RANGE, a line each. It keeps them to itself until it changes its log file.
web_log() {
	kill -HUP "$WEB_PID"
	sleep 0.5
	cat "$WEB_LOG"
}

# start_faulty [FAULT [tls]]: the misbehaving server; the miniature's tarballs are at $FAULTY/FAULT/ (see faulty.py).
# With tls its certificate is signed by nobody; it is in $CERTIFICATE.
start_faulty() {
	local root=$BATS_TEST_TMPDIR/mini/tarballs port_file=$BATS_TEST_TMPDIR/faulty.port scheme=http
	local -a tls=()
	FAULT=${1:-ok} FAULTY_LOG=$BATS_TEST_TMPDIR/faulty.log
	mkdir -p "$root"
	rm -f "$port_file"
	: >"$FAULTY_LOG"
	if [ "${2:-}" = tls ]; then
		CERTIFICATE=$BATS_TEST_TMPDIR/certificate.pem scheme=https
		openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 \
			-keyout "$BATS_TEST_TMPDIR/key.pem" -out "$CERTIFICATE" 2>/dev/null
		tls=("$CERTIFICATE" "$BATS_TEST_TMPDIR/key.pem")
	fi
	background python3 "$TESTS/upstream/faulty.py" "$root" "$port_file" "$FAULTY_LOG" "${tls[@]}"
	SERVERS+=("$PID")
	within 10 test -e "$port_file"
	FAULTY=$scheme://127.0.0.1:$(cat "$port_file")
}

# how often the misbehaving server was asked
requests() { wc -l <"$FAULTY_LOG"; }

# --- the real thing ------------------------------------------------------------------------------

# real_pair: sets REAL_ROOT (a root with a verified real pair), REAL (3.13.N), its SERIES, its interpreters GIL and FT,
# and UNGIL_ROOT=$REAL_ROOT. The first test that asks builds it, from Debian's source package (tests/upstream/source.sh);
# the others wait for it. It stays in the build directory until `make clean`; in CI, until the program changes. Tests
# must not change it: they copy what they change. UNGIL_TEST_PAIR names a root whose newest pair is used instead.
real_pair() {
	local keep=$BUILD/real-pair why
	export UNGIL_RECIPES=$TOP/recipes
	if [ -n "${UNGIL_TEST_PAIR:-}" ]; then
		REAL_ROOT=$UNGIL_TEST_PAIR
		REAL=$(find "$REAL_ROOT/versions" -mindepth 1 -maxdepth 1 -name '*t' -printf '%f\n' | sort -V | tail -n 1)
		REAL=${REAL%t} && export REAL_ROOT REAL UNGIL_ROOT=$REAL_ROOT
		name_real_pair
		return
	fi
	mkdir -p "$keep"
	exec 8>"$keep/lock"
	flock 8
	why=$("$TESTS/upstream/source.sh" "$keep/source" 2>&1 >"$keep/tarball") || { flock -u 8; skip "$why"; }
	REAL_ROOT=$keep/root REAL=$(sed -n 's/.*python3[.]13_\(.*\)[.]orig.*/\1/p' "$keep/tarball")
	export REAL_ROOT REAL UNGIL_ROOT=$REAL_ROOT
	if [ "$UNGIL" -nt "$keep/failed" ]; then rm -f "$keep/failed"; fi
	if [ "${CI:-}" = true ] && [ "$UNGIL" -nt "$keep/done" ]; then rm -rf "$keep/done" "$REAL_ROOT"; fi
	if [ ! -e "$keep/done" ]; then
		if [ -e "$keep/failed" ]; then
			flock -u 8
			fail "the real pair could not be built: see $keep/log"
		fi
		if ! XDG_CACHE_HOME=$keep/cache timeout 1500 "$UNGIL" install "$REAL" --preset quick --source "$(cat "$keep/tarball")" --json \
			>"$keep/report.json" 2>"$keep/log" 3>&- 8>&- </dev/null; then
			touch "$keep/failed"
			flock -u 8
			tail -n 30 "$keep/log" >&2
			fail "the real pair could not be built: see $keep/log"
		fi
		touch "$keep/done"
	fi
	flock -u 8
	exec 8>&-
	name_real_pair
}

name_real_pair() {
	SERIES=${REAL%.*}
	# shellcheck disable=SC2034 # the test files use them
	GIL=$REAL_ROOT/versions/$REAL/bin/python$SERIES \
		FT=$REAL_ROOT/versions/${REAL}t/bin/python${SERIES}t
}

# own_pair: a copy of it in a root of this test's own; PREFIX is the free-threaded one. Its files are shared with the
# original: replace them (sed -i does), don't edit them.
own_pair() {
	real_pair
	UNGIL_ROOT=$BATS_TEST_TMPDIR/root
	mkdir -p "$UNGIL_ROOT"
	cp -al "$REAL_ROOT/versions" "$UNGIL_ROOT/versions"
	export UNGIL_ROOT PREFIX=$UNGIL_ROOT/versions/${REAL}t
}

# query EXPRESSION: a Python expression about `checks` (by name) and `v` (the first object) of the last --json
query() {
	python3 -c '
import json, sys
v = json.loads(sys.argv[1])["verified"][0]
checks = {c["check"]: c for c in v["checks"]}
sys.exit(0 if eval(sys.argv[2]) else f"not so: {sys.argv[2]}\n{json.dumps(v, indent=1)}")' "$output" "$1"
}

# --- pages, in a real browser ---

# look [--switch] PAGE...: what the browser saw, one JSON object a line, in the file seen
look() {
	command -v chromedriver >/dev/null || skip "no chromedriver"
	TMPDIR=$BATS_TEST_TMPDIR timeout -k 5 90 python3 "$TESTS/browser.py" "$@" >seen || {
		[ $? -ne 77 ] || skip "$(cat seen)"
		fail "the browser failed: $(tail -n 3 seen)"
	}
}

# seen COUNT EXPRESSION: there are COUNT views, and the Python expression about one, `v`, is true of each
seen() {
	python3 -c '
import json, sys
views = [json.loads(line) for line in open("seen")]
assert len(views) == int(sys.argv[1]), f"{len(views)} views"
for v in views:
    assert eval(sys.argv[2]), f"not so: {sys.argv[2]}\n{json.dumps(v, indent=1)}"' "$@"
}
