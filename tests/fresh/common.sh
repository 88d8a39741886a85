# What both scripts need: words, and a look at a running engine without any program but the shell.

step() { printf '\n==> %s\n' "$*"; }
fail() {
    printf 'error: %s\n' "$*"
    exit 1
}

# get ADDRESS PATH: the body of an answer, by the shell's own sockets.
get() {
    local host=${1%:*} port=${1#*:} line
    exec 3<>"/dev/tcp/$host/$port" || return 1
    printf 'GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' "$2" "$1" >&3
    cat <&3
    exec 3>&-
}

# is_healthy ADDRESS SECONDS: waits until an engine answers there.
is_healthy() {
    local n answer
    for ((n = 0; n < $2 * 5; n++)); do
        if answer=$(get "$1" /health 2>/dev/null) && [[ $answer == *"200 OK"* ]]; then
            printf '%s/health: %s\n' "$1" "${answer##*$'\n'}"
            return
        fi
        sleep 0.2
    done
    fail "nothing answers at $1/health"
}

# trust_certificates: those of the system this runs on, where it has some of its own.
trust_certificates() {
    apt-get install -y -qq --no-install-recommends ca-certificates >/dev/null
    [[ ! -e /fresh/ca.crt ]] || cp /fresh/ca.crt /etc/ssl/certs/ca-certificates.crt
}
