#!/bin/sh
# What rjsite-daily.service does as each day begins: publish what is due for nginx, back up the outbox, and copy the
# backups to another machine. None waits for another to succeed. The site reads how it ended, and warns the team where
# it failed or did not run.
set -u
cd "$(dirname "$0")/.." || exit
result=${RJSITE_DATA_DIR:?}/daily-run
backups=${RJSITE_BACKUP_DIR:-/var/backups/rjsite}

# There, too, copies go after KEEP_DAYS. Younger ones stay whatever is here: a server that was set up anew has none yet.
copy_away() {
    set -- --filter="protect *"
    for day in $(seq "${KEEP_DAYS:-14}" 90); do
        set -- --filter="risk outbox-$(date --utc --date="-$day days" +%Y%m%d)T*" "$@"
    done
    rsync --archive --delete --timeout=300 --rsh="ssh -o BatchMode=yes" "$@" "$backups/" "$BACKUP_TARGET/"
}

echo "broken off" >"$result" # until the end
ended=ok
.venv/bin/rjsite publish /var/lib/rjsite-published || ended=failed
deploy/backup.sh "$backups" || ended=failed
test "${BACKUP_TARGET:-none}" = none || copy_away || ended=failed
echo "$ended" >"$result" && test "$ended" = ok
