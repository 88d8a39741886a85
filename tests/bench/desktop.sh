#!/usr/bin/env bash
# The desktop app in a desktop of its own: how long until its icon and its window are there, and what memory it takes.
# Usage: desktop.sh PROGRAM [RUNS]; `./dev bench desktop` builds the program first.
#
# Start to icon: from exec until the panel says that the icon is registered, as the bus stamps it.
# Start to window: from exec until the window manager lists the window, which is shown when its page has loaded.
# Memory: resident size of all its processes, and the same with shared pages counted once (PSS), with simulated servers
# inside (--demo), ten seconds after it settled.
set -euo pipefail

settle=10

main() {
    program=$(realpath "$1") runs=${2:-10}
    if [[ -z ${BRANCHLINE_BENCH_SESSION:-} ]]; then
        outside
    else
        inside
    fi
}

# A home, a display and a bus that end with this script.
outside() {
    local home status=0
    home=$(mktemp -d)
    mkdir -m 700 "$home/run"
    exec 3> >(cat >"$home/display")
    Xvfb -displayfd 3 -screen 0 1280x900x24 -nolisten tcp >/dev/null 2>&1 &
    display=$!
    until [[ -s $home/display ]]; do sleep 0.05; done
    env -u WAYLAND_DISPLAY -u DBUS_SESSION_BUS_ADDRESS HOME="$home" DISPLAY=":$(<"$home/display")" NO_AT_BRIDGE=1 \
        XDG_RUNTIME_DIR="$home/run" XDG_CONFIG_HOME="$home/.config" XDG_DATA_HOME="$home/.local/share" \
        XDG_CACHE_HOME="$home/.cache" BRANCHLINE_BENCH_SESSION=1 \
        dbus-run-session -- bash "$0" "$program" "$runs" 2>"$home/errors" || status=$?
    kill $display
    ((status == 0)) || cat "$home/errors" >&2
    rm -rf "$home"
    return $status
}

inside() {
    gnome-keyring-daemon --foreground --unlock --components=secrets <<<password >/dev/null &
    others=($!)
    openbox &
    others+=($!)
    xfce4-panel --disable-wm-check &
    others+=($!)
    until gdbus call --session --dest org.kde.StatusNotifierWatcher --object-path /StatusNotifierWatcher \
        --method org.freedesktop.DBus.Properties.Get org.kde.StatusNotifierWatcher IsStatusNotifierHostRegistered |
        grep -q true; do sleep 0.2; done
    mkdir -p "$XDG_CONFIG_HOME/branchline"
    printf '[server]\nport = %s\n[window]\nguide = false\n' $((20000 + RANDOM % 20000)) >"$XDG_CONFIG_HOME/branchline/settings.toml"
    follow
    starts
    memory
    kill "${others[@]}" 2>/dev/null || true
}

# Icons and windows as they come, each with its time. Appended, because the files are emptied while they are written.
follow() {
    icons=$HOME/icons windows=$HOME/windows
    stdbuf -oL dbus-monitor --profile "type='signal',member='StatusNotifierItemRegistered'" >>"$icons" &
    others+=($!)
    stdbuf -oL xprop -root -spy _NET_CLIENT_LIST | while read -r line; do echo "$EPOCHREALTIME $line"; done >>"$windows" &
    others+=($!)
    sleep 1
}

starts() {
    local run tray=() window=()
    # The first start makes the files.
    for ((run = 0; run <= runs; run++)); do
        : >"$icons"
        : >"$windows"
        local began=$EPOCHREALTIME
        "$program" >/dev/null 2>&1 &
        local app=$! n
        for ((n = 0; n < 600; n++)); do
            [[ -z $(icon_at) || -z $(window_at) ]] || break
            sleep 0.05
        done
        if ((run > 0)); then
            tray+=("$(millis "$began" "$(icon_at)")")
            window+=("$(millis "$began" "$(window_at)")")
        fi
        kill $app
        wait $app || true
        sleep 1
    done
    echo "start to the icon in the tray: $(summary "${tray[@]}")"
    echo "start to the window on the screen: $(summary "${window[@]}")"
}

icon_at() { awk '$1 == "sig" { print $2; exit }' "$icons"; }
window_at() { awk '/0x/ { print $1; exit }' "$windows"; }
millis() { awk -v from="$1" -v to="$2" 'BEGIN { printf "%d", (to - from) * 1000 }'; }

summary() {
    printf '%s\n' "$@" | sort -n | awk '{ all[NR] = $1 } END { printf "median %d ms, %d to %d, %d starts\n", all[int((NR + 1) / 2)], all[1], all[NR], NR }'
}

memory() {
    "$program" --demo --hidden >/dev/null 2>&1 &
    local app=$!
    sleep $settle
    echo "window closed, never opened: $(sizes $app)"
    # The second launch has the first one open its window.
    timeout 20 "$program" --demo >/dev/null 2>&1 || true
    sleep $settle
    echo "window open: $(sizes $app)"
    xdotool search --onlyvisible --name '^Branchline' windowactivate --sync
    xdotool key alt+F4
    sleep $settle
    echo "window closed again: $(sizes $app)"
    kill $app
    wait $app || true
}

# sizes PROCESS: of it and all it started.
sizes() {
    local process rss=0 pss=0 count=0
    for process in $(family "$1"); do
        rss=$((rss + $(awk '/^Rss:/ { print $2 }' "/proc/$process/smaps_rollup")))
        pss=$((pss + $(awk '/^Pss:/ { print $2 }' "/proc/$process/smaps_rollup")))
        count=$((count + 1))
    done
    echo "RSS $((rss / 1024)) MB, PSS $((pss / 1024)) MB, processes: $count"
}

family() {
    echo "$1"
    local child
    for child in $(pgrep -P "$1"); do family "$child"; done
}

main "$@"
