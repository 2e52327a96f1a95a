# Bundles by way of a registry: what was built once is installed elsewhere, and nothing that is not what it says.

load helpers

setup() {
	common_setup
	mini_upstream
	# shellcheck source=tests/upstream/registry.bash
	source "$TESTS/upstream/registry.bash"
	need_registry
	start_registry
	PLATFORM=$(uname -m)-linux-gnu
	REPO=oci://$REGISTRY/lab/python
	export UNGIL_RETRY_BASE=0.05
}

pushed() { # NAME...: installed and pushed
	run ungil install 3.99.1 --preset quick --no-bench
	assert_exit 0
	run --separate-stderr ungil push "$REPO" "$@" --json
	assert_exit 0
	PUSHED=$output
}

member() { python3 -c 'import json, sys; print(eval(sys.argv[2], {"d": json.loads(sys.argv[1])}))' "$1" "$2"; }

# blob DIGEST: where the registry keeps it
blob() { echo "$REGISTRY_DIR/docker/registry/v2/blobs/sha256/${1:7:2}/${1:7}/data"; }

@test "the pair is pushed, and a series, a release and a name lead to it" {
	pushed 3.99.1 3.99.1t
	local tag
	for tag in 3.99 3.99.1; do
		run ungil install "$REPO:$tag" --root "$PWD/r-$tag"
		assert_exit 0
		assert_line --regexp "^3\.99\.1 +installed +$PWD/r-$tag/versions/3\.99\.1$"
		assert_line --regexp "^3\.99\.1t +installed "
	done
	for tag in 3.99t 3.99.1t; do
		run ungil install "$REPO:$tag" --root "$PWD/r-$tag"
		assert_exit 0
		refute_line --regexp "^3\.99\.1 "
	done
	run ungil verify --files --root "$PWD/r-3.99"
	assert_exit 0
	run ungil install "$REPO:3.99.1" --root "$PWD/r-3.99"
	assert_exit 0
	assert_line --regexp '^3\.99\.1t +already installed'
}

@test "--variant takes one of the pair, a digest one bundle for ever" {
	pushed 3.99.1 3.99.1t
	run ungil install "$REPO:3.99.1" --variant ft --root "$PWD/one"
	assert_exit 0
	assert_not_exist "$PWD/one/versions/3.99.1"
	run ungil install "$REPO@$(member "$PUSHED" 'd["pushed"][0]["digest"]')" --root "$PWD/two"
	assert_exit 0
	assert_not_exist "$PWD/two/versions/3.99.1t"
	assert_dir_exist "$PWD/two/versions/3.99.1"
}

@test "pull writes the file that pack does, to the byte, for every part" {
	run ungil install 3.99.1 --preset quick --no-bench
	run ungil push "$REPO" 3.99.1t --part all
	assert_exit 0
	mkdir packed
	run ungil pack 3.99.1t --part all -o packed
	assert_exit 0
	run ungil pull "$REPO:3.99.1t" --part all -o pulled/
	assert_exit 0
	refute_output --partial //
	assert_line '3.99.1t: pull'
	run diff -r packed pulled
	assert_output ''
	[ "$(find packed -name '*.tar.zst' | wc -l)" -ge 2 ]
}

@test "pushed again, nothing is sent, and every digest is the same; so it is from another root" {
	pushed 3.99.1 3.99.1t
	run --separate-stderr ungil push "$REPO" 3.99.1t 3.99.1 --json
	assert_exit 0
	[ "$(member "$output" 'sorted(p["digest"] for p in d["pushed"])')" = "$(member "$PUSHED" 'sorted(p["digest"] for p in d["pushed"])')" ]
	[ "$(member "$output" 'sorted(t["digest"] for t in d["tags"])')" = "$(member "$PUSHED" 'sorted(t["digest"] for t in d["tags"])')" ]
	[ "$(member "$output" 'sum(p["sent"] for p in d["pushed"])')" = 0 ]
	run ungil install "$REPO:3.99" --root "$PWD/other place"
	assert_exit 0
	run --separate-stderr ungil push "$REPO" 3.99.1t --root "$PWD/other place" --json
	[ "$(member "$output" 'd["pushed"][0]["sent"]')" = 0 ]
}

