#!/bin/sh
# Run a version of the site, as root: release.sh v1.1 (a tag, a branch or a commit). To go back, name the one before.
#
# It is made ready beside the one that runs, and only then switched to. Where it does not come up, the one
# before is put back. /srv/rjsite/source is a clone, /srv/rjsite/current what runs.
set -eu
umask 022
cd /srv/rjsite

git -C source fetch --quiet --tags origin
commit=$(git -C source rev-parse --verify --quiet "origin/$1^{commit}" || git -C source rev-parse --verify "$1^{commit}")
new=/srv/rjsite/versions/$commit
before=$(readlink current || true)
# the settings are read by the version of this script: an older one, which is gone back to, may not know how
reader=$(dirname "$(dirname "$(readlink --canonicalize "$0")")")/.venv/bin/rjsite
test -x "$reader" || reader=$new/.venv/bin/rjsite

if [ ! -e "$new/ready" ]; then
    rm -rf "$new"
    mkdir -p "$new"
    git -C source archive "$commit" | tar --extract --no-same-permissions --directory "$new"
    if [ -n "$before" ]; then cp --archive "$before/.venv" "$new/"; fi # quick where no package changed
    python3 "$new/deploy/prepare.py" run
    "$new/.venv/bin/python" -m compileall -q "$new/site"
    touch "$new/ready"
fi

switch_to() {
    ln --symbolic --force --no-dereference "$1" current.new
    mv --no-target-directory current.new current
    systemctl try-restart 'rjsite@*'
}

comes_up() {
    RJSITE_SETTINGS_FILE=/etc/rjsite/environment "$reader" with-settings sh -c '
        for _ in $(seq 60); do
            sleep 1
            curl --silent --fail "http://${HOST:-127.0.0.1}:${PORT:-8000}/healthz" >/dev/null && exit
        done
        exit 1'
}

switch_to "$new"
if ! systemctl --quiet is-active rjsite@serve; then
    echo "Ready, and not started: $commit"
elif comes_up; then
    echo "Running: $commit. Before it: ${before##*/}"
    current/deploy/rjsite publish /var/lib/rjsite-published # for nginx
else
    switch_to "$before"
    echo "It did not come up, and ${before##*/} runs again. Why: journalctl -u rjsite@serve" >&2
    exit 1
fi
