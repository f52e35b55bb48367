#!/bin/sh
# What rjsite-daily.service does as each day begins: publish what is due for nginx, and back up the outbox. Neither
# waits for the other to succeed. The site reads how it ended, and warns the team where it failed or did not run.
set -u
cd "$(dirname "$0")/.." || exit
result=${RJSITE_DATA_DIR:?}/daily-run
echo "broken off" >"$result" # until the end
ended=ok
.venv/bin/rjsite publish /var/lib/rjsite-published || ended=failed
deploy/backup.sh /var/backups/rjsite || ended=failed
echo "$ended" >"$result" && test "$ended" = ok