@test "the variants share what is the same in both" {
	pushed 3.99.1 3.99.1t
	[ "$(member "$PUSHED" 'd["pushed"][1]["blobs"] > d["pushed"][1]["sent"]')" = True ]
	# pip, too, whose list of files is not the same
	local i layer
	for i in 0 1; do
		for layer in $(python3 -c 'import json, sys; print(*[l["digest"] for l in json.load(open(sys.argv[1]))["layers"]])' \
			"$(blob "$(member "$PUSHED" "d['pushed'][$i]['digest']")")"); do
			if tar -tf "$(blob "$layer")" 2>/dev/null | grep -q site-packages/pip/__init__.py; then echo "$layer"; fi
		done >"with-pip.$i"
	done
	[ "$(wc -l <with-pip.0)" -eq 1 ]
	cmp with-pip.0 with-pip.1
}

@test "UNGIL_REGISTRY: what it has is not built; what it lacks is, and with --push the next one finds it" {
	export UNGIL_REGISTRY=$REPO
	run ungil install 3.99.1t --preset quick --no-bench --push
	assert_exit 0
	assert_file_exist "$MINI/control/seen"
	rm "$MINI/control/seen"
	run ungil install 3.99.1t --preset quick --no-bench --root "$PWD/second"
	assert_exit 0
	assert_line --regexp '^3\.99\.1t +installed '
	assert_not_exist "$MINI/control/seen"
	run ungil install 3.99.1t --preset quick --no-bench --root "$PWD/second" --push
	assert_line --regexp '^3\.99\.1t +already installed '
	assert_output --partial "nothing is built, so nothing is pushed; \"ungil push $REPO NAME...\""
	# of the pair only the other one is built
	run ungil install 3.99.1 --preset quick --no-bench --push --root "$PWD/third"
	assert_exit 0
	[ "$(grep -c '^compile' "$MINI/control/seen")" -eq 1 ]
	refute_line --partial 'already installed'
	rm "$MINI/control/seen"
	run ungil install 3.99.1 --preset quick --no-bench --root "$PWD/fourth"
	assert_exit 0
	assert_not_exist "$MINI/control/seen"
}

@test "UNGIL_REGISTRY: other inputs, --force and --offline are not answered by it" {
	export UNGIL_REGISTRY=$REPO
	run ungil install 3.99.1t --preset quick --no-bench --push
	assert_exit 0
	rm "$MINI/control/seen"
	CFLAGS=-O0 run ungil install 3.99.1t --preset quick --no-bench --root "$PWD/second"
	assert_exit 0
	assert_file_exist "$MINI/control/seen"
	rm "$MINI/control/seen"
	run ungil install 3.99.1t --preset quick --no-bench --force --root "$PWD/third"
	assert_exit 0
	assert_file_exist "$MINI/control/seen"
	: >"$REGISTRY_LOG"
	run ungil install 3.99.1t --preset quick --no-bench --offline --root "$PWD/fourth"
	assert_exit 0
	run grep -c GET "$REGISTRY_LOG"
	assert_output 0
}

@test "UNGIL_REGISTRY: one that does not answer is a warning, and everything is built" {
	stop_registry
	UNGIL_REGISTRY=$REPO run ungil install 3.99.1t --preset quick --no-bench
	assert_exit 0
	assert_output --partial "no connection to"
	assert_output --partial "; building"
}

@test "UNGIL_REGISTRY: one that lets nobody in is a warning with whose login is missing, and everything is built" {
	stop_registry
	start_registry basic
	UNGIL_REGISTRY=oci://$REGISTRY/lab/python run ungil install 3.99.1t --preset quick --no-bench
	assert_exit 0
	assert_output --regexp 'status 401.*; building'
	assert_output --partial "docker login $REGISTRY"
}

@test "UNGIL_REGISTRY: one session for the pair, and each tag is asked for once" {
	export UNGIL_REGISTRY=$REPO
	: >"$REGISTRY_LOG"
	run ungil install 3.99.1 --preset quick --no-bench
	assert_exit 0
	run grep -cE '"(GET|HEAD) /v2/ ' "$REGISTRY_LOG"
	assert_output 1
	run grep -cE '"(GET|HEAD) /v2/lab/python/manifests/inputs-' "$REGISTRY_LOG"
	assert_output 2
	run grep -c tags/list "$REGISTRY_LOG"
	assert_output 0
}

