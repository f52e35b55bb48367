#!/bin/sh
# Copy the outbox into a folder while the site runs: backup.sh FOLDER. Which one, the site's own settings say.
# The list of hidden stories is copied beside it, so that none comes back with a restored server.
#
# Mail that the mail server has taken is cleared from the copy. What waits stays sealed: a copy is of use only
# together with the keys, which are kept elsewhere. Copies go after 14 days (KEEP_DAYS).
set -eu
umask 077
cd "$1"
name=outbox-$(date --utc +%Y%m%dT%H%M%SZ)
rm -f part
trap 'rm -f part' EXIT
# Copies go on their day also where no new one can be made. An hour or two early, so that a copy made at the same
# time of day goes on its last day.
find . -name 'outbox-*' -mmin +$((${KEEP_DAYS:-14} * 1440 - 120)) -delete

hidden=${RJSITE_DATA_DIR:-}/hidden-stories
test ! -f "$hidden" || cp "$hidden" hidden-stories

url=${RJSITE_DATABASE_URL:-sqlite:///${RJSITE_DATA_DIR:?}/outbox.sqlite3}
case $url in
sqlite*) # what is cleared is overwritten, and no journal keeps it
    file=${url#*:///}
    file=${file%%\?*}
    test -s "$file" || { echo "There is no $file." >&2 && exit 1; }
    sqlite3 -bail -cmd '.timeout 20000' "$file" "VACUUM INTO 'part'"
    sqlite3 -bail part >/dev/null "PRAGMA journal_mode=MEMORY; PRAGMA secure_delete=ON;
        UPDATE outbox SET sealed = NULL WHERE accepted_at IS NOT NULL; VACUUM"
    test "$(sqlite3 part 'PRAGMA integrity_check')" = ok
    name=$name.sqlite3
    ;;
*) # what is cleared never reaches the disk of the copy; the counts of senders stay out too
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
            END { exit !(whole && at["accepted_at"] && at["sealed"]) }' >part
    name=$name.sql
    ;;
esac

sync part
mv part "$name"
echo "$PWD/$name"
