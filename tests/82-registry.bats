# The client of OCI registries: with Debian's docker-registry, beside skopeo, and with a registry that misbehaves.

load helpers
source "$TESTS/upstream/registry.bash"

setup() {
	common_setup
	need_registry
	export UNGIL_RETRY_BASE=0.05
}

# ctl ARGUMENT...: the client's own program (tests/unit/registryctl.c), with a time limit
ctl() { timeout -k 5 "${LIMIT:-60}" "$BUILD/tests/unit/registryctl" "$@"; }

digest_of() { printf 'sha256:%s' "$(sha256sum "$1" | cut -d ' ' -f 1)"; }

# blob NAME BYTES: a file of this size that is like no other
blob() { head -c "$2" /dev/urandom >"$1"; }

# image TAG: pushes a manifest with a configuration and two layers to $REF; the manifest is in the file manifest
image() {
	printf '{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}' >config
	[ -e a ] || blob a 100000
	[ -e b ] || blob b 300000
	ctl "$REF" put config a b >sums || return 1
	python3 - >manifest <<'END'
import json
sums = [line.split() for line in open("sums")]
kinds = ["application/vnd.oci.image.config.v1+json"] + 2 * ["application/vnd.oci.image.layer.v1.tar+gzip"]
d = [{"mediaType": kind, "digest": s[0], "size": int(s[1])} for kind, s in zip(kinds, sums)]
print(json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                  "config": d[0], "layers": d[1:]}), end="")
END
	ctl "$REF:$1" manifest-put manifest application/vnd.oci.image.manifest.v1+json
}

# --- docker-registry -----------------------------------------------------------------------------

@test "blobs and manifests go to docker-registry and come back; nothing is sent twice" {
	start_registry
	REF=oci://$REGISTRY/lab/python
	image 3.99
	run -0 cat sums
	assert_line 'sent 3'
	run -0 ctl "$REF" put config a b
	assert_line 'sent 0'
	run -0 --separate-stderr ctl "$REF:3.99" manifest-get
	[ "$output" = "$(cat manifest)" ]
	[[ $stderr == *"$(digest_of manifest) $(stat -c %s manifest) application/vnd.oci.image.manifest.v1+json"* ]]
	run -0 ctl "$REF@$(digest_of manifest)" manifest-head
	assert_output --partial "$(digest_of manifest)"
	run -0 ctl "$REF" get "$(digest_of a)" 100000 got/a "$(digest_of b)" 300000 got/b
	cmp a got/a
	cmp b got/b
	[ -z "$(find got -name '*.part')" ]
}

@test "by TLS, with a login (Basic): the right one works, a wrong one and none say whose and from where" {
	start_registry tls basic
	REF=oci://$REGISTRY/lab/python
	run -4 ctl "$REF" write hello
	assert_output --partial "status 401"
	assert_output --partial "nobody was logged in: docker login $REGISTRY"
	login lab:wrong
	run -4 ctl "$REF" write hello
	assert_output --partial "the login was lab's, from $DOCKER_CONFIG/config.json"
	[ "$(grep -c ' 401 ' "$REGISTRY_LOG")" -lt 10 ]
	login lab:secret
	image 3.99
	run -0 --separate-stderr ctl "$REF" tags
	assert_output '["3.99"]'
	unset SSL_CERT_FILE
	run -4 ctl "$REF" tags
	assert_output --partial 'cannot prove who it is'
}

@test "a token server: one token for many requests, an expired one is renewed, others' rights are not to be had" {
	TOKEN_SECONDS=2 start_registry tls token
	REF=oci://$REGISTRY/lab/python
	login lab:secret
	blob big 70000000
	image 3.99
	run cat "$TOKEN_LOG"
	assert_line --index 0 'GET lab repository:lab/python:pull,push'
	[ "${#lines[@]}" -le 4 ]
	ctl "oci://$REGISTRY/lab/python" put big
	sum=$(digest_of big)
	LIMIT=100 ctl "oci://$REGISTRY/lab/python" get "$sum" 70000000 got
	cmp big got
	run -4 ctl "oci://$REGISTRY/locked" write hello
	assert_output --partial 'UNAUTHORIZED'
	login lab:wrong
	run -4 ctl "$REF" tags
	assert_output --partial 'wrong password'
	assert_output --partial "the login was lab's"
}

