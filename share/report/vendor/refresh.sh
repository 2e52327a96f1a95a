#!/bin/sh
# Fetches the chart library of the report page anew: the version and the digest that are pinned here.
#
#   sh share/report/vendor/refresh.sh
#
# Only this script needs npm (which knows its registry); ungil is built from the files that it leaves beside it. For another
# version change both lines: `npm view chartist@VERSION dist.integrity` tells the digest.
set -eu

version=1.5.0
integrity=sha512-mcCJuWHpNqkJucuWEeHxymQCQEeAOkamGypqCV5+C+uI2NF4I3BOn/tjIuZaowJVNAcrY9BG3janLaCWSNVPDw==

vendor=$(cd "$(dirname "$0")" && pwd)
tmp=$(mktemp -d "${TMPDIR:-/tmp}/ungil-vendor.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"

npm pack --silent "chartist@$version" >/dev/null
got=sha512-$(openssl dgst -sha512 -binary "chartist-$version.tgz" | openssl base64 -A)
if [ "$got" != "$integrity" ]; then
	echo "chartist-$version.tgz is not what is pinned: it has $got, and $integrity is pinned" >&2
	exit 1
fi
tar -xzf "chartist-$version.tgz"

# The licence goes where the code goes, into every page. A source map is not carried along, so nobody may look for it.
{
	echo "/*! Chartist $version, unchanged, used under this licence:"
	echo
	cat package/LICENSE-MIT
	echo "*/"
	sed '/^\/\/# sourceMappingURL=/d' package/dist/index.umd.js
} >"$vendor/chartist.js.new"
cp package/LICENSE-MIT "$vendor/LICENSE-chartist"
mv "$vendor/chartist.js.new" "$vendor/chartist.js"
echo "chartist $version: $(wc -c <"$vendor/chartist.js") bytes"
