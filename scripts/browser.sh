#!/usr/bin/env bash
# The page of the leaderboard is tested in Chromium: install it where that is possible, once. Without
# it those tests are skipped and say so.
set -euo pipefail
for name in chromium chromium-browser google-chrome; do
  if command -v "$name" >/dev/null; then
    exit 0
  fi
done
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  echo "browser: no Chromium, so the tests of the page are skipped; on Debian: apt-get install chromium"
  exit 0
fi
echo "browser: installing Chromium for the tests of the page"
log="$(mktemp)"
if ! { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium; } >"$log" 2>&1; then
  tail -n 3 "$log"
  echo "browser: Chromium could not be installed, so the tests of the page are skipped"
fi
rm -f "$log"
