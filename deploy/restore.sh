#!/bin/sh
# Restore a backup of the outbox, as root: restore.sh /var/backups/rjsite/outbox-TIME.sqlite3
#
# The old file is kept under another name, because it may contain mail that was not sent.
set -eu
data=/var/lib/rjsite
before=$data/outbox.sqlite3.damaged-before

test -s "${1-}" || { echo "Name a backup: ls /var/backups/rjsite" >&2 && exit 2; }
test "$(head -c 15 "$1")" = "SQLite format 3" || { echo "Not an SQLite backup: see docs/larger.md" >&2 && exit 2; }
test ! -e $before || { echo "$before is still there. Look into it first, as docs/running-it.md says." >&2 && exit 1; }

# However the script ends, no part of a copy stays. If the site was stopped, it is started again: with the files that it
# had before, if the backup is not in their place.
end() {
    ended=$?
    set +e
    rm -f $data/restored $data/restored-list
    test -n "${stopped-}" || exit $ended
    for part in -shm -wal ''; do
        if [ ! -e $data/outbox.sqlite3 ] && [ -e $before$part ]; then mv $before$part $data/outbox.sqlite3$part; fi
    done
    systemctl start rjsite@serve || ended=1
    if systemctl --quiet is-enabled rjsite@deliver; then systemctl start rjsite@deliver || ended=1; fi
    exit $ended
}
trap end EXIT
trap 'exit 1' HUP INT TERM PIPE

# The copies are made before the site is stopped, because the disk may be full.
install -o rjsite -g rjsite -m 600 "$1" $data/restored
hidden=$(dirname "$1")/hidden-stories # hidden stories stay hidden on a new machine
if [ ! -e $data/hidden-stories ] && [ -e "$hidden" ]; then
    install -o rjsite -g rjsite -m 644 "$hidden" $data/restored-list
    sync $data/restored-list
    mv $data/restored-list $data/hidden-stories
fi
sync --file-system $data

stopped=yes
systemctl stop 'rjsite@*'
trap '' HUP INT TERM PIPE # the files are moved together, because SQLite deletes a log that has no database
for part in '' -wal -shm; do
    test ! -e $data/outbox.sqlite3$part || mv $data/outbox.sqlite3$part $before$part
done
mv $data/restored $data/outbox.sqlite3
test ! -e $before || echo "The previous database is now $before. docs/running-it.md says what to do with it."
