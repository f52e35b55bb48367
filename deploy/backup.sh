#!/bin/sh
# Back up the outbox to a folder while the site is running: backup.sh FOLDER. The site's settings name the database.
# The list of hidden stories is copied to the same folder, so that no hidden story is shown again by a restored server.
#
# The text of mail that the mail server has accepted is removed from the backup. Waiting mail stays encrypted: a backup
# is useful only with the keys, which are kept elsewhere. Backups are deleted after 14 days (KEEP_DAYS).
set -eu
umask 077
cd "$1"
days=${KEEP_DAYS:-14}
case $days in 0* | *[!0-9]* | ?????*) echo "KEEP_DAYS: write a number of days, 1 to 9999" >&2 && exit 2 ;; esac
# Old backups, and what a killed run left, are deleted even if no new backup can be made. Backups are deleted two hours
# early, so that one that was made at the same time of day is deleted on its last day and not a day later.
find . -maxdepth 1 -ignore_readdir_race -type f \
    \( -name 'outbox-*' -mmin +$((days * 1440 - 120)) -o \( -name part -o -name 'part.??????*' \) -mmin +720 \) -delete

# Each run has a file of its own, because another run may be under way.
part=$(mktemp part.XXXXXX)
trap 'rm -f "$part"*' EXIT
name=outbox-$(date --utc +%Y%m%dT%H%M%SZ)

hidden=${RJSITE_DATA_DIR:-}/hidden-stories
if [ -f "$hidden" ]; then # the last copy stays if the disk is full
    cp "$hidden" "$part"
    sync "$part"
    mv "$part" hidden-stories
fi

url=${RJSITE_DATABASE_URL:-sqlite:///${RJSITE_DATA_DIR:?}/outbox.sqlite3}
case $url in
sqlite*) # removed text is overwritten, and no journal file keeps it
    file=${url#*:///}
    file=${file%%\?*}
    test -s "$file" || { echo "There is no $file." >&2 && exit 1; }
    sqlite3 -bail -cmd '.timeout 20000' "$file" "VACUUM INTO '$part'"
    sqlite3 -bail "$part" >/dev/null "PRAGMA journal_mode=MEMORY; PRAGMA secure_delete=ON;
        UPDATE outbox SET sealed = NULL WHERE accepted_at IS NOT NULL; VACUUM"
    test "$(sqlite3 -bail "$part" 'SELECT 1 FROM outbox LIMIT 0; PRAGMA integrity_check')" = ok
    name=$name.sqlite3
    ;;
*) # removed text is never written to the backup; nor are the counts for the limit on forms
    pg_dump --clean --if-exists --no-owner --exclude-table-data='*.rate_limit' "postgresql://${url#*://}" |
        awk -F '\t' -v OFS='\t' '
            $0 == "\\." { rows = 0 }
            rows && $at["accepted_at"] != "\\N" { $at["sealed"] = "\\N" }
            /^COPY [^ ]*outbox \(/ {
                rows = split(substr($0, index($0, "(") + 1), names, /, |\)/)
                for (i = 1; i < rows; i++) at[names[i]] = i
            }
            /^-- PostgreSQL database dump complete/ { whole = 1 }
            { print }
            END { exit !(whole && at["accepted_at"] && at["sealed"]) }' >"$part"
    name=$name.sql
    ;;
esac

sync "$part"
mv "$part" "$name"
echo "$PWD/$name"
