# In the fresh root: the commands of the README, in a folder with the sources, as a user who may become root by sudo.
set -euo pipefail
. /fresh/common.sh

step "the base system with sudo, and a user"
apt-get update -qq
apt-get install -y -qq --no-install-recommends sudo procps >/dev/null
trust_certificates
useradd --create-home --shell /bin/bash user
echo 'user ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/user
chown -R user: /fresh/branchline
as_user() { su user -c "cd /fresh/branchline; $*"; }

# The network is that of this machine, and another Branchline there would answer in place of this one.
! (exec 3<>/dev/tcp/127.0.0.1/4117) 2>/dev/null || fail "port 4117 is taken: please stop what listens there"

# listening LOG: the address it says it listens on, without the scheme.
listening() { sed -n 's|.*listens on http://||p' "$1" | head -n 1; }

step "./dev run --demo: no display, so it is the server"
began=$SECONDS
touch /tmp/run.log /tmp/again.log
as_user './dev run --demo' >/tmp/run.log 2>&1 &
run=$!
while ! grep -q 'listens on' /tmp/run.log; do
    kill -0 $run 2>/dev/null || fail "it ended: $(tail -n 40 /tmp/run.log)"
    sleep 2
done
grep '^==>\|listens on\|window ' /tmp/run.log
is_healthy "$(listening /tmp/run.log)" 20
echo "from nothing to a demonstration: $((SECONDS - began)) s"
pkill -INT -u user -x branchline
wait $run

step "the second time"
began=$SECONDS
as_user './dev run' >/tmp/again.log 2>&1 &
run=$!
until grep -q 'listens on' /tmp/again.log; do
    kill -0 $run 2>/dev/null || fail "it ended: $(tail -n 40 /tmp/again.log)"
    sleep 0.2
done
is_healthy "$(listening /tmp/again.log)" 20
echo "the second start: $((SECONDS - began)) s"
pkill -INT -u user -x branchline
wait $run