@test "a login may be a refresh token, or come from a helper; without one, what is public can be read" {
	start_registry tls token
	REF=oci://$REGISTRY/public/python
	export DOCKER_CONFIG=$BATS_TEST_TMPDIR/docker
	mkdir -p "$DOCKER_CONFIG" bin
	echo "{\"auths\": {\"https://$REGISTRY/v1/\": {\"identitytoken\": \"refresh-me\"}}}" >"$DOCKER_CONFIG/config.json"
	image 1
	run -0 tail -n 1 "$TOKEN_LOG"
	assert_output 'POST lab repository:public/python:pull,push'
	cat >bin/docker-credential-vault <<-'END'
		#!/bin/sh
		read -r host; echo "$1 $host" >>asked
		[ "$host" = "$KNOWN" ] || { echo "credentials not found in native keychain"; exit 1; }
		printf '{"ServerURL": "%s", "Username": "%s", "Secret": "%s"}\n' "$host" "$NAME" "$SECRET"
	END
	chmod +x bin/docker-credential-vault
	PATH=$PWD/bin:$PATH
	export KNOWN=$REGISTRY NAME=lab SECRET=secret
	echo "{\"credHelpers\": {\"$REGISTRY\": \"vault\"}, \"credsStore\": \"none\"}" >"$DOCKER_CONFIG/config.json"
	run -0 ctl "$REF" write one
	run -0 cat asked
	assert_output "get $REGISTRY"
	echo '{"credsStore": "vault"}' >"$DOCKER_CONFIG/config.json"
	run -0 ctl "$REF" write two
	NAME='<token>' SECRET=refresh-me run -0 ctl "$REF" write three
	SECRET=wrong run -4 ctl "$REF" write four
	assert_output --partial "the login was lab's, from docker-credential-vault"
	KNOWN=another run -0 ctl "$REF:1" manifest-head
	KNOWN=another run -4 ctl "$REF" write five
	assert_output --partial "there was no login for $REGISTRY in $DOCKER_CONFIG/config.json"
	echo '{"credsStore": "none"}' >"$DOCKER_CONFIG/config.json"
	run -1 ctl "$REF" write six
	assert_output --partial 'install docker-credential-none, or correct'
	echo '{"credsStore": "../evil"}' >"$DOCKER_CONFIG/config.json"
	run -1 ctl "$REF" write six
	assert_output --partial 'no path is allowed'
	echo 'no JSON' >"$DOCKER_CONFIG/config.json"
	run -1 ctl "$REF" write seven
	assert_output --partial 'is no JSON object'
}

@test "which file a login comes from: DOCKER_CONFIG, then REGISTRY_AUTH_FILE, then containers' auth.json" {
	start_registry basic
	REF=oci://$REGISTRY/lab/python
	entry() { printf '{"auths": {"%s": {"auth": "%s"}}}' "$1" "$(printf %s "$2" | base64)"; }
	mkdir -p "$XDG_RUNTIME_DIR/containers" "$HOME/.docker" elsewhere
	entry "$REGISTRY" lab:secret >"$XDG_RUNTIME_DIR/containers/auth.json"
	run -0 ctl "$REF" write one
	entry "$REGISTRY" lab:two >auth.json
	REGISTRY_AUTH_FILE=$PWD/auth.json run -4 ctl "$REF" write two
	assert_output --partial "$PWD/auth.json"
	entry "$REGISTRY" lab:secret >"$HOME/.docker/config.json"
	REGISTRY_AUTH_FILE=$PWD/auth.json run -0 ctl "$REF" write three
	entry "$REGISTRY" lab:four >elsewhere/config.json
	DOCKER_CONFIG=$PWD/elsewhere run -4 ctl "$REF" write four
	assert_output --partial "$PWD/elsewhere/config.json"
	# a part of a registry (containers-auth.json); the longest that fits
	printf '{"auths": {"%s": {"auth": "bGFiOm5v"}, "%s/lab": {"auth": "%s"}, "%s/other": {"auth": "bGFiOm5v"}}}' \
		"$REGISTRY" "$REGISTRY" "$(printf lab:secret | base64)" "$REGISTRY" >elsewhere/config.json
	DOCKER_CONFIG=$PWD/elsewhere run -0 ctl "$REF" write five
	entry "$REGISTRY" nocolon >elsewhere/config.json
	DOCKER_CONFIG=$PWD/elsewhere run -1 ctl "$REF" write six
	assert_output --partial 'is not USER:PASSWORD in base 64'
}

