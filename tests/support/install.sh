#!/bin/sh
# Install Debian packages for the tests, as root, without leaving any of their services running.
#     sh install.sh chromium nginx-light ...
set -eu
export DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l
apt() { apt-get -qq -y -o DPkg::Lock::Timeout=300 "$@" >/dev/null; } # what goes wrong is still shown

echo "Installing $* with apt; this can take some minutes."

undo=true # what to put back at the end, whatever happens
trap 'eval "$undo"' EXIT

# Debian starts a service as soon as it is installed, unless this file says no.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    undo="$undo; rm -f $policy"
fi

apt update

# PostgreSQL makes a database of its own as soon as it is installed, unless this setting says no.
case " $* " in *" postgresql "*)
    clusters=/etc/postgresql-common/createcluster.conf
    apt install --no-install-recommends postgresql-common
    cp -p "$clusters" "$clusters.before-tests"
    undo="$undo; mv $clusters.before-tests $clusters"
    pg_conftool "$clusters" set create_main_cluster false
    ;;
esac

apt install --no-install-recommends "$@"

# The services do not start at boot either.
for service in nginx redis-server caddy; do
    case " $* " in *" $service"*)
        if command -v systemctl >/dev/null; then systemctl --quiet disable "$service" || true; fi
        ;;
    esac
done
