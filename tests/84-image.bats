# Images: what is in them, that equal ones are equal, how they stand on a base, and that a fault leaves nothing half-done.

load helpers
source "$TESTS/upstream/registry.bash"

setup() {
	common_setup
	mini_upstream
}

install_mini() { # SPEC...
	run ungil install "$@" --preset quick --no-bench
	assert_exit 0
}

image() { # ARGUMENT...
	run --separate-stderr ungil image "$@"
	[ "$status" -eq 0 ] || printf '%s\n' "$stderr"
	assert_exit 0
}

# digest LAYOUT[:TAG]: of its image
digest() {
	python3 -c '
import json, sys
where, _, tag = sys.argv[1].partition(":")
name = "org.opencontainers.image.ref.name"
print(*[m["digest"] for m in json.load(open(where + "/index.json"))["manifests"] if tag in ("", m["annotations"][name])])' "$1"
}

# of LAYOUT EXPRESSION: about its (only) image: `manifest`, `config`, `index`
of() {
	python3 -c '
import json, sys
read = lambda d: json.load(open(sys.argv[1] + "/blobs/sha256/" + d["digest"][7:]))
index = json.load(open(sys.argv[1] + "/index.json"))
manifest = read(index["manifests"][0])
config = read(manifest["config"])
run = config["config"]
print(eval(sys.argv[2]))' "$1" "$2"
}

# every_blob_is_right LAYOUT: its name is its digest, and there is nothing else
every_blob_is_right() {
	(cd "$1/blobs/sha256" && for blob in *; do
		[ "$(sha256sum <"$blob")" = "$blob  -" ] || fail "$blob is not what its name says"
	done)
}

# no_work_left: the cache holds nothing that was in the making
no_work_left() {
	run find "$XDG_CACHE_HOME/ungil/image" "$XDG_CACHE_HOME/ungil/pack" -mindepth 1 -maxdepth 1
	assert_output ''
}

# base FAULT: the layout $BASE, spoiled, as the layout FAULT
base() { python3 "$TESTS/images.py" "$BASE" "$PWD/$1" "$1"; }

# good_base: the layout $BASE, an image to build on
good_base() {
	install_mini 3.99.1t
	BASE=$PWD/good
	image 3.99.1t -o "oci:$BASE:base"
}

@test "the layers: system, interpreters below /opt/ungil whatever the root is, links; sorted, nobody's, of the release's time" {
	install_mini 3.99.1
	image 3.99.1 -o "oci:$PWD/out"
	every_blob_is_right out
	run of out '" ".join(h["created_by"] for h in config["history"])'
	assert_output 'ungil image: libraries of the system ungil image: CPython 3.99.1 ungil image: CPython 3.99.1t ungil image: links'
	local i
	for i in 0 1 2 3; do
		tar --numeric-owner --full-time -tvzf "out/blobs/sha256/$(of out "manifest['layers'][$i]['digest'][7:]")" >"layer$i"
		run grep -vE '^(-rw-r--r--|-rwxr-xr-x|drwxr-xr-x|drwxrwxrwt|lrwxrwxrwx) 0/0 +[0-9]+ 2025-01-01 00:00:00 [a-z]' "layer$i"
		assert_output ''
		run bash -c "sed 's|.*:00 ||; s| -> .*||; s|/\$||; s|/|\x01|g' layer$i | LC_ALL=C sort -c"
		assert_exit 0
		run bash -c "zcat 'out/blobs/sha256/$(of out "manifest['layers'][$i]['digest'][7:]")' | sha256sum"
		assert_output "$(of out "config['rootfs']['diff_ids'][$i][7:]")  -"
	done
	run grep -cE '1777|rwt.* (tmp|var/tmp)/$' layer0
	assert_output 2
	grep -q 'opt/ungil/versions/3.99.1t/ungil.mtree$' layer2
	run sed -n 's|.* opt/ungil/bin/\([^ ]\+\).*|\1|p' layer3
	assert_output "$(ls "$UNGIL_ROOT/bin")"
}

@test "unpacked it is what ungil would have installed there: files, links, receipt; no path and no time of here" {
	install_mini 3.99.1
	image 3.99.1 -o "oci:$PWD/out"
	python3 "$TESTS/images.py" --tree out tree
	run ungil verify --files --root tree/opt/ungil
	assert_exit 0
	assert_output --partial '3.99.1t: '
	run ungil show 3.99.1t --root tree/opt/ungil --json
	assert_output --partial '"installed": "2025-01-01T00:00:00Z"'
	assert_output --partial '"root_prefix": "/opt/ungil/versions/3.99.1t"'
	run grep -rlF "$UNGIL_ROOT" tree
	assert_output ''
	run cat tree/opt/ungil/bin/python3.99t
	assert_line "[ -x '/opt/ungil/versions/3.99.1t/bin/python3.99t' ] && exec '/opt/ungil/versions/3.99.1t/bin/python3.99t' \"\$@\""
	run readlink tree/opt/ungil/bin/pip3.99t
	assert_output ../versions/3.99.1t/bin/pip3.99t
	diff <(ls tree/opt/ungil/bin) <(ls "$UNGIL_ROOT/bin")
}