@test "what refers to a manifest is in the tag sha256-HEX where the registry has no list of its own" {
	start_registry
	REF=oci://$REGISTRY/lab/python
	image 1
	sum=$(digest_of manifest)
	ctl "$REF" write '{}'
	empty='{"mediaType":"application/vnd.oci.empty.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2}'
	for kind in sbom signature; do
		printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":"application/x-%s","config":%s,"layers":[%s],"subject":{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"%s","size":%d},"annotations":{"k":"%s"}}' \
			$kind "$empty" "$empty" "$sum" "$(stat -c %s manifest)" $kind >$kind
		run -0 ctl "$REF" manifest-put $kind application/vnd.oci.image.manifest.v1+json
	done
	run -0 ctl "$REF" manifest-put sbom application/vnd.oci.image.manifest.v1+json
	run -0 --separate-stderr ctl "$REF" referrers "$sum"
	python3 -c '
import json, sys
found = json.loads(sys.argv[1])
assert [f["artifactType"] for f in found] == ["application/x-sbom", "application/x-signature"], found
assert found[0]["digest"] == sys.argv[2] and found[1]["annotations"] == {"k": "signature"}, found' "$output" "$(digest_of sbom)"
	run -0 --separate-stderr ctl "$REF" referrers "$sum" application/x-signature
	assert_output --partial "$(digest_of signature)"
	refute_output --partial "$(digest_of sbom)"
	run -0 --separate-stderr ctl "$REF" referrers "$(digest_of sbom)"
	assert_output '[]'
	run -0 --separate-stderr ctl "$REF" tags
	assert_output --partial '"1"'
	assert_output --partial "\"sha256-${sum#sha256:}\""
}

