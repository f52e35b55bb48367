#!/bin/sh
# Release a version of the site, as root: release.sh v1.1 (a tag, a branch or a commit). To go back, name the earlier
# version.
#
# Each run exports the version from Git to a new folder, beside the running version, and only then switches to the new
# folder. If a later step fails or is interrupted, the version that last started successfully is restored. In
# /srv/rjsite, `source` is a clone, `current` is a link to the running version, and `last-good` is a link to the version
# that last started successfully.
set -eu
umask 022
cd -P /srv/rjsite
published=/var/lib/rjsite-published
units=/etc/systemd/system
export RJSITE_SETTINGS_FILE=/etc/rjsite/environment

stop() {
    echo "$*" >&2
    exit 1
}

test $# = 1 || stop "Name a version: a tag, a branch or a commit."
exec 9>release.lock
flock --nonblock 9 || stop "Another release is under way. Wait until it has ended."

commit_of() { git -C source rev-parse --verify --quiet "$1^{commit}"; }
git -C source fetch --quiet --prune --tags --force origin || fetch_failed=yes
if commit=$(commit_of "refs/remotes/origin/$1"); then
    test -z "${fetch_failed-}" || stop "The branch $1 could not be fetched. To go back meanwhile, name a tag or a commit."
elif ! commit=$(commit_of "refs/tags/$1"); then
    case $1 in *[!0-9a-f]*) false ;; *) commit=$(commit_of "$1") ;; esac ||
        stop "There is no version $1. Name a tag, a branch or a commit."
fi

before=$(readlink --canonicalize-existing last-good || readlink --canonicalize-existing current || true)
mkdir -p versions
for old in versions/*; do # left by an interrupted run
    test -e "$old/ready" || rm -rf "$old"
done
new=$(mktemp --directory "$PWD/versions/$commit.XXXXXX")
# The version that this script belongs to reads the settings, because an older version may not be able to.
reader=$(dirname "$(dirname "$(readlink --canonicalize "$0")")")/.venv/bin/rjsite

name_of() { basename "${1%.??????}"; }

# Let the new version read the settings, as the system user of the site, while the previous version is still running.
check_settings() {
    test -n "$running" || return 0 # on a new server, some settings may still be missing
    runuser -u rjsite -- "$new/.venv/bin/python" -c '
import sys
from rjsite.settings import Settings, SettingsError
try:
    Settings.load()
except SettingsError as error:
    sys.exit("\n  ".join(["The settings cannot be used:", *error.faults]))'
}

# Install the systemd units of the current version. On a server that has none yet, none are added.
take_units() {
    test -e $units/rjsite@.service || return 0
    cp current/deploy/systemd/rjsite* $units/ && systemctl daemon-reload
}

# Restart the units that were running, and wait until the site responds. Fail if systemd had to restart a unit again.
# shellcheck disable=SC2086 # $running names at most two units
comes_up() {
    take_units || return
    test -n "$running" || return 0
    systemctl restart $running || return
    started=$(systemctl show --property=MainPID --value $running)
    case $running in *@serve*) answers || return ;; esac
    sleep 5
    test "$(systemctl show --property=MainPID --value $running)" = "$started"
}

# shellcheck disable=SC2016 # HOST and PORT come from the settings
answers() {
    "$reader" with-settings sh -c '
        case ${HOST-} in *:*) HOST="[$HOST]" ;; esac
        for _ in $(seq 60); do
            sleep 1
            curl --silent --fail "http://${HOST:-127.0.0.1}:${PORT:-8000}/healthz" >/dev/null && exit
        done
        exit 1'
}

# Publish the pages for nginx. If there is a problem in the content, it is printed, and everything else is published.
publish() {
    case $running in *@serve*) ;; *) return 0 ;; esac
    was=$(readlink "$published/current" || true)
    current/deploy/rjsite publish "$published" || test "$(readlink "$published/current" || true)" != "$was" || return
    if systemctl --quiet is-active nginx; then systemctl reload nginx; fi # it includes a file of the running version
}

undo() {
    trap - EXIT
    trap '' HUP INT TERM PIPE
    set +e
    if [ -z "${switched-}" ]; then
        rm -rf "$new"
        stop "Nothing has changed: $commit could not be made ready."
    fi
    why="The lines above and journalctl -u 'rjsite@*' say why."
    test -n "$before" || stop "$commit did not start, and there is no version to go back to. $why"
    mv --no-target-directory current.back current
    if ! comes_up; then
        ended="is restored, but does not start either"
    elif [ -z "$running" ]; then
        ended="is restored, but not started"
    else
        ended="runs again"
    fi
    publish || ended="$ended. Its pages could not be published for nginx"
    rm -rf "$new"
    stop "$commit did not start properly. $(name_of "$before") $ended. $why"
}
trap undo EXIT
trap 'exit 1' HUP INT TERM

# 1. Prepare the new version.
chmod 755 "$new"
git -C source archive --output="$new/archive.tar" "$commit"
tar --extract --no-same-permissions --directory "$new" --file "$new/archive.tar"
rm "$new/archive.tar"
for made in "$before" versions/"$commit".*; do # if no package has changed, this is quick and needs no network
    if [ -e "$made/ready" ] && [ -d "$made/.venv" ]; then packages=$made/.venv; fi
done
if [ -n "${packages-}" ]; then cp --archive "$packages" "$new/"; fi
python3 "$new/deploy/prepare.py" run # every version has the script at this path
"$new/.venv/bin/python" -m compileall -q "$new/site"
# after an upgrade of Python, the packages of the previous version can no longer be used
"$reader" --help >/dev/null 2>&1 || reader=$new/.venv/bin/rjsite
sync --file-system "$new" # after a power cut, a version that counts as ready could otherwise have empty files
touch "$new/ready"

# 2. Switch to it. The link for going back is made first, because the disk may be full later.
running=
for unit in rjsite@serve rjsite@deliver; do
    state=$(systemctl show --property=ActiveState --value "$unit")
    case $state in
    inactive | failed | "") ;;
    *) running="$running $unit" ;;
    esac
done
check_settings
ln --symbolic --force --no-dereference "$new" current.new
if [ -n "$before" ]; then ln --symbolic --force --no-dereference "$before" current.back; fi
switched=yes
mv --no-target-directory current.new current
comes_up
publish
if [ -n "$running" ]; then ln --symbolic --force --no-dereference "$new" last-good; else rm -f last-good; fi
systemctl try-restart rjsite-staff || true # if the staff copy fails, the release still counts as successful
trap - EXIT

if [ -n "$running" ]; then
    echo "Running: $commit.${before:+ The previous version was $(name_of "$before").}"
else
    echo "Ready, but not started: $commit"
fi
# Keep the three newest versions, and always the new and the previous one: the times of the folders may be wrong.
# shellcheck disable=SC2012 # these names contain no spaces
for old in $(ls -1dt versions/* | tail --lines=+4); do
    case $PWD/$old in "$new" | "$before") ;; *) rm -rf "$old" ;; esac
done
