#!/bin/bash
# Install the site on an empty Debian 12 or 13, or repeat the installation, for example to change a setting. Run this as
# root, with a clone of the project in /srv/rjsite/source:
#
#     install.sh [OPTION ...] [RJSITE_NAME=VALUE ...]
#
#     --host NAME               the host name of the site, such as www.example.org
#     --team ADDRESS            the address that receives the forms
#     --mail-server NAME        the mail server through which the site sends mail
#     --sender ADDRESS          the address from which mail is sent
#     --certificate FILE --key FILE    a certificate for the host name, with its chain, and its key
#     --certbot ADDRESS         get a certificate from Let's Encrypt, with this address as the contact
#     --backup USER@HOST:FOLDER where rsync copies the backups, over ssh, or “none” if there is no such place yet
#     --keys-are-kept           a copy of the keys is kept away from this server
#
# The script asks for anything that is neither given nor in the settings file. RJSITE_NAME=VALUE sets one more setting
# (README.md). You can run the script again at any time. The keys, the running version and the settings that you do not
# give stay as they are; RJSITE_CONTENT_REPOSITORY becomes the origin of the clone, and the content is updated.
set -euo pipefail
umask 022

readonly settings=/etc/rjsite/environment kept=/etc/rjsite/keys-are-kept-elsewhere
readonly clone=/srv/rjsite/source current=/srv/rjsite/current data=/var/lib/rjsite
host='' team='' mail_server='' sender='' certificate='' key='' certbot='' backup='' more=()

stop() {
    printf '\n%s\n' "$*" >&2
    exit 1
}

step() { printf '\n== %s\n' "$*"; }

read_arguments() {
    while test $# -gt 0; do
        case $1 in
        --keys-are-kept) keys_are_kept=yes ;;
        RJSITE_*=*) more+=("$1") ;;
        --host | --team | --mail-server | --sender | --certificate | --key | --certbot | --backup)
            test $# -gt 1 || stop "$1 needs a value."
            local name=${1#--}
            printf -v "${name//-/_}" %s "$2"
            shift
            ;;
        *) stop "There is no option $1. The first lines of $0 list them." ;;
        esac
        shift
    done
    test -z "$certificate$key" || test -r "$certificate" -a -r "$key" ||
        stop "--certificate and --key each need a file that can be read."
}

need_debian() {
    test "$(id -u)" = 0 || stop "Run this as root."
    # shellcheck source=/dev/null
    case $(. /etc/os-release && echo "$ID $VERSION_ID") in
    "debian 12" | "debian 13") ;;
    *) stop "This is for Debian 12 and 13. docs/larger.md says what the site needs elsewhere." ;;
    esac
    test -d $clone/.git || stop "Clone the project first: git clone ADDRESS $clone"
}

# Print the value of a setting, read as docs/settings-file.md says, or nothing if it is not set.
get() {
    test ! -e $settings || sed -nE "s/^\s*$1\s*=\s*//I; T; s/\s+$//; s/^([\"'])(.*)\1$/\2/; p; q" $settings
}

# Replace the line of a setting, or add a line. In quotes, a value is taken literally (docs/settings-file.md).
put() {
    (umask 077 && NAME=$1 VALUE=$2 awk '
        BEGIN { name = "^[ \t]*" ENVIRON["NAME"] "[ \t]*="; line = ENVIRON["NAME"] "=\"" ENVIRON["VALUE"] "\"" }
        toupper($0) ~ name { print line; found = 1; next }
        { print }
        END { if (!found) print line }' $settings >$settings.new)
    chgrp rjsite $settings.new
    chmod 640 $settings.new
    mv $settings.new $settings
}

# ask VARIABLE QUESTION FORMER: set VARIABLE, unless it was given, to its former value or to what somebody types.
ask() {
    test -z "${!1}" || return 0
    local answer=$3
    if test -z "$answer"; then
        test -t 0 || stop "Give --${1//_/-} ($2), or run this in a terminal."
        while test -z "$answer"; do read -rp "$2: " answer; done
    fi
    printf -v "$1" %s "$answer"
}

ask_everything() {
    local url
    url=$(get RJSITE_PUBLIC_URL)
    ask host "Name of the site, without https://" "${url#https://}"
    [[ $host =~ ^[a-z0-9-]+(\.[a-z0-9-]+)+$ ]] || stop "Write a host name like www.example.org, not: $host"
    ask team "Address that receives the forms" "$(get RJSITE_TEAM_EMAIL)"
    ask mail_server "Mail server that the site uses" "$(get RJSITE_MAIL_SERVER)"
    ask sender "Address that the mail is from" "$(get RJSITE_MAIL_DEFAULT_SENDER)"
    ask_sign_in
    ask backup "Where copies of the backups go, as USER@HOST:FOLDER, or none" "$(get BACKUP_TARGET)"
    if test -z "$certificate" && ! test -e /etc/rjsite/tls/fullchain.pem; then
        ask certbot "Your email address, as the contact for Let's Encrypt" ""
    fi
}

# The first time, ask how the site signs in to the mail server. docs/mail.md explains how to do so without a password.
ask_sign_in() {
    local name password
    test -z "$(get RJSITE_MAIL_SERVER)" -a -t 0 || return 0
    case " ${more[*]-}" in *" RJSITE_MAIL_USERNAME="* | *" RJSITE_MAIL_OAUTH"*) return 0 ;; esac
    read -rp "User name for the mail server (leave empty for none, or for another way in docs/mail.md): " name
    test -n "$name" || return 0
    read -rsp "Its password: " password
    echo
    more+=("RJSITE_MAIL_USERNAME=$name" "RJSITE_MAIL_PASSWORD=$password")
}