@test "what it says: platform, environment, labels, annotations; python3 starts, or the only program that there is" {
	install_mini 3.99.1
	image 3.99.1 -o "oci:$PWD/out"
	run of out 'run["Env"], run["Cmd"], config["created"], config["os"]'
	assert_output "(['PATH=/opt/ungil/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'LANG=C.UTF-8'], ['python3'], '2025-01-01T00:00:00Z', 'linux')"
	run of out 'manifest["annotations"] == run["Labels"], sorted(run["Labels"])'
	assert_output --regexp "^\(True, \['org.opencontainers.image.created', .*image.description', .*image.licenses', .*image.revision', .*image.title', .*image.version', 'ungil.interpreter.3.99.1.manifest', 'ungil.interpreter.3.99.1t.manifest'\]\)$"
	run of out 'index["manifests"][0]["platform"]["os"], index["manifests"][0]["annotations"]'
	assert_output "('linux', {'org.opencontainers.image.ref.name': '3.99.1'})"
	image 3.99t -o "oci:$PWD/t"
	run of t 'run["Cmd"]'
	assert_output "['python3.99t']"
}

@test "the digest is equal: again, with another umask, TMPDIR, locale and time zone, of another root, by --json" {
	install_mini 3.99.1
	image 3.99.1 -o "oci:$PWD/a"
	mkdir else
	(umask 077 && TMPDIR=$PWD/else LC_ALL=C TZ=Asia/Tokyo ungil image 3.99.1 3.99.1t -o "oci:$PWD/b:other")
	ungil install 3.99.1 --preset quick --no-bench --root "$PWD/an other/root"
	run --separate-stderr ungil image 3.99t 3.99.1 --root "$PWD/an other/root" -o "oci:$PWD/c" --json
	assert_exit 0
	run python3 -c 'import json, sys; d = json.loads(sys.argv[1]); print(d["digest"], d["output"], d["pushed"], sum(1 for f in d["files"]) > 4, [i["name"] for i in d["interpreters"]])' "$output"
	assert_output "$(digest a) oci:$PWD/c:3.99.1 None True ['3.99.1', '3.99.1t']"
	assert_equal "$(digest b)" "$(digest a)"
	SOURCE_DATE_EPOCH=86400 ungil image 3.99.1 -o "oci:$PWD/d"
	[ "$(digest d)" != "$(digest a)" ]
	run of d 'config["created"], manifest["layers"]'
	assert_output "('1970-01-02T00:00:00Z', $(of a 'manifest["layers"]'))"
}

@test "SPECs: a series or a release is the pair; what is not installed says how to install it" {
	install_mini 3.99.1
	install_mini 3.99.2t
	image 3.99 -o "oci:$PWD/pair" # 3.99.2 is no pair
	run of pair 'run["Labels"]["org.opencontainers.image.version"]'
	assert_output 3.99.1
	image 3.99t -o "oci:$PWD/one"
	run of one 'run["Labels"]["org.opencontainers.image.description"]'
	assert_output 'CPython, installed by ungil: 3.99.2t'
	run ungil image 3.99.2 -o "oci:$PWD/none"
	assert_exit 1
	assert_output --partial '3.99.2 is not installed in'
	assert_output --partial 'Name one of them, or first: ungil install 3.99.2'
	run ungil image 3.98t -o "oci:$PWD/none"
	assert_exit 1
	assert_output --partial 'first: ungil install 3.98t'
	run ungil image '3.x' -o "oci:$PWD/none"
	assert_exit 2
	[ ! -e none ]
}

@test "a layout is added to; another tag stays, the same one is replaced; a directory of other things is left alone" {
	install_mini 3.99.1
	image 3.99.1 -o "oci:$PWD/out"
	image 3.99.1t -o "oci:$PWD/out:free"
	local pair
	pair=$(digest out:3.99.1)
	image 3.99.1t -o "oci:$PWD/out:3.99.1"
	assert_equal "$(digest out:3.99.1)" "$(digest out:free)"
	[ "$pair" != "$(digest out:free)" ]
	every_blob_is_right out
	mkdir mine && touch mine/thesis
	run ungil image 3.99.1t -o "oci:$PWD/mine"
	assert_exit 2
	assert_output --partial 'is not an image layout: it holds other things'
	run ls -A mine
	assert_output thesis
	no_work_left
}