@test "UNGIL_REGISTRY that is no reference, or --push without it: exit 2, nothing begun" {
	UNGIL_REGISTRY=https://example/x run ungil install 3.99.1t --preset quick
	assert_exit 2
	assert_output --partial UNGIL_REGISTRY
	UNGIL_REGISTRY=$REPO:3.99 run ungil install 3.99.1t --preset quick
	assert_exit 2
	run ungil install 3.99.1t --preset quick --push
	assert_exit 2
	assert_output --partial 'UNGIL_REGISTRY=oci://'
	assert_nothing_installed
}

@test "built, but not pushed: said, exit 1, and installed" {
	export UNGIL_REGISTRY=$REPO
	chmod -R a-w "$REGISTRY_DIR"
	stop_registry
	run ungil install 3.99.1t --preset quick --no-bench --push
	assert_exit 4
	assert_output --partial 'installed, but not pushed'
	assert_dir_exist "$UNGIL_ROOT/versions/3.99.1t"
}

@test "a byte that turned in any kind of blob: exit 5, nothing installed" {
	pushed 3.99.1t
	local digest manifest layer what
	digest=$(member "$PUSHED" 'd["pushed"][0]["digest"]')
	manifest=$(cat "$(blob "$digest")")
	for what in "$(member "$manifest" 'd["config"]["digest"]')" "$(member "$manifest" 'd["layers"][0]["digest"]')" \
		"$(member "$manifest" 'd["layers"][-1]["digest"]')"; do
		layer=$(blob "$what")
		cp "$layer" saved
		python3 -c 'import sys; b = bytearray(open(sys.argv[1], "rb").read()); b[len(b) // 2] ^= 1; open(sys.argv[1], "wb").write(b)' "$layer"
		XDG_CACHE_HOME=$PWD/fresh run ungil install "$REPO@$digest" --root "$PWD/other"
		[ "$status" -eq 5 ] || { echo "$what: $status"; echo "$output"; false; }
		assert_not_exist "$PWD/other/versions/3.99.1t"
		cp saved "$layer"
		rm -rf fresh
	done
	run ungil install "$REPO@$digest" --root "$PWD/other"
	assert_exit 0
}

# hostile CHANGE: a bundle whose manifest was changed by a line of Python, properly stored, at $REPO:hostile
hostile() {
	local digest
	digest=$(member "$PUSHED" 'd["pushed"][0]["digest"]')
	python3 "$TESTS/upstream/registry_change.py" "$REGISTRY_URL" lab/python "$digest" hostile "$1" >/dev/null
}

@test "layers that are exchanged, missing, twice, misplaced, or of another kind: exit 5, nothing installed" {
	pushed 3.99.1t
	local change
	for change in \
		'm["layers"].pop()' \
		'm["layers"].append(m["layers"][-1])' \
		'm["layers"].pop(0)' \
		'm["layers"].reverse()' \
		'm["layers"].clear()' \
		'm["layers"][-1]["annotations"] = {"vnd.ungil.at": "bin"}' \
		'm["layers"][-1]["annotations"] = {"vnd.ungil.at": "../../bin"}' \
		'm["layers"][-1]["annotations"] = {"vnd.ungil.at": "/tmp"}' \
		'm["layers"][-1].pop("annotations")' \
		'm["layers"][-1]["mediaType"] = "application/vnd.oci.image.layer.v1.tar+gzip"' \
		'm["config"]["mediaType"] = "application/vnd.oci.image.config.v1+json"' \
		'm["layers"][-1]["size"] += 1'; do
		hostile "$change"
		XDG_CACHE_HOME=$PWD/fresh run ungil install "$REPO:hostile" --root "$PWD/other"
		[ "$status" -eq 5 ] || { echo "$change: $status"; echo "$output"; false; }
		assert_not_exist "$PWD/other/versions/3.99.1t"
		rm -rf fresh
	done
	assert_not_exist /tmp/ungil.json
}

@test "a tag that moved between index and bundle leads to a bundle as a whole, the old or the new one" {
	pushed 3.99.1t
	local digest
	digest=$(member "$PUSHED" 'd["pushed"][0]["digest"]')
	CFLAGS=-O0 run ungil install 3.99.1t --preset quick --no-bench
	assert_exit 0
	run ungil push "$REPO" 3.99.1t
	assert_exit 0
	run ungil install "$REPO@$digest" --root "$PWD/old" # the index of before named this one
	assert_exit 0
	run ungil install "$REPO:3.99.1t" --root "$PWD/new"
	assert_exit 0
	run cmp -s <(ungil show 3.99.1t --json --root "$PWD/old") <(ungil show 3.99.1t --json --root "$PWD/new")
	assert_exit 1
}

