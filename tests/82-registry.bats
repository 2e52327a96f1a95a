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
	run -1 ctl "$REF" write hello
	assert_output --partial "status 401"
	assert_output --partial "nobody was logged in: docker login $REGISTRY"
	login lab:wrong
	run -1 ctl "$REF" write hello
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
	run -1 ctl "oci://$REGISTRY/locked" write hello
	assert_output --partial 'UNAUTHORIZED'
	login lab:wrong
	run -1 ctl "$REF" tags
	assert_output --partial 'wrong password'
	assert_output --partial "the login was lab's"
}
