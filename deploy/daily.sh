#!/bin/sh
# rjsite-daily.service runs this script at the beginning of each day. It publishes the pages for nginx, backs up the
# outbox, and copies the backups to another machine. If one step fails, the others still run. The site reads the
# result, and warns the team if the script failed or did not run.
set -u
cd "$(dirname "$0")/.." || exit
result=${RJSITE_DATA_DIR:?}/daily-run
backups=${RJSITE_BACKUP_DIR:-/var/backups/rjsite}

# Backups on the other machine, too, are deleted after KEEP_DAYS. Newer backups stay there even if they are missing
# here, because a server that has just been set up has none yet.
copy_away() {
    case ${KEEP_DAYS:-14} in 0* | *[!0-9]* | ?????*) return 1 ;; esac # backup.sh has said what to write
    set -- --exclude='part*' --filter="protect *"
    for day in $(seq --format="-%g days" "${KEEP_DAYS:-14}" 400 | date --utc --file=- +%Y%m%d); do
        set -- --filter="risk outbox-${day}T*" "$@"
    done
    rsync --archive --delete --timeout=300 --rsh="ssh -o BatchMode=yes" "$@" "$backups/" "$BACKUP_TARGET/"
}

echo "interrupted" >"$result" # replaced by the result at the end
ended=ok
.venv/bin/rjsite publish /var/lib/rjsite-published || ended=failed
deploy/backup.sh "$backups" || ended=failed
test "${BACKUP_TARGET:-none}" = none || copy_away || ended=failed
echo "$ended" >"$result" && test "$ended" = ok