@test "a bundle for another platform is not taken, and the platforms that there are are named" {
	pushed 3.99.1t
	hostile 'm["annotations"]["vnd.ungil.platform"] = "riscv64-linux-gnu"; index(m, "riscv")'
	run ungil install "$REPO:riscv" --root "$PWD/other"
	assert_exit 1
	assert_output --partial "no bundle of $PLATFORM"
	assert_output --partial "3.99.1t riscv64-linux-gnu"
}

@test "what is no bundle is named: an image, a tag that is not there" {
	pushed 3.99.1t
	hostile 'm.pop("artifactType")'
	run ungil install "$REPO:hostile" --root "$PWD/other"
	assert_exit 1
	assert_output --partial 'is no bundle of ungil'
	run ungil install "$REPO:4.0" --root "$PWD/other"
	assert_exit 1
	assert_output --partial 'no tag "4.0"'
	assert_output --partial '3.99.1t'
	run ungil install "$REPO/other:4.0" --root "$PWD/other"
	assert_exit 1
	assert_output --partial 'it has no tags at all'
	start_faults
	run ungil install "oci://$FAULTS/loop/x:4.0" --root "$PWD/other" # whose tags cannot be listed
	assert_exit 1
	assert_output --partial 'no tag "4.0"'
	refute_output --regexp 'its tags|no tags at all'
	run ungil push "$REPO:hostile" 3.99.1t
	assert_exit 1
	assert_output --partial 'not an index of bundles'
}

# kill_when PATTERN COUNT: the registry dies, hard, when its log has so many lines
kill_when() {
	local pid=$REGISTRY_PID
	: >"$REGISTRY_LOG"
	(until [ "$(grep -cE "$1" "$REGISTRY_LOG")" -ge "$2" ]; do sleep 0.01; done; kill -9 "$pid") &
	KILLER=$!
}

@test "a registry that is killed in the middle of a push or a pull: said, nothing half, and the next run goes on" {
	local port=${REGISTRY##*:}
	knob huge 8
	run ungil install 3.99.1t --preset quick --no-bench
	assert_exit 0
	kill_when 'PUT|PATCH' 3
	run timeout 60 "$UNGIL" push "$REPO" 3.99.1t
	assert_exit 4
	assert_output --partial 'no connection'
	wait $KILLER
	REGISTRY_PORT=$port start_registry
	run ungil install "$REPO:3.99.1t" --root "$PWD/other"
	assert_exit 1
	assert_output --partial 'no tag'
	run ungil push "$REPO" 3.99.1t
	assert_exit 0
	kill_when 'GET.*/blobs/' 4
	run timeout 60 "$UNGIL" install "$REPO:3.99.1t" --root "$PWD/other"
	assert_exit 4
	assert_not_exist "$PWD/other/versions/3.99.1t"
	wait $KILLER
	REGISTRY_PORT=$port start_registry
	run ungil install "$REPO:3.99.1t" --root "$PWD/other"
	assert_exit 0
}

@test "32 clients at once" {
	pushed 3.99.1 3.99.1t
	local i bad=0
	for i in {1..32}; do
		XDG_CACHE_HOME=$PWD/c$i ungil install "$REPO:3.99" --root "$PWD/r$i" >"out$i" 2>&1 &
		pids[i]=$!
	done
	for i in {1..32}; do wait "${pids[i]}" || { bad=$((bad + 1)); cat "out$i"; }; done
	[ $bad -eq 0 ]
	[ "$(ls -d r*/versions/3.99.1t | wc -l)" -eq 32 ]
}

@test "a disk that is full: said, nothing installed" {
	[ "$(id -u)" -eq 0 ] || skip "needs root, to mount a small tmpfs"
	unshare --mount true 2>/dev/null || skip "may not mount"
	knob huge 4
	pushed 3.99.1t
	local what
	for what in cache root; do
		run unshare --mount bash -c '
			mkdir -p small && mount -t tmpfs -o size=2m tmpfs small || exit 99
			case $2 in cache) XDG_CACHE_HOME=$PWD/small/c "$UNGIL" install "$1:3.99.1t" --root "$PWD/other" ;;
			*) "$UNGIL" install "$1:3.99.1t" --root "$PWD/small/other" ;; esac
			rc=$?; ls small/other/versions 2>/dev/null; exit $rc' sh "$REPO" "$what"
		assert_exit 1
		assert_output --partial 'No space left'
		refute_line 3.99.1t
		assert_not_exist "$PWD/other/versions/3.99.1t"
	done
}

