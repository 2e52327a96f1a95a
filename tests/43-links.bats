# What root/bin, the lock and the stages are, on prefixes made by hand: no build is needed.

load helpers

teardown() {
	rm -rf "${OPEN:-}"
	common_teardown
}

# prefix NAME...: installed prefixes that hold what the store and the verbs look at
prefix() {
	local name release series suffix p program
	for name; do
		release=${name%%[a-z-]*} suffix=''
		case $name in
		*rc*) release=$name ;;
		*) suffix=${name#"$release"} ;;
		esac
		series=$(cut -d. -f1,2 <<<"$release") p=$UNGIL_ROOT/versions/$name
		mkdir -p "$p/bin"
		for program in python pip idle pydoc; do
			printf '#!/bin/sh\necho %s %s "$@"\n' "$name" $program >"$p/bin/$program$series$suffix"
		done
		printf '#!/bin/sh\necho %s config\n' "$name" >"$p/bin/python$series$suffix-config"
		ln -s "python$series$suffix" "$p/bin/python"
		chmod +x "$p"/bin/*
		cat >"$p/ungil.json" <<END
{"format": 1, "name": "$name", "release": "$release", "series": "$series", "suffix": "$suffix", "variant": "v",
 "preset": "quick", "inputs": "i", "installed": "2026-08-05T12:00:00Z", "free_threaded": $([ "$suffix" = t ] && echo true || echo false),
 "verify": {"verdict": "proven", "checks": []}}
END
	done
}

says() { # says NAME TEXT: what ROOT/bin/NAME prints
	run "$UNGIL_ROOT/bin/$1" 'a  b'
	assert_output "$2 a  b"
}

# hold_lock: somebody holds the root's lock; sets holder to its process id
hold_lock() {
	background bash -c 'exec 9>>"$UNGIL_ROOT/lock"; flock 9; exec sleep 60'
	holder=$PID
	within 5 bash -c '! flock -n "$UNGIL_ROOT/lock" true'
}

@test "several releases of a series: the newest owns its names, python is the newest stable GIL build" {
	prefix 3.13.5 3.14.7 3.14.10 3.14.7t 3.15.0rc1 3.15.0rc1t
	rm -r "$UNGIL_ROOT/versions/3.15.0rc1t"
	run ungil link
	assert_exit 0
	says python3.14 "3.14.10 python"
	says python3.14t "3.14.7t python"
	says pip3.14t "3.14.7t pip"
	says python3.15 "3.15.0rc1 python"
	says python3.13 "3.13.5 python"
	says python3 "3.14.10 python"
	says python "3.14.10 python"
	run ungil list
	assert_line --index 1 --regexp '^3\.15\.0rc1 '
	assert_line --index 2 --regexp '^3\.14\.10 .* default$'
	run ungil remove 3.14.10
	assert_exit 0
	assert_output --partial "removed: 3.14.10"
	says python3.14 "3.14.7 python"
	says python "3.14.7 python"
}

@test "python3.14 is never the free-threaded build" {
	prefix 3.14.7t
	run ungil link
	assert_exit 0
	for name in python3.14 python3 python pip3.14; do
		assert_not_exist "$UNGIL_ROOT/bin/$name"
	done
	says python3.14t "3.14.7t python"
	run ungil link --default 3.14t
	assert_exit 0
	says python "3.14.7t python"
	run ungil list --json
	assert_output --partial '"default": "3.14.7t"'
	run ungil link --default auto
	assert_not_exist "$UNGIL_ROOT/bin/python"
}

@test "remove: one name is one prefix, its companion is named, a series is refused" {
	prefix 3.14.7 3.14.7t
	run ungil remove 3.14
	assert_exit 2
	assert_output --partial "ungil remove 3.14.7"
	run ungil remove 3.14.7 3.14.8
	assert_exit 1
	assert_dir_exist "$UNGIL_ROOT/versions/3.14.7"
	run ungil remove 3.14.7
	assert_exit 0
	assert_output --partial "still installed: 3.14.7t"
	assert_not_exist "$UNGIL_ROOT/versions/3.14.7"
	run ungil remove ../versions/3.14.7t
	[ "$status" -ne 0 ]
	assert_dir_exist "$UNGIL_ROOT/versions/3.14.7t"
	run ungil remove --json 3.14.7t
	assert_output --partial '"removed": ['
	run ls -A "$UNGIL_ROOT/bin" "$UNGIL_ROOT/versions" "$UNGIL_ROOT/stage"
	refute_output --partial 3.14
}

@test "a prefix whose receipt is broken can be removed" {
	prefix 3.14.7
	echo '{' >"$UNGIL_ROOT/versions/3.14.7/ungil.json"
	run ungil which 3.14.7
	assert_exit 1
	run ungil remove 3.14.7
	assert_exit 0
	assert_not_exist "$UNGIL_ROOT/versions/3.14.7"
}

@test "link --into follows what is installed, needs no write access to the root, takes its own links away" {
	prefix 3.14.7 3.14.7t
	run ungil link
	mkdir into && ln -s /usr/bin/env into/other
	run ungil link --into into
	assert_exit 0
	run into/python3.14t -c x
	assert_output "3.14.7t python -c x"
	prefix 3.14.8
	ungil link
	run into/python3.14
	assert_output "3.14.8 python"
	ungil remove 3.14.7t
	ungil link --into into
	assert_not_exist into/python3.14t
	assert_link_exist into/other
}

@test "who waits is told for whom; whoever is killed holds nothing" {
	prefix 3.14.7
	ungil link
	printf '4711\nungil install 3.14\n2026-08-05T12:00:00Z\n' >"$UNGIL_ROOT/lock"
	hold_lock
	run ungil link --lock-wait 0
	assert_exit 7
	assert_output --partial "pid 4711 (ungil install 3.14), since 2026-08-05T12:00:00Z"
	background bash -c '"$UNGIL" link >waited 2>&1; echo "exit $?" >>waited'
	waiter=$PID
	within 5 grep -q "waiting for another ungil: pid 4711" waited
	run ungil list # needs no lock
	assert_exit 0
	kill -9 $holder
	within 5 grep -q "exit 0" waited
	wait $waiter
}

@test "Ctrl-C ends the waiting" {
	mkdir -p "$UNGIL_ROOT"
	hold_lock
	background "$UNGIL" link
	waiter=$PID
	sleep 0.3
	kill -TERM $waiter
	status=0
	wait $waiter || status=$?
	assert_equal "$status" 143
	kill -9 $holder
}

@test "a root that belongs to somebody else: what can be done is said, and reading works" {
	as=()
	if [ "$(id -u)" -eq 0 ]; then
		# another user may not look into the test's own directory
		command -v setpriv >/dev/null || skip "no setpriv"
		as=(setpriv --reuid 65534 --regid 65534 --clear-groups)
		OPEN=$(mktemp -d)
		chmod 755 "$OPEN"
		cp "$UNGIL" "$OPEN/ungil"
		export UNGIL=$OPEN/ungil UNGIL_ROOT=$OPEN/root
	fi
	prefix 3.14.7
	ungil link
	if [ "$(id -u)" -ne 0 ]; then chmod a-w "$UNGIL_ROOT" "$UNGIL_ROOT"/*; fi
	run timeout 20 "${as[@]}" "$UNGIL" link
	assert_exit 1
	assert_output --partial "Permission denied"
	assert_output --partial "--root"
	assert_output --partial UNGIL_ROOT
	assert_output --partial sudo
	run timeout 20 "${as[@]}" "$UNGIL" list
	assert_exit 0
	assert_output --partial 3.14.7
}

# theirs ROOT: files of somebody's, under names like ungil's and others
theirs() {
	local f
	for f in stage/{mywork,3.14.7,failed-attempt,release.backup,3.14.7.backups} bin/{tool.tmp,my.tmp} versions/{1.0,.new-me,.new-3.14.8}; do
		mkdir -p "$1/${f%/*}"
		case $f in bin/*) echo mine >"$1/$f" ;; *) mkdir "$1/$f" && echo mine >"$1/$f/file" ;; esac
	done
	echo mine >"$1/stage/3.14.7.abcdef"
	ln -s mywork "$1/stage/3.14.7.abcdeg"
	ln -s ../versions/1.0/tool "$1/bin/tool"
	echo mine >"$1/versions/.dropping-3.14.9" # ungil's own are empty
	touch "$1/versions/.dropping-" "$1/versions/.dropping-.."
}

@test "a directory that is somebody else's does not become a root" {
	local part
	for part in stage versions; do
		mkdir -p "proj-$part/$part/mywork"
		for verb in link "install 3.14" "remove 3.14.7" clean; do
			run ungil $verb --root "proj-$part"
			assert_dir_exist "proj-$part/$part/mywork"
			if [ "$verb" = "remove 3.14.7" ]; then continue; fi # it is not there anyhow
			assert_exit 1
			assert_output --partial "proj-$part/$part/mywork"
			assert_output --partial UNGIL_ROOT
		done
		assert_equal "$(ls "proj-$part")" $part
	done
	mkdir locked && echo mine >locked/lock
	run ungil link --root locked
	assert_exit 1
	assert_output --partial locked/lock
	assert_equal "$(cat locked/lock)" mine
	# what was ungil's remains so without its lock
	prefix 3.14.7
	mkdir -p "$UNGIL_ROOT/stage/3.14.7t.abcdef"
	run ungil link
	assert_exit 0
	assert_equal "$(ls "$UNGIL_ROOT/stage")" ''
}

@test "what somebody else put into a root stays, whatever ungil sweeps" {
	prefix 3.14.7 3.14.8
	ungil link
	theirs "$UNGIL_ROOT"
	(cd "$UNGIL_ROOT" && find stage versions bin/tool* bin/my* | sort) >before
	run ungil link
	assert_exit 0
	run ungil clean
	assert_exit 0
	run ungil remove 3.14.8
	assert_exit 0
	(cd "$UNGIL_ROOT" && find stage versions bin/tool* bin/my* | sort) >after
	run diff <(grep -v versions/3.14.8 before) after
	assert_output ''
}

@test "an interpreter in versions that ungil did not install is neither removed nor replaced" {
	mini_upstream
	prefix 3.14.7
	ungil link
	mkdir -p "$UNGIL_ROOT/versions/3.99.1/bin"
	echo mine >"$UNGIL_ROOT/versions/3.99.1/bin/python"
	run ungil remove 3.99.1
	assert_exit 1
	assert_output --partial 'not installed'
	run ungil install 3.99.1 --no-bench
	assert_exit 1
	assert_output --partial "$UNGIL_ROOT/versions/3.99.1 is there"
	refute_output --partial configure
	assert_equal "$(cat "$UNGIL_ROOT/versions/3.99.1/bin/python")" mine
	run ungil install 3.99.1t --no-bench
	assert_exit 0
}

@test "stage or versions that is a symbolic link is refused, not followed" {
	local part
	mkdir -p "$UNGIL_ROOT" victim/3.14.7.abcdef victim/failed-3.14.7
	touch victim/.dropping-3.14.7.abcdef victim/.dropping-3.14.7
	for part in stage versions; do
		ln -s "$PWD/victim" "$UNGIL_ROOT/$part"
		find victim | sort >before
		for verb in link clean "clean --dry-run"; do
			run ungil $verb
			if [ "$verb" != "clean --dry-run" ]; then
				assert_exit 1
				assert_output --partial "$UNGIL_ROOT/$part is a symbolic link"
				assert_output --partial UNGIL_ROOT
			fi
			run diff before <(find victim | sort)
			assert_output ''
		done
		rm "$UNGIL_ROOT/$part"
	done
}

@test "exec: first in PATH, PYTHONHOME of another interpreter stays behind" {
	prefix 3.14.7t
	PYTHONHOME=/nowhere PYTHONPATH=kept run ungil exec 3.14t sh -c 'python; echo "${PYTHONHOME-none} $PYTHONPATH"'
	assert_exit 0
	assert_line "3.14.7t python"
	assert_line "none kept"
	run ungil exec 3.14t -- sh -c 'kill -PIPE $$; echo not ignored'
	assert_exit 141
	run ungil exec 3.14t
	assert_exit 2
}

@test "exec: a command that is not there, by its name and by a path" {
	prefix 3.14.7t
	run ungil exec 3.14t -- nonexist
	assert_exit 1
	assert_output --partial "looked for in PATH behind $UNGIL_ROOT/versions/3.14.7t/bin"
	run ungil exec 3.14t -- /nonexist
	assert_exit 1
	assert_output --partial 'cannot run /nonexist'
	refute_output --partial 'behind'
}

@test "clean --dry-run tells what clean would delete; what later builds gain from stays without --all" {
	prefix 3.14.7
	cache=$XDG_CACHE_HOME/ungil
	mkdir -p "$cache/tarballs" "$cache/build/x" "$cache/training" "$UNGIL_ROOT/stage/failed-3.14.7t"
	head -c 300000 /dev/urandom | tee "$cache/tarballs/a" "$cache/training/b" >"$UNGIL_ROOT/stage/failed-3.14.7t/c"
	run ungil clean --dry-run
	assert_exit 0
	assert_output --partial "$cache/tarballs"
	assert_output --partial "would be freed"
	assert_file_exist "$cache/tarballs/a"
	run ungil clean
	assert_exit 0
	assert_not_exist "$cache/tarballs"
	assert_not_exist "$cache/build"
	assert_not_exist "$UNGIL_ROOT/stage/failed-3.14.7t"
	assert_file_exist "$cache/training/b"
	assert_dir_exist "$UNGIL_ROOT/versions/3.14.7"
	run ungil clean --all --json
	assert_output --partial '"bytes"'
	assert_not_exist "$cache/training"
	UNGIL_ROOT=$PWD/none run ungil clean
	assert_exit 0
	assert_not_exist none
}

@test "recipe: list, show, check" {
	UNGIL_RECIPES=$TOP/recipes
	run ungil recipe list
	assert_exit 0
	assert_line --regexp '^3\.14 +3\.14\.[0-9]+ '
	run bash -c '"$UNGIL" recipe show --json 3.14 | python3 -m json.tool'
	assert_exit 0
	assert_output --partial '"series": "3.14"'
	run ungil recipe show 3.14
	assert_output --partial "--disable-gil"
	sed 's/^series/serie/' "$TOP/recipes/3.14.ini" >bad.ini
	run ungil recipe check bad.ini
	assert_exit 2
	assert_output --partial "bad.ini"
	assert_output --partial "serie"
	run ungil recipe frobnicate
	assert_exit 2
}

@test "a root in the lower layer of an image, where nothing can be renamed" {
	[ "$(id -u)" -eq 0 ] || skip "needs root, to mount an overlay"
	unshare --mount true 2>/dev/null || skip "may not mount"
	mini_upstream
	run ungil install 3.99.1 --no-bench
	assert_exit 0
	before=$(sed -n 's/.*"installed": //p' "$UNGIL_ROOT/versions/3.99.1t/ungil.json")
	sleep 1
	mkdir layers
	run timeout 100 unshare --mount --propagation private bash -c '
		mount -t tmpfs tmpfs layers && mkdir layers/upper layers/work || exit 99
		mount -t overlay overlay -o "lowerdir=$UNGIL_ROOT,upperdir=layers/upper,workdir=layers/work" "$UNGIL_ROOT" || exit 99
		python3 -c "import os; os.rename(os.environ[\"UNGIL_ROOT\"] + \"/versions/3.99.1\", os.environ[\"UNGIL_ROOT\"] + \"/x\")" &&
			echo "it can be renamed"
		"$UNGIL" remove 3.99.1 || exit 1
		"$UNGIL" install 3.99.1 --no-bench --force || exit 1
		"$UNGIL" verify --files || exit 1
		sed -n "s/.*\"installed\": /installed: /p" "$UNGIL_ROOT/versions/3.99.1t/ungil.json"
		ls -A "$UNGIL_ROOT/versions" "$UNGIL_ROOT/stage"'
	if [ "$status" -eq 99 ]; then skip "no overlay here"; fi
	assert_exit 0
	refute_output --partial "it can be renamed"
	assert_output --partial "installed: "
	refute_output --partial "installed: $before"
	assert_line 3.99.1
	assert_line 3.99.1t
	refute_output --partial .new-
	refute_output --partial .dropping-
}

@test "a directory that is in use for something else does not become a root" {
	mkdir -p used/bin && touch used/important
	run ungil link --root "$PWD/used"
	assert_exit 1
	assert_output --partial "$PWD/used is not a root of ungil's, and not empty: it holds important"
	assert_output --partial "choose an empty directory"
	run ls -A used
	assert_output "bin"$'\n'"important"
	mkdir -p empty/lost+found # a file system of its own
	run ungil link --root "$PWD/empty"
	assert_exit 0
}