@test "one variant alone has its own tag: the pair's image of the release stays" {
	install_mini 3.99.1
	image 3.99.1 -o oci:both
	local pair
	pair=$(digest both:3.99.1)
	image 3.99.1t -o oci:both
	assert_equal "$(digest both:3.99.1)" "$pair"
	[ "$(digest both:3.99.1t)" != "$pair" ]
}

@test "wrong usage says what to write" {
	local arguments
	while IFS='|' read -r arguments text; do
		# shellcheck disable=SC2086 # words
		run ungil image $arguments
		assert_exit 2
		assert_output --partial "$text"
	done <<-'END'
		|which SPEC?
		3.99|where to?
		3.99 -o out|write oci:DIR or oci:DIR:TAG
		3.99 -o oci://localhost/lab|to send it: --push
		3.99 --push localhost/lab|write oci://HOST/REPOSITORY
		3.99 --base debian -o oci:out|write oci:DIR[:TAG] or oci://HOST/REPOSITORY[:TAG]
	END
	install_mini 3.99.1t
	run env SOURCE_DATE_EPOCH=yesterday "$UNGIL" image 3.99.1t -o "oci:$PWD/out"
	assert_exit 2
	assert_output --partial 'SOURCE_DATE_EPOCH is no time: "yesterday"'
	run ungil image 3.99.1t --push "oci://localhost/Lab"
	assert_exit 2
	assert_output --partial 'the repository is wrong'
}

@test "an interpreter that was changed makes no image" {
	install_mini 3.99.1t
	chmod u+w "$UNGIL_ROOT"/versions/3.99.1t/bin/python3.99t
	echo '# changed' >>"$UNGIL_ROOT/versions/3.99.1t/bin/python3.99t"
	run ungil image 3.99.1t -o "oci:$PWD/out"
	assert_exit 5
	assert_output --partial 'not as installed: bin/python3.99t'
	[ ! -e out ]
	no_work_left
}