packages() {
    step "Packages of Debian"
    export DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=a
    apt-get -qq -o DPkg::Lock::Timeout=300 update
    apt-get -qq -o DPkg::Lock::Timeout=300 --no-install-recommends install ca-certificates certbot curl git \
        libnginx-mod-http-brotli-static nginx-light openssh-client python3 python3-venv rsync sqlite3 ufw \
        unattended-upgrades >/dev/null
    timedatectl set-timezone Europe/London
}

# Install security updates automatically, and restart at night if an update needs it.
updates() {
    cat >/etc/apt/apt.conf.d/52rjsite <<'END'
APT::Periodic::Update-Package-Lists "1";
APT::Periodic::Unattended-Upgrade "1";
Unattended-Upgrade::Automatic-Reboot "true";
Unattended-Upgrade::Automatic-Reboot-Time "04:00";
END
}

# Allow only incoming ssh, HTTP and HTTPS.
firewall() {
    step "Firewall"
    local ports='' port
    if command -v sshd >/dev/null; then
        ports=$(sshd -T | sed -n 's/^port //p')
        test -n "$ports" || stop "The output of sshd -T names no port, so the firewall could lock you out. Correct sshd's settings, and run this again."
    fi
    for port in $ports 80 443; do ufw allow "$port/tcp" >/dev/null; done
    ufw --force enable
}

user_and_folders() {
    step "User, folders and keys"
    id rjsite >/dev/null 2>&1 || useradd --system --home-dir $data --shell /usr/sbin/nologin rjsite
    install -d -o rjsite -g rjsite -m 700 $data $data/.ssh /var/backups/rjsite
    install -d -o rjsite -g rjsite -m 755 /var/lib/rjsite-published
    install -d -m 755 /srv/rjsite /etc/rjsite /etc/rjsite/tls
    keep_hidden_stories
    as_site test -e .ssh/id_ed25519 || as_site ssh-keygen -q -t ed25519 -N '' -C "rjsite@$(uname -n)" -f .ssh/id_ed25519
    # When the site first connects to another machine, nobody is there to confirm that machine's key.
    as_site test -e .ssh/config || echo 'StrictHostKeyChecking accept-new' | as_site tee .ssh/config >/dev/null
}

# Stories that were hidden on the old server stay hidden on a new one, even if the disk is full during the copy.
keep_hidden_stories() {
    local copy=/var/backups/rjsite/hidden-stories
    if test -e $data/hidden-stories || test ! -e $copy; then return; fi
    install -o rjsite -g rjsite -m 644 $copy $data/hidden-stories.new
    sync $data/hidden-stories.new
    mv $data/hidden-stories.new $data/hidden-stories
}

as_site() { (cd $data && runuser -u rjsite -- "$@"); }

first_release() {
    test -e $current || { step "First release" && $clone/deploy/release.sh main; }
    ln -sfn $current/deploy/rjsite /usr/local/bin/rjsite
}

write_settings() {
    local line
    test -e $settings || # the example file without its placeholders
        sed '/example\.org/d; /=$/d' $current/deploy/environment.example | install -m 640 -g rjsite /dev/stdin $settings
    put RJSITE_PUBLIC_URL "https://$host"
    put RJSITE_TEAM_EMAIL "$team"
    put RJSITE_MAIL_SERVER "$mail_server"
    put RJSITE_MAIL_DEFAULT_SENDER "$sender"
    put RJSITE_CONTENT_REPOSITORY "$(git -C $clone remote get-url origin)"
    put BACKUP_TARGET "$backup"
    for line in ${more[@]+"${more[@]}"}; do put "${line%%=*}" "${line#*=}"; done
    $current/.venv/bin/rjsite keys new | while read -r line; do
        test -n "$(get "${line%%=*}")" || put "${line%%=*}" "${line#*=}"
    done
}

