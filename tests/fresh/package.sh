# In the fresh root: the package is installed, used as a user would, and removed.
set -euo pipefail
. /fresh/common.sh
export DEBIAN_FRONTEND=noninteractive

# Everything in the system but what belongs to apt, dpkg and caches.
files() {
    find / -xdev \( -path /proc -o -path /dev -o -path /tmp -o -path /fresh -o -path /home -o -path /root -o -path /var/lib/dpkg -o -path /var/lib/apt \
        -o -path /var/cache -o -path /var/log -o -name '*.cache' \) -prune -o -print | sort
}

step "the base system, and a desktop to be seen on"
apt-get update -qq
apt-get install -y -qq --no-install-recommends procps xvfb xauth dbus gnome-keyring desktop-file-utils appstream >/dev/null
depends=$(dpkg-deb --field /fresh/branchline.deb Depends | sed 's/([^)]*)//g' | tr -d ' ' | tr ',' ' ')
# shellcheck disable=SC2086
apt-get install -y -qq --no-install-recommends $depends >/dev/null
useradd --create-home --shell /bin/bash user
files >/fresh/before

step "installing"
apt-get install -y -qq --no-install-recommends /fresh/branchline.deb
dpkg --listfiles branchline | grep -E '/(bin|man1|systemd|metainfo|applications|completions)/' | sort | head -20
desktop-file-validate /usr/share/applications/Branchline.desktop
appstreamcli validate --no-net /usr/share/metainfo/io.branchline.desktop.metainfo.xml
bash -n /usr/share/bash-completion/completions/branchline
gzip -t /usr/share/man/man1/branchline*.1.gz

step "the command"
as_user() { su user -c "cd; $*"; }
as_user branchline --version
as_user 'branchline config check'
as_user 'branchline classify "Design a lock-free queue and prove that it is linearizable"'

step "the server, with simulated models"
as_user 'exec branchline serve --demo --port 4317' >/tmp/serve.log 2>&1 &
serve=$!
is_healthy 127.0.0.1:4317 20
kill -INT "$(pgrep -u user -x branchline)"
wait $serve
tail -n 2 /tmp/serve.log

step "the app, on a display and a message bus of its own"
mkdir -p /tmp/.X11-unix && chmod 1777 /tmp /tmp/.X11-unix
as_user 'exec dbus-run-session -- xvfb-run -a branchline-desktop --demo' >/tmp/app.log 2>&1 &
app=$!
is_healthy 127.0.0.1:4117 40
# The page is shown by a second process of the app, with web processes of its own.
for n in {1..100}; do
    ! pgrep -f 'WebKitWebProcess' >/dev/null || break
    sleep 0.2
done
pgrep -a -f 'WebKitWebProcess|branchline-desktop' | cut -c1-100
pgrep -f WebKitWebProcess >/dev/null || fail "no window: $(cat /tmp/app.log)"
kill -TERM "$(pgrep -o -u user -x branchline-desk)"
wait $app || true

step "removing"
apt-get purge -y -qq branchline
files >/fresh/after
diff /fresh/before /fresh/after || fail "this was left behind (>) or taken along (<)"
echo "nothing is left of it but the user's own settings and data:"
find /home/user -path '*branchline*' | sort | head -20