@test "signed with one key, refused with another; a tag is signed, too" {
	openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key.pem 2>/dev/null
	openssl pkey -in key.pem -pubout -out key.pub
	openssl genpkey -algorithm ed25519 -out other.pem
	openssl pkey -in other.pem -pubout -out other.pub
	pushed 3.99.1t
	run ungil install "$REPO:3.99.1t" --verify key.pub --root "$PWD/a"
	assert_exit 5
	assert_output --partial 'it is not signed by key.pub'
	run ungil push "$REPO" 3.99.1t --sign key.pem
	assert_exit 0
	run ungil install "$REPO:3.99.1t" --verify other.pub --root "$PWD/a"
	assert_exit 5
	assert_output --partial 'none of its signatures is by other.pub'
	assert_not_exist "$PWD/a/versions/3.99.1t"
	run ungil push "$REPO" 3.99.1t --sign other.pem # beside the first
	assert_exit 0
	local key
	for key in key other; do
		run ungil install "$REPO:3.99.1t" --verify $key.pub --root "$PWD/$key"
		assert_exit 0
		run ungil pull "$REPO:3.99.1t" --verify $key.pub -o "$PWD/pulled-$key"
		assert_exit 0
	done
}

@test "a signature is found by what it refers to where its tag was not copied" {
	command -v skopeo >/dev/null || skip "no skopeo"
	openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key.pem 2>/dev/null
	openssl pkey -in key.pem -pubout -out key.pub
	run ungil install 3.99.1t --preset quick --no-bench
	run --separate-stderr ungil push "$REPO" 3.99.1t --sign key.pem --json
	assert_exit 0
	local digest fallback signature other=$REGISTRY/elsewhere/python
	digest=$(member "$output" 'd["pushed"][0]["digest"]')
	fallback=sha256-${digest#sha256:}
	signature=$(member "$(curl -sf "$REGISTRY_URL/v2/lab/python/manifests/$fallback" -H 'Accept: application/vnd.oci.image.index.v1+json')" \
		'd["manifests"][0]["digest"]')
	skopeo copy -q --src-tls-verify=false --dest-tls-verify=false "docker://$REGISTRY/lab/python@$digest" "docker://$other:bundle"
	run ungil install "oci://$other@$digest" --verify key.pub --root "$PWD/a"
	assert_exit 5
	skopeo copy -q --src-tls-verify=false --dest-tls-verify=false "docker://$REGISTRY/lab/python@$signature" "docker://$other:some"
	skopeo copy -q --all --src-tls-verify=false --dest-tls-verify=false "docker://$REGISTRY/lab/python:$fallback" "docker://$other:$fallback"
	run ungil install "oci://$other@$digest" --verify key.pub --root "$PWD/a"
	assert_exit 0
}

@test "what cosign looks for is there, and openssl finds the signature right" {
	openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key.pem 2>/dev/null
	openssl pkey -in key.pem -pubout -out key.pub
	run ungil install 3.99.1t --preset quick --no-bench
	run --separate-stderr ungil push "$REPO" 3.99.1t --sign key.pem --json
	assert_exit 0
	local digest tag layer
	for digest in $(member "$output" '" ".join([d["pushed"][0]["digest"]] + [t["digest"] for t in d["tags"]])'); do
		tag=sha256-${digest#sha256:}.sig
		curl -sf "$REGISTRY_URL/v2/lab/python/manifests/$tag" -H 'Accept: application/vnd.oci.image.manifest.v1+json' >sig.json
		layer=$(member "$(cat sig.json)" 'd["layers"][0]["mediaType"] + " " + d["layers"][0]["digest"]')
		[ "${layer% *}" = application/vnd.dev.cosign.simplesigning.v1+json ]
		member "$(cat sig.json)" 'd["layers"][0]["annotations"]["dev.cosignproject.cosign/signature"]' | base64 -d >signature
		cp "$(blob "${layer#* }")" payload
		run openssl dgst -sha256 -verify key.pub -signature signature payload
		assert_output 'Verified OK'
		[ "$(member "$(cat payload)" 'd["critical"]["image"]["docker-manifest-digest"]')" = "$digest" ]
		[ "$(member "$(cat payload)" 'd["critical"]["type"]')" = 'cosign container image signature' ]
	done
}

@test "keys that are none, or do not open: exit 2, nothing is sent" {
	pushed 3.99.1t
	echo hello >none.pem
	COSIGN_PASSWORD=right openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -aes256 -pass env:COSIGN_PASSWORD \
		-out locked.pem 2>/dev/null
	openssl genpkey -algorithm ed25519 -out key.pem
	openssl pkey -in key.pem -pubout -out key.pub
	: >"$REGISTRY_LOG"
	local key
	for key in none.pem missing.pem locked.pem key.pub; do
		run ungil push "$REPO" 3.99.1t --sign $key
		assert_exit 2
		assert_output --partial $key
	done
	run ungil install "$REPO:3.99.1t" --verify none.pem --root "$PWD/a"
	assert_exit 2
	run ungil install "$REPO:3.99.1t" --verify key.pem --root "$PWD/a"
	assert_exit 2
	assert_output --partial 'key.pem is a private key'
	assert_output --partial '-pubout'
	run grep -cE 'PUT|POST' "$REGISTRY_LOG"
	assert_output 0
	COSIGN_PASSWORD=right run ungil push "$REPO" 3.99.1t --sign locked.pem
	assert_exit 0
}

@test "options that could not keep what they promise: exit 2; no connection with --offline: exit 4" {
	openssl genpkey -algorithm ed25519 -out key.pem
	openssl pkey -in key.pem -pubout -out key.pub
	pushed 3.99.1t
	run ungil pack 3.99.1t
	run ungil install ./*.tar.zst --verify key.pub --root "$PWD/a"
	assert_exit 2
	assert_output --partial 'has no signature'
	run ungil install 3.99.1t --verify key.pub --root "$PWD/a"
	assert_exit 2
	assert_output --partial 'nothing comes from a registry'
	UNGIL_REGISTRY=$REPO run ungil install 3.99.1t --sign key.pem --root "$PWD/a"
	assert_exit 2
	assert_output --partial 'without --push'
	run ungil install "$REPO:3.99.1t" --offline --root "$PWD/a"
	assert_exit 4
	assert_output --partial '--offline'
	assert_not_exist "$PWD/a/versions"
}

@test "skopeo copies a bundle from one registry to another, and it installs from there" {
	command -v skopeo >/dev/null || skip "no skopeo"
	pushed 3.99.1 3.99.1t
	run skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/lab/python:3.99.1"
	assert_exit 0
	assert_output --partial '"artifactType":"application/vnd.ungil.bundle.v1"'
	run skopeo copy --all --src-tls-verify=false --dest-tls-verify=false \
		"docker://$REGISTRY/lab/python:3.99.1" "docker://$REGISTRY/elsewhere/python:3.99.1"
	assert_exit 0
	run ungil install "oci://$REGISTRY/elsewhere/python:3.99.1" --root "$PWD/other"
	assert_exit 0
	run ungil verify --files --root "$PWD/other"
	assert_exit 0
}

@test "push and pull say what is wrong with their operands" {
	run ungil push 3.99.1t
	assert_exit 2
	assert_output --partial 'oci://HOST/REPOSITORY'
	run ungil push "$REPO"
	assert_exit 2
	run ungil push "$REPO@sha256:$(printf %064d 0)" 3.99.1t
	assert_exit 2
	run ungil push "$REPO" 3.99.1t
	assert_exit 1
	assert_output --partial '3.99.1t'
	run ungil pull "$REPO:3.99.1t" --part wheels
	assert_exit 2
	run ungil pull 3.99.1t
	assert_exit 2
	local wrong
	for wrong in "http://${REPO#oci://}:3.99.1" "docker://${REPO#oci://}" "${REPO#oci://}:3.99.1"; do
		run ungil install "$wrong"
		assert_exit 2
		assert_output --partial "$wrong is neither a SPEC nor the path of a recipe"
		assert_output --partial 'oci://HOST/REPOSITORY:TAG'
	done
}