@test "skopeo takes what was pushed, and what it pushes is read" {
	command -v skopeo >/dev/null || skip "no skopeo"
	start_registry tls basic
	login lab:secret
	REF=oci://$REGISTRY/lab/python
	blob layer.tar 100000
	gzip -nk layer.tar && mv layer.tar.gz a
	rm -f b && printf b | gzip -n >b
	python3 - <<-END
		import hashlib, gzip, json
		ids = ["sha256:" + hashlib.sha256(gzip.open(n).read()).hexdigest() for n in "ab"]
		json.dump({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": ids}}, open("config.json", "w"))
	END
	image 1
	skopeo copy --authfile "$DOCKER_CONFIG/config.json" "docker://$REGISTRY/lab/python:1" oci:layout:1 2>&1
	assert_file_exist "layout/blobs/sha256/$(sha256sum manifest | cut -d ' ' -f 1)"
	skopeo copy --authfile "$DOCKER_CONFIG/config.json" oci:layout:1 "docker://$REGISTRY/other/python:2" 2>&1
	run -0 --separate-stderr ctl "oci://$REGISTRY/other/python:2" manifest-get
	[ "$output" = "$(cat manifest)" ]
	ctl "oci://$REGISTRY/other/python" get "$(digest_of a)" "$(stat -c %s a)" got
	cmp a got
	# across repositories: nothing is sent
	run -0 ctl --from lab/python "oci://$REGISTRY/third/python" put a b config
	assert_line 'sent 0'
}

@test "large blobs go in chunks; a registry that ends half-way is gone on with" {
	start_registry
	REF=oci://$REGISTRY/lab/python
	blob big 150000000
	background ctl "$REF" put big >put.out 2>put.err
	client=$PID
	within 10 bash -c "[ -n \"\$(find '$REGISTRY_DIR' -path '*_uploads*' -name data -size +20M)\" ]"
	REGISTRY_PORT=${REGISTRY##*:}
	kill -9 "$REGISTRY_PID"
	export UNGIL_RETRY_BASE=0.05
	wait "$client" || true
	start_registry
	run -0 ctl --traffic "$REF" put big
	ctl "$REF" get "$(digest_of big)" 150000000 got
	cmp big got
}

@test "a signal ends it at once; what has come is gone on with, and no second process gets in the way" {
	start_faults
	blob a 500000
	ctl "oci://$FAULTS/ok/x" put a
	sum=$(digest_of a)
	background ctl "oci://$FAULTS/stall/x" get "$sum" 500000 got
	within 5 test -s got.part
	began=$(date +%s%N)
	kill -INT "$(pgrep -P "$PID")"
	wait "$PID" || [ $? -eq 130 ]
	[ $((($(date +%s%N) - began) / 1000000)) -lt 1000 ]
	[ "$(stat -c %s got.part)" -eq 1000 ]
	run -0 ctl "oci://$FAULTS/ok/x" get "$sum" 500000 got "$sum" 500000 got
	cmp a got
	grep -q 'bytes=1000-' "$FAULTS_LOG"
	UNGIL_HTTP_STALL=1 LIMIT=30 run -4 ctl "oci://$FAULTS/stall/x" get "$sum" 500000 other
	assert_output --partial 'came to a halt'
}

@test "two processes that want the same file: one gets it, the other waits for it" {
	start_faults
	blob a 500000
	ctl "oci://$FAULTS/ok/x" put a
	sum=$(digest_of a)
	background ctl "oci://$FAULTS/slow/x" get "$sum" 500000 got
	within 5 test -s got.part
	run -0 ctl "oci://$FAULTS/slow/x" get "$sum" 500000 got
	assert_output --partial 'waiting for it'
	wait "$PID"
	cmp a got
	[ "$(asked 'GET /v2/slow/x/blobs')" -eq 1 ]
}

# --- a registry that misbehaves --------------------------------------------------------------------

# faulty FAULT VERB ARGUMENT...: in a repository where this goes wrong
faulty() {
	local fault=$1
	shift
	ctl "oci://$FAULTS/$fault/x$N" "$@"
}

# asked PATTERN: how many of the requests so far fit
asked() { grep -cE "$1" "$FAULTS_LOG"; }

@test "blobs on another host: it does not see the login, nor is https left for http" {
	start_faults
	blob a 100000
	sum=$(digest_of a)
	faulty ok put a
	login lab:secret "$FAULTS"
	faulty basicredirect get "$sum" 100000 got
	cmp a got
	grep -q "^registry GET /v2/basicredirect/x/blobs/$sum 307 Basic bGFiOnNlY3JldA==" "$FAULTS_LOG"
	grep -q "^elsewhere GET /elsewhere/basicredirect/x/blobs/$sum?signed=secret 200 - -" "$FAULTS_LOG"
	run -4 faulty circle get "$sum" 100000 circle
	assert_output --partial 'perhaps in a circle'
	kill "$PID"
	rm -f "$BATS_TEST_TMPDIR/faults.port"
	start_faults tls
	faulty ok put a
	run -4 faulty tohttp get "$sum" 100000 clear
	assert_output --partial 'it is sent from https to http://'
	refute_output --partial 'signed'
	run -4 faulty tohttp write hello
	assert_output --partial 'it is sent from https to http://'
	run -0 faulty proxied write 'the same host, which does not know that a proxy speaks TLS for it'
	run -1 faulty tokenclear tags
	assert_output --partial 'it wants the login to be sent to http://'
	[ "$(asked '^elsewhere')" -eq 0 ]
}

@test "uploads: wherever the registry says, with its query; chunks as it wants them; after breaks, from where it stands" {
	start_faults
	for fault in relative absolute away; do
		blob a 100000
		run -0 faulty $fault put a
		assert_line 'sent 1'
	done
	blob b 50000000
	run -0 faulty chunks put b
	[ "$(asked 'PATCH /v2/chunks')" -eq 3 ]
	for fault in standing416 cutup gone nochunks; do
		blob big 70000000
		N=$fault run -0 faulty $fault put big
		assert_line 'sent 1'
		sum=$(digest_of big)
		faulty ok get "$sum" 70000000 "got.$fault"
		cmp big "got.$fault"
	done
	[ "$(asked 'GET /v2/cutup/x.*/blobs/uploads/.* 204')" -eq 1 ]
	[ "$(asked 'PATCH /v2/cutup/xcutup/.* 202 .* 25165824-')" -eq 1 ] # 16 MiB and half a chunk were there
	blob c 300000
	run -0 faulty cutwhole put c
	assert_output --partial 'try 2 of 5'
	blob d 300000
	blob e 20000000
	UNGIL_HTTP_STALL=1 run -4 faulty noread put e
	assert_output --partial 'came to a halt'
	run -4 faulty nolocation put d
	assert_output --partial 'does not say where to go on'
	run -1 faulty readonly put d
	assert_output --partial 'UNSUPPORTED: pull-through cache'
	run -5 faulty wrongstored put d
	assert_output --partial 'the registry says that it got sha256:0000'
}

@test "a mount from another repository; refused, the blob is sent" {
	start_faults
	blob a 100000
	blob b 100000
	faulty ok put a
	run -0 ctl --from ok/x "oci://$FAULTS/mount/x" put a b
	assert_line 'sent 1'
	grep -q 'POST /v2/mount/x/blobs/uploads/?mount=sha256:[0-9a-f]*&from=ok%2Fx 201' "$FAULTS_LOG"
	for fault in nomount forbidmount; do
		run -0 ctl --from ok/x "oci://$FAULTS/$fault/x" put a
		assert_line 'sent 1'
	done
	[ "$(asked 'POST /v2/nomount')" -eq 1 ] # 202 is an upload to go on with
}

@test "downloads that break off go on; a server that ignores or confuses ranges is seen through" {
	start_faults
	blob a 3000000
	sum=$(digest_of a)
	faulty ok put a
	for fault in cutdown norange wrongrange; do
		run -0 faulty $fault get "$sum" 3000000 got.$fault
		cmp a got.$fault
		assert_file_not_exist got.$fault.part
	done
	grep -qE "GET /v2/cutdown/x/blobs/$sum 206 - bytes=[1-9]" "$FAULTS_LOG"
	# what lies there is of something else
	head -c 1000 /dev/urandom >other.part
	run -0 faulty ok get "$sum" 3000000 other
	cmp a other
	# what is there is not asked for
	before=$(asked GET)
	faulty ok get "$sum" 3000000 other
	[ "$(asked "GET .*blobs")" -eq "$(grep -c 'GET .*blobs' "$FAULTS_LOG")" ]
	[ "$(asked GET)" -eq $((before + 1)) ] # /v2/
}

@test "what is not what its digest and size say is refused, and nothing of it is kept" {
	start_faults
	blob a 100000
	sum=$(digest_of a)
	faulty ok put a
	for fault in flipped shorter longer; do
		run -5 faulty $fault get "$sum" 100000 got
		assert_file_not_exist got
		assert_file_not_exist got.part
		run -5 faulty $fault read "$sum" 100000
	done
	index=application/vnd.oci.image.index.v1+json
	printf '{"schemaVersion":2,"mediaType":"%s","manifests":[]}' $index >manifest
	printf '{"schemaVersion":2,"config":{},"layers":[]}' >image
	sum=$(digest_of manifest) size=$(stat -c %s manifest)
	for fault in ok digestlie tagdigest typelie; do
		ctl "oci://$FAULTS/$fault/x:1" manifest-put manifest $index
		ctl "oci://$FAULTS/$fault/x:2" manifest-put image application/vnd.oci.image.manifest.v1+json
	done
	run -0 faulty ok manifest-fetch "$sum" "$size" $index
	run -5 faulty ok manifest-fetch "$sum" $((size + 1)) $index
	assert_output --partial "has $size bytes, but $((size + 1)) were announced"
	run -5 faulty ok manifest-fetch "$sum" "$size" application/vnd.oci.image.manifest.v1+json
	assert_output --partial 'was announced'
	run -5 faulty ok manifest-fetch "$sum" 99999999 $index
	assert_output --partial '4 MiB'
	run -5 faulty digestlie manifest-fetch "$sum" "$size" $index
	assert_output --partial 'what came has the digest'
	run -5 ctl "oci://$FAULTS/tagdigest/x:1" manifest-get
	assert_output --partial 'but the registry says sha256:0000'
	ctl "oci://$FAULTS/escape/x:1" manifest-put manifest $index
	run -5 ctl "oci://$FAULTS/escape/x:1" manifest-get
	assert_output --partial 'the registry says something else'
	[[ $output != *$'\e'* ]]
	run -5 faulty typelie manifest-fetch "$(digest_of image)" "$(stat -c %s image)" application/vnd.oci.image.manifest.v1+json
	run -5 ctl "oci://$FAULTS/large/x:1" manifest-get
	assert_output --partial 'more than 4194304 bytes'
	run -4 ctl "oci://$FAULTS/html/x:1" manifest-get
	assert_output --partial 'no JSON object (text/html)'
	run -1 ctl "oci://$FAULTS/ok/x:none" manifest-get
	assert_output --partial 'MANIFEST_UNKNOWN: manifest unknown'
	run -1 ctl "oci://$FAULTS/ok/x:none" manifest-head
	refute_output --partial 'registryctl:'
}

@test "a registry that is busy is asked again, when it says; one that stays down or refuses, not for ever" {
	start_faults
	blob a 100000
	sum=$(digest_of a)
	faulty ok put a
	run -0 faulty busy get "$sum" 100000 got
	assert_output --partial 'try 2 of 5 in 1.0 s'
	assert_output --partial 'TOOMANYREQUESTS: slow down'
	run -4 faulty down get "$sum" 100000 down
	assert_output --partial 'after 5 tries'
	[ "$(asked 'GET /v2/down/')" -eq 5 ]
	run -4 faulty endless tags
	assert_output --partial 'UNAUTHORIZED: never'
	[ "$(asked '/v2/endless/')" -le 3 ]
	run -4 faulty badtoken tags
	assert_output --partial 'no JSON object (text/html)'
	printf '{"schemaVersion":2,"manifests":[]}' >index
	run -4 ctl "oci://$FAULTS/words/x:1" manifest-put index application/vnd.oci.image.index.v1+json
	assert_output --partial 'DENIED:  [31mred'
	[[ $output != *$'\e'* && $output != *$'\u202e'* && $output != *$'\u009b'* && $output != *$'\a'* ]]
	[ "${#output}" -lt 800 ]
	run -4 ctl "oci://127.0.0.1:$(free_port)/x" tags
	assert_output --partial 'no connection'
	start_web
	run -4 ctl "oci://${WEB#http://}/x" tags
	assert_output --partial 'not as a registry does'
}

@test "tokens that expire in the middle are renewed, once for each request" {
	start_faults
	for i in $(seq 16); do blob "b$i" 100000; done
	run -0 faulty expire put b?*
	assert_line 'sent 16'
	[ "$(asked ' /token')" -gt 2 ]
	[ "$(asked ' /token')" -lt 20 ]
	[ "$(asked ' 401 Bearer')" -gt 1 ]
	# one that always wants another one than it was given
	run -4 faulty scopes put b?*
	assert_output --partial 'UNAUTHORIZED: another'
	[ "$(asked /v2/scopes/)" -lt 100 ] # four at a time, nine tries each for HEAD and POST
}

@test "tags come in pages, which end; referrers by the registry's own list" {
	start_faults
	printf '{"schemaVersion":2,"manifests":[]}' >index
	for tag in a b c; do
		ctl "oci://$FAULTS/pages/x:$tag" manifest-put index application/vnd.oci.image.index.v1+json
	done
	run -0 --separate-stderr faulty pages tags
	assert_output '["a","b","c"]'
	run -4 faulty loop tags
	assert_output --partial 'same page'
	run -0 --separate-stderr faulty ok tags
	assert_output '[]'
	sum=$(digest_of index)
	printf '{"schemaVersion":2,"manifests":[],"artifactType":"application/x-sbom","subject":{"digest":"%s"}}' "$sum" >sbom
	ctl "oci://$FAULTS/refer/x" manifest-put sbom application/vnd.oci.image.index.v1+json
	run -0 --separate-stderr faulty refer referrers "$sum" application/x-sbom
	assert_output --partial "$(digest_of sbom)"
	run -0 --separate-stderr faulty refer tags
	assert_output '[]'
}

@test "HTTP without TLS is for this machine only, unless --plain-http asks for it" {
	start_faults
	name=registry.localhost:${FAULTS#*:} # curl looks for it on this machine
	run -4 ctl "oci://$name/ok/x" write hello
	assert_output --partial 'a registry without TLS needs --plain-http'
	run -0 ctl --plain-http "oci://$name/ok/x" write hello
	run -0 ctl "oci://localhost:${FAULTS#*:}/ok/x" write hello
	kill "$PID"
	rm -f "$BATS_TEST_TMPDIR/faults.port"
	start_faults tls
	unset SSL_CERT_FILE
	run -4 ctl --plain-http "oci://$FAULTS/ok/x" write hello # TLS it speaks, but who is it?
	assert_output --partial 'cannot prove who it is'
	[ ! -s "$FAULTS_LOG" ]
}
