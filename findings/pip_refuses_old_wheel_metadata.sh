#!/usr/bin/env bash
# pip 24.1 and later refuse to download a wheel for the metadata of dependencies that nobody asked for, and then say
# that there is no such version.
#
# Observed: robel 0.1.2, on PyPI since 2019, depends on "transforms3d (>=0.3.0<0.4)", without a comma. pip 24.0
# downloads the wheel with --no-deps, with a notice of deprecation. pip 24.1 and 25.3, given the same command, fetch
# the whole file, discard it, and end with "No matching distribution found", which a script that keeps pip's last
# line takes for a missing version; the reason stands in a warning before it. Given the file itself in place of its
# name, they refuse it as well. That an installation is refused is announced and understandable; --no-deps downloads
# are used to get at the files in a wheel, and the line at fault is of no use to them.
# Remedy: an environment with "pip<24.1" for the download.
#
# Exits with 0 while this is so, with 1 once the newest of these versions downloads it or the oldest does not.
# Needs Python up to 3.12, on which pip 24.0 runs.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

download() { # pip's version
  python3 -m venv "$folder/$1"
  "$folder/$1/bin/python" -m pip install --quiet --disable-pip-version-check "pip==$1"
  "$folder/$1/bin/python" -m pip download --disable-pip-version-check --no-deps robel==0.1.2 \
    --dest "$folder/files-$1" > "$folder/output-$1" 2>&1
}

download 24.0 || { echo "changed: pip 24.0 refuses it as well"; exit 1; }
grep -q "non standard dependency specifier transforms3d>=0.3.0<0.4" "$folder/output-24.0"
echo "pip 24.0: $(ls "$folder/files-24.0")"
for version in 24.1 25.3; do
  if download "$version"; then
    echo "changed: pip $version downloads it"
    exit 1
  fi
  grep -q "Downloading robel-0.1.2-py3-none-any.whl" "$folder/output-$version"
  grep -q "Please use pip<24.1" "$folder/output-$version"
  echo "pip $version: $(tail -n 1 "$folder/output-$version")"
done
if "$folder/25.3/bin/python" -m pip download --disable-pip-version-check --quiet --no-deps \
  "$folder/files-24.0/robel-0.1.2-py3-none-any.whl" --dest "$folder/copy" > "$folder/output" 2>&1; then
  echo "changed: pip 25.3 takes the file itself"
  exit 1
fi
echo "as observed: fetched, discarded, and told that there is no such version"