@test "killed at any time, the layout holds the old image or the new one, and the next run completes it" {
	install_mini 3.99.1
	image 3.99.1t -o "oci:$PWD/out:one"
	local old delay
	old=$(digest out)
	image 3.99.1 -o "oci:$PWD/whole"
	for delay in 0.05 0.1 0.2 0.3 0.4 0.5; do
		background "$UNGIL" image 3.99.1 -o "oci:$PWD/out:one"
		sleep "$delay"
		kill -KILL "$PID" 2>/dev/null || true
		wait "$PID" 2>/dev/null || true
		rm -f out/blobs/sha256/*.tmp # swept by a later run, once nobody has touched them for a minute
		every_blob_is_right out
		[ "$(digest out)" = "$old" ] || [ "$(digest out)" = "$(digest whole)" ]
	done
	touch -d '2 minutes ago' out/blobs/sha256/abcdef.tmp
	image 3.99.1 -o "oci:$PWD/out:one"
	assert_equal "$(digest out)" "$(digest whole)"
	every_blob_is_right out
}

@test "SIGTERM: nothing is named, no work is left" {
	install_mini 3.99.1
	background "$UNGIL" image 3.99.1 -o "oci:$PWD/out"
	within 10 bash -c "ls '$XDG_CACHE_HOME'/ungil/image/* >/dev/null 2>&1"
	kill -TERM "$PID"
	local status=0
	wait "$PID" || status=$?
	[ "$status" -eq 143 ] || [ "$status" -eq 0 ]
	[ "$status" -eq 0 ] || [ ! -e out/index.json ]
	no_work_left
}

@test "a full disk: an error that says so; the image that was there stays" {
	[ "$(id -u)" -eq 0 ] || skip "only root can mount a small file system"
	mkdir small
	mount -t tmpfs -o size=16k,nr_inodes=100 none small || skip "cannot mount"
	install_mini 3.99.1t
	run ungil image 3.99.1t -o "oci:$PWD/small/out"
	ls -R small
	local left
	left=$(find small -name '*.tmp' -o -name index.json)
	umount small
	assert_exit 1
	assert_output --partial 'No space left on device'
	assert_equal "$left" ''
	no_work_left
}

# --- on a base -----------------------------------------------------------------------------------

@test "base: its layers stay, its settings too; PATH gets ours in front, history is counted" {
	good_base
	base settings
	image 3.99.1t --base "oci:$PWD/settings" -o "oci:$PWD/out"
	run of out 'run["Env"], run["User"], run["WorkingDir"], run["Entrypoint"], run["Cmd"], run["Labels"]["of"], len(config["history"]), len(config["rootfs"]["diff_ids"]), len(manifest["layers"])'
	assert_output "(['HOME=/there', 'PATH=/opt/ungil/bin:/own/bin:/bin', 'LANG=C.UTF-8'], 'lab', '/work', ['/bin/sh', '-c'], ['python3.99t'], 'the base', 5, 5, 5)"
	run of out 'manifest["layers"][:3]'
	assert_output "$(of settings 'manifest["layers"]')"
	run of out 'manifest["annotations"]["org.opencontainers.image.base.digest"]'
	assert_output "$(digest settings)"
	every_blob_is_right out
}

@test "base: an index, Docker's media types, a layer of zstd, an opaque directory" {
	good_base
	local kind
	for kind in index docker zstd opaque; do
		echo "kind: $kind"
		base "$kind"
		image 3.99.1t --base "oci:$PWD/$kind:base" -o "oci:$PWD/out-$kind"
		every_blob_is_right "out-$kind"
	done
	run of out-docker 'sorted({d["mediaType"] for d in manifest["layers"] + [manifest["config"]]})'
	assert_output "['application/vnd.oci.image.config.v1+json', 'application/vnd.oci.image.layer.v1.tar+gzip']"
	run of out-zstd 'manifest["layers"][0]["mediaType"]'
	assert_output application/vnd.oci.image.layer.v1.tar+zstd
	assert_equal "$(of out-zstd 'sorted(manifest["layers"][0].items())')" "$(of zstd 'sorted(manifest["layers"][0].items())')"
}

@test "base: what is wrong with it is an error that says so, and nothing is made" {
	good_base
	local fault exit text
	while IFS=$'\t' read -r fault exit text; do
		echo "fault: $fault"
		base "$fault"
		run ungil image 3.99.1t --base "oci:$PWD/$fault" -o "oci:$PWD/out"
		assert_exit "$exit"
		assert_output --partial "$text"
		refute_output --partial $'\x1b'
		[ ! -e out ]
	done < <(python3 "$TESTS/images.py" --list)
	no_work_left
}

@test "base: not there, no layout, not readable, a tag that it has not" {
	good_base
	run ungil image 3.99.1t --base "oci:$PWD/nowhere" -o "oci:$PWD/out"
	assert_exit 1
	assert_output --partial "$PWD/nowhere is not an image layout"
	run ungil image 3.99.1t --base "oci:$BASE:other" -o "oci:$PWD/out"
	assert_exit 1
	assert_output --partial 'has no image "other"'
	assert_output --partial 'it has: base'
	if [ "$(id -u)" -ne 0 ]; then
		chmod 0 "$BASE/index.json"
		run ungil image 3.99.1t --base "oci:$BASE" -o "oci:$PWD/out"
		assert_exit 1
		assert_output --partial 'Permission denied'
	fi
	[ ! -e out ]
}

# --- registries ----------------------------------------------------------------------------------

@test "push: to a registry, under the release; a base of the same registry is not sent, but mounted" {
	need_registry
	start_registry
	install_mini 3.99.1
	image 3.99.1 --push "oci://$REGISTRY/lab/python" -o "oci:$PWD/out" --json
	run python3 -c 'import json, sys; print(json.loads(sys.argv[1])["pushed"])' "$output"
	assert_output "oci://$REGISTRY/lab/python:3.99.1"
	run curl -sI -H 'Accept: application/vnd.oci.image.manifest.v1+json' "$REGISTRY_URL/v2/lab/python/manifests/3.99.1"
	assert_output --partial "Docker-Content-Digest: $(digest out)"
	image 3.99.1t --base "oci://$REGISTRY/lab/python:3.99.1" --push "oci://$REGISTRY/lab/other:x" -o "oci:$PWD/on"
	run of on 'manifest["annotations"]["org.opencontainers.image.base.name"], len(manifest["layers"])'
	assert_output "('$REGISTRY/lab/python:3.99.1', 6)"
	run grep -cE '"(PUT|PATCH) /v2/lab/other/blobs' "$REGISTRY_LOG"
	assert_output 2 # the links and the configuration
}

@test "push: refused or not reachable, it says so" {
	need_registry
	install_mini 3.99.1t
	run ungil image 3.99.1t --push "oci://127.0.0.1:1/lab/python"
	assert_exit 4
	assert_output --partial '127.0.0.1:1'
	run ungil image 3.99.1t --base "oci://127.0.0.1:1/lab/python" -o "oci:$PWD/out"
	assert_exit 4
	run ungil image 3.99.1t --push "oci://127.0.0.1:1/lab/python@sha256:$(printf x | sha256sum | cut -d ' ' -f 1)"
	assert_exit 2
	assert_output --partial 'the digest is not known before'
	start_registry
	run ungil image 3.99.1t --base "oci://$REGISTRY/lab/none" -o "oci:$PWD/out"
	assert_exit 1
	assert_output --partial 'lab/none'
	[ ! -e out ]
}
