# The upstreams that the other tests use are what they claim to be: else those tests would prove nothing.

load helpers

@test "miniature: configured, built and installed like CPython, in both variants" {
	mini_upstream
	cp -r "$MINI/src" ft && cd ft
	./configure --prefix=/opt/ungil/versions/3.99.2t --disable-gil
	make -j2
	make install DESTDIR="$PWD/dest"
	prefix=$PWD/dest/opt/ungil/versions/3.99.2t
	run "$prefix/bin/python3.99t" -VV
	assert_output --partial "Python 3.99.2 free-threading build"
	# as upstream: python3.99 is the free-threaded one there, and pip's shebang names the prefix
	run "$prefix/bin/python3.99" -VV
	assert_output --partial "free-threading build"
	run head -n 1 "$prefix/bin/pip3.99"
	assert_output "#!/opt/ungil/versions/3.99.2t/bin/python3.99"
	python3 -m json.tool "$prefix/lib/python3.99t/build-details.json" >/dev/null
}

@test "miniature: its stub answers kernels on descriptor 3, and badly on request" {
	mini_upstream
	cp -r "$MINI/src" ft && cd ft
	./configure --disable-gil && make
	run bash -c './python -I -B /somewhere/identity.py "{}" 3>&1'
	assert_line --partial '"check": "gil-off", "expected": "good", "seen": "good", "verdict": "pass"'
	assert_line --index -1 '{"done": true}'
	knob gil-on
	run bash -c './python -I -B /somewhere/identity.py "{}" 3>&1'
	assert_line --partial '"check": "gil-off", "expected": "good", "seen": "bad", "verdict": "fail"'
	run bash -c './python -I -B /somewhere/modules.py "{\"require\": [\"ssl\", \"zstd\"], \"optional\": []}" 3>&1'
	assert_line --partial '"check": "zstd"'
	assert_equal "${#lines[@]}" 3
}

@test "lighttpd serves git over smart HTTP, shallow too, and files with Range" {
	start_web
	mini_upstream
	git -c advice.detachedHead=false clone -q --depth 1 -b v3.99.1 "$WEB/git/cpython.git" clone
	run git -C clone rev-list --count HEAD
	assert_output 1
	run web_log
	assert_line --partial 'POST /git/cpython.git/git-upload-pack 200'
	run git -C clone rev-parse 'HEAD^{tree}'
	assert_file_contains "$RECIPE" "tree = $output"
	run python3 - "$WEB/tarballs/3.99.1/Python-3.99.1.tar.xz" <<-'END'
		import sys, urllib.request
		request = urllib.request.Request(sys.argv[1], headers={"Range": "bytes=10-19"})
		with urllib.request.urlopen(request) as answer:
		    print(answer.status, len(answer.read()))
	END
	assert_output "206 10"
}

@test "the misbehaving server misbehaves as asked, once and no more" {
	start_faulty
	mini_upstream
	run python3 - "$FAULTY" 3.99.1/Python-3.99.1.tar.xz "$MINI/tarballs" <<-'END'
		import http.client, sys, urllib.error, urllib.request
		base, name, root = sys.argv[1:]
		good = open(f"{root}/{name}", "rb").read()
		def get(mode, **headers):
		    request = urllib.request.Request(f"{base}/{mode}/{name}", headers=headers)
		    try:
		        with urllib.request.urlopen(request) as answer:
		            data = answer.read()
		            return answer.status, "good" if data == good[-len(data):] else "other", len(data) == len(good)
		    except urllib.error.HTTPError as e:
		        return e.code
		    except http.client.IncompleteRead as e:
		        return "cut"
		print(get("ok"), get("503x1"), get("503x1"), get("404"), get("cut"), get("cut", Range="bytes=5-"))
		print(get("ok", Range="bytes=5-"), get("norange", Range="bytes=5-"), get("flip"), get("429"), get("429"), get("loop"))
	END
	assert_line "(200, 'good', True) 503 (200, 'good', True) 404 cut (206, 'good', False)"
	assert_line "(206, 'good', False) (200, 'good', True) (200, 'other', True) 429 (200, 'good', True) 302"
	[ "$(requests)" -ge 12 ]
}

@test "evil archives hold what they are named after" {
	mini_upstream
	"$TESTS/upstream/evil.py" "$MINI/tarballs/3.99.1/Python-3.99.1.tar.xz" evil dotdot device setuid truncated
	run tar -tvf evil/dotdot/Python-3.99.1.tar.xz
	assert_line --partial "Python-3.99.1/../../escaped"
	run tar -tvf evil/device/Python-3.99.1.tar.xz
	assert_line --regexp '^c.*1,3.*Python-3.99.1/null'
	run tar -tvf evil/setuid/Python-3.99.1.tar.xz
	assert_line --regexp '^-rws.*Python-3.99.1/su'
	run tar -tf evil/truncated/Python-3.99.1.tar.xz
	assert_failure
}
