#!/bin/sh
# The browser test drives the system's Chromium; it downloads no browser of its own.
for name in chromium chromium-browser google-chrome; do
    command -v "$name" >/dev/null 2>&1 && exit 0
done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    apt-get update -qq && apt-get install -y -qq chromium fonts-noto-cjk
else
    echo "Chromium is missing. On Debian and Ubuntu: sudo apt install chromium fonts-noto-cjk" >&2
    exit 1
fi
