#!/bin/sh
# Copy the outbox into a folder while the site runs: backup.sh FOLDER. Which one, the site's own settings say.
#
# Mail in it stays sealed, so a copy is of use only together with the keys, which are kept elsewhere.
# Copies go after 14 days (KEEP_DAYS).
set -eu
umask 077
cd "$1"
name=outbox-$(date --utc +%Y%m%dT%H%M%SZ)
rm -f part

case ${RJSITE_DATABASE_URL:=sqlite:///${RJSITE_DATA_DIR:?}/outbox.sqlite3} in
sqlite:*) # wiped text is in no page of the copy
    file=${RJSITE_DATABASE_URL#sqlite:///}
    test -s "$file" || { echo "There is no $file." >&2 && exit 1; }
    sqlite3 -bail -cmd '.timeout 20000' "$file" "VACUUM INTO 'part'"
    test "$(sqlite3 part 'PRAGMA integrity_check')" = ok
    name=$name.sqlite3
    ;;
*)
    pg_dump --format=custom --no-owner --file=part "postgresql${RJSITE_DATABASE_URL#*psycopg}"
    pg_restore --list part >/dev/null
    name=$name.dump
    ;;
esac

sync part
mv part "$name"
find . -name 'outbox-*' -mtime +"${KEEP_DAYS:-14}" -delete
echo "$PWD/$name"
