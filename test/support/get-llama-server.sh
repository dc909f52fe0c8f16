#!/usr/bin/env bash
# Puts Debian's llama-server into DIR, with its own loader and libraries, so that it runs on any Linux with apt:
# 12.5 MB of packages, nothing installed. DIR appears only once it is complete.
set -euo pipefail
dir=$1
fail() { echo "$1" >&2; exit 1; }
case $(uname -m) in
  x86_64) triplet=x86_64-linux-gnu loader=ld-linux-x86-64.so.2 ;;
  aarch64) triplet=aarch64-linux-gnu loader=ld-linux-aarch64.so.1 ;;
  *) fail "there is none for $(uname -m)" ;;
esac
command -v apt-get >/dev/null || fail "apt-get is not there"

mkdir -p "$(dirname "$dir")"
new=$(mktemp -d "$dir.XXXXXX")
trap 'rm -rf "$new"' EXIT
mkdir -p "$new"/{lists/partial,cache/archives/partial,root}
sources=/etc/apt/sources.list.d/debian.sources
mirror=$(awk '/^URIs:/{print $2;exit}' $sources 2>/dev/null || true)
key=$(awk '/^Signed-By:/{print $2;exit}' $sources 2>/dev/null || true)
: "${mirror:=http://deb.debian.org/debian}" "${key:=/usr/share/keyrings/debian-archive-keyring.gpg}"
echo "deb [signed-by=$key] $mirror sid main" >"$new/sources.list"
apt=(apt-get -qq -o Dir::Etc::SourceList="$new/sources.list" -o Dir::Etc::SourceParts=/dev/null
  -o Dir::Etc::PreferencesParts=/dev/null -o Dir::State::Lists="$new/lists" -o Dir::Cache="$new/cache"
  -o APT::Sandbox::User=root -o Acquire::Retries=2 -o Acquire::http::Timeout=20)
"${apt[@]}" -o APT::Update::Error-Mode=any update || fail "the package lists at $mirror cannot be fetched"
(cd "$new/cache" && "${apt[@]}" download llama.cpp-tools libllama0 libggml0 libc6 libstdc++6 libgcc-s1 libgomp1 \
  libssl3t64 zlib1g libzstd1) || fail "the packages at $mirror cannot be fetched"
for deb in "$new"/cache/*.deb; do dpkg-deb -x "$deb" "$new/root"; done

cat >"$new/llama-server" <<S
#!/bin/sh
# ggml looks its CPU back ends up in the working directory, so the path of a model must be absolute.
lib=\$(dirname "\$(realpath "\$0")")/root/usr/lib/$triplet
cd "\$lib/ggml/backends0" && exec "\$lib/$loader" --library-path "\$lib:\$lib/llama:\$lib/ggml/backends0" "\$lib/../../bin/llama-server" "\$@"
S
chmod +x "$new/llama-server"
"$new/llama-server" --version >/dev/null 2>&1 || fail "the unpacked llama-server does not run here"
rm -rf "$new/lists" "$new/cache"
chmod 755 "$new"
# Another test may have been faster.
mv -T "$new" "$dir" 2>/dev/null || [ -x "$dir/llama-server" ]