# Later, a timer fetches merged content. Fetch it for the first time now, because the site does not start without content.
content() {
    step "Content"
    local status=0
    rjsite update-content || status=$?
    test $status != 2 || stop "Correct these settings, and run this again: $settings"
    test -e $data/content || stop "The project could not be fetched as the user rjsite." \
        "If it is private, add this key to it as a deploy key, and run this again:" "$(cat $data/.ssh/id_ed25519.pub)"
}

# Without the keys nobody can decrypt waiting mail or a backup. So nothing is started before a copy of them is safe.
confirm_keys() {
    local answer
    test ! -e $kept || return 0
    if test -z "${keys_are_kept-}"; then
        test -t 0 || stop "Copy the two keys in $settings to a place away from this server," \
            "and run this again with --keys-are-kept."
        step "A copy of the keys, away from this server: in a safe or a password store"
        grep -E '^RJSITE_(SECRET_KEY|OUTBOX_KEYS)=' $settings
        read -rp "Without them, nobody can decrypt waiting mail or a backup. Type kept when you have a copy: " answer
        test "$answer" = kept || stop "Nothing was started. Run this again when you have a copy."
    fi
    date --iso-8601 >$kept
}

start_site() {
    step "The site"
    cp $current/deploy/systemd/rjsite* /etc/systemd/system/ # later, release.sh does this
    install -D -m 644 $current/deploy/systemd/journald.conf /etc/systemd/journald.conf.d/rjsite.conf
    systemctl daemon-reload
    systemctl restart systemd-journald
    systemctl --quiet enable rjsite@serve rjsite-daily.timer rjsite-content.timer
    systemctl restart rjsite@serve
    curl --silent --fail --retry 30 --retry-delay 1 --retry-connrefused --output /dev/null \
        http://127.0.0.1:8000/healthz || journalctl --lines=20 --no-pager --unit=rjsite@serve
    # publish the pages for nginx, and make a first backup; `rjsite doctor` reports failures at the end
    systemctl start rjsite-content rjsite-daily || true
    systemctl restart rjsite-daily.timer rjsite-content.timer
}

put_certificate() {
    step "Certificate"
    if test -n "$certificate"; then
        install -m 644 "$certificate" /etc/rjsite/tls/fullchain.pem
        install -m 600 "$key" /etc/rjsite/tls/privkey.pem
    elif test -n "$certbot"; then
        certbot certonly --non-interactive --agree-tos --email "$certbot" --domain "$host" --keep-until-expiring \
            --webroot --webroot-path /var/www/html --deploy-hook "systemctl reload nginx" ||
            stop "The name $host has to point to this server, and port 80 has to be open. Then run this again."
        ln -sfn "/etc/letsencrypt/live/$host/fullchain.pem" "/etc/letsencrypt/live/$host/privkey.pem" /etc/rjsite/tls/
    fi
}

web_server() {
    step "nginx"
    local file=/etc/nginx/conf.d/rjsite.conf without_ipv6='' http2='' text
    test -e /proc/net/if_inet6 || without_ipv6='/listen \[::\]/d'
    # From Debian 13 on, nginx has a separate directive for HTTP/2, and warns about the parameter that Debian 12 needs.
    nginx -v 2>&1 | grep -q 'nginx/1\.22' || http2='s/ ssl http2;/ ssl;/; s/^    server_tokens off;/    http2 on;\n&/'
    text=$(sed "s/www\.example\.org/$host/; $without_ipv6; $http2" $current/deploy/nginx.conf)
    test "$text" = "$(cat $file 2>/dev/null)" ||
        echo "$text" | install --backup --suffix=.before -m 644 /dev/stdin $file
    rm -f /etc/nginx/sites-enabled/default
    nginx -t -q || stop "nginx does not accept its new settings; the lines above say why. It was not reloaded."
    systemctl --quiet enable nginx
    systemctl reload-or-restart nginx
}

say_whom_to_let_in() {
    test "$backup" = none || printf '\n%s\n%s\n' \
        "Add this key to authorized_keys at ${backup%%:*}, so that backups can be copied there:" \
        "$(cat $data/.ssh/id_ed25519.pub)"
}

read_arguments "$@"
need_debian
ask_everything
packages
updates
firewall
user_and_folders
first_release
write_settings
content
confirm_keys
start_site
put_certificate
web_server
say_whom_to_let_in
step "Is all well?"
exec rjsite doctor
