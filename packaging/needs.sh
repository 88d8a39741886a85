# What building needs: found, or installed. Part of `./dev`, which sources it and has say, step, fail and have.
# shellcheck shell=bash

need_rust() {
    local wanted
    wanted=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)
    if ! is_at_least "$(version_of rustc)" "$wanted" && [[ -x $HOME/.cargo/bin/cargo ]]; then
        export PATH=$HOME/.cargo/bin:$PATH
    fi
    have cargo || install_rust
    is_at_least "$(version_of rustc)" "$wanted" || fail "Rust $(version_of rustc) is too old, $wanted is needed.
hint: rustup update stable; where Rust came with the system, remove that and run this again"
    if ! cargo fmt --version >/dev/null 2>&1 || ! cargo clippy --version >/dev/null 2>&1; then
        fail "rustfmt or clippy is missing: rustup component add rustfmt clippy"
    fi
    # On Windows Rust finds Visual Studio's by itself.
    on_windows || need_program cc "SQLite and the TLS library are C" cc
}

install_rust() {
    on_windows && fail "Rust is missing. Install it from https://rustup.rs, then run this again."
    need_program curl "it fetches Rust's installer" curl
    step "installing Rust with rustup into ~/.cargo and ~/.rustup (700 MB): Branchline is written in it; your shell's files stay as they are"
    local installer
    installer=$(mktemp)
    tries curl --proto '=https' -sSf -o "$installer" https://static.rust-lang.org/rustup/rustup-init.sh
    tries sh "$installer" -y --quiet --no-modify-path --profile minimal --component rustfmt --component clippy
    rm -f "$installer"
    export PATH=$HOME/.cargo/bin:$PATH
}

# Reads what a program counted: the one that is of the compiler's version. Sets `profdata`.
need_profdata() {
    local libraries
    libraries=$(rustc --print target-libdir)
    profdata=${libraries%/lib}/bin/llvm-profdata
    [[ ! -x $profdata ]] || return 0
    have rustup || fail "llvm-profdata is missing, which comes with rustup: rustup component add llvm-tools"
    step "installing Rust's component llvm-tools (40 MB): it puts together what a program counted"
    tries rustup component add llvm-tools
}

# The window's tools want a Node that is younger than that of some systems; then one of ours is used, and only here.
need_node() {
    local own=$cache/node
    [[ ! -x $own/node_modules/.bin/node ]] || export PATH=$own/node_modules/.bin:$PATH
    need_program npm "the window is built with Vite" npm
    is_node_for_vite "$(version_of node)" && return
    step "fetching Node 22 from npm into $own (200 MB): building the window needs 20.19, 22.12 or newer, this system has $(version_of node)"
    tries npm install --prefix "$own" --no-audit --no-fund --loglevel=error node@22 npm@10
    export PATH=$own/node_modules/.bin:$PATH
}

# is_node_for_vite VERSION: as "engines" in ui/package.json says it.
is_node_for_vite() {
    is_at_least "$1" 22.12 || { [[ $1 == 20.* ]] && is_at_least "$1" 20.19; }
}

# Tauri's command line packs what is built. It is not among the window's packages: only whoever makes packages needs its 60 MB.
need_tauri() {
    local own=$cache/tauri version=2.12.5
    [[ $(version_of "$own/node_modules/.bin/tauri") != "$version" ]] || return 0
    step "fetching Tauri's packer from npm into $own"
    tries npm install --prefix "$own" --no-audit --no-fund --loglevel=error "@tauri-apps/cli@$version"
}

# version_of PROGRAM: as it says it, without words; empty where it is missing.
version_of() {
    ! have "$1" || "$1" --version 2>/dev/null | sed 's/^[^0-9]*\([0-9.]*\).*/\1/;q'
}

# is_at_least VERSION WANTED
is_at_least() {
    [[ -n $1 && $(printf '%s\n' "$2" "$1" | sort -t. -k1,1n -k2,2n | head -n 1) == "$2" ]]
}

on_windows() { [[ $(uname) == MINGW* || $(uname) == MSYS* || $(uname) == CYGWIN* ]]; }

need_test_programs() {
    if [[ $(uname) == Linux ]]; then
        need_desktop_programs
        need_program WebKitWebDriver "the page in its window is driven over WebDriver" webdriver
        # The ones tests/ui looks for; Ubuntu has no package of the first name.
        [[ -n ${CHROMIUM:-} ]] || have chromium-browser || have google-chrome ||
            need_program chromium "every page of the window is used in a browser" chromium
        need_program import "pictures of the screen can be taken" imagemagick
    fi
    need_program python3 "the official Python SDKs are clients in the tests" python
    python3 -c 'import venv, ensurepip' 2>/dev/null ||
        install_packages "the Python SDKs live in a virtual environment" python
    need_node
}

# What shows the window: part of macOS and Windows, a library on Linux.
need_web_engine() {
    [[ $(uname) == Linux ]] || return 0
    need_program pkg-config "it finds the web engine" pkg-config
    pkg-config --exists webkit2gtk-4.1 || install_packages "the window is shown by WebKitGTK" webkit
}

# What an AppImage is made with, on Linux: all of it, as one part may be there for another reason.
need_appimage_parts() {
    have file && have patchelf && have xdg-mime && pkg-config --exists librsvg-2.0 && return
    install_packages "what an AppImage is made with" appimage
}

# What makes a desktop of its own.
need_desktop_programs() {
    need_program dbus-run-session "the keyring tests run on a D-Bus of their own" dbus
    need_program gnome-keyring-daemon "the keyring tests use a real Secret Service" gnome-keyring
    need_program Xvfb "the desktop app is tested on a display of its own" xvfb
    need_program openbox "with a window manager" openbox
    need_program xfce4-panel "with a panel that has a tray" xfce4-panel
    need_program xdotool "windows are closed as a user closes them" xdotool
}

need_cargo_fuzz() {
    have cargo-fuzz && return
    step "installing cargo-fuzz: it builds and runs the fuzz targets"
    tries cargo install cargo-fuzz --locked
}

# need_program PROGRAM WHY PART: installs PART unless PROGRAM is there.
need_program() {
    have "$1" && return
    install_packages "$2" "$3"
    have "$1" || fail "$1 is still missing after installing $3"
}

# install_packages WHY PART: a PART is our name for a thing, packages_for knows each platform's.
install_packages() {
    local manager names
    manager=$(package_manager) || fail "please install $2 ($1): no apt-get, dnf or brew here"
    names=$(packages_for "$manager" "$2")
    [[ -n $names ]] || fail "please install $2 ($1): on macOS, xcode-select --install"
    step "installing $names: $1"
    # Unquoted: several names are several words.
    # shellcheck disable=SC2086
    case $manager in
    apt-get)
        # Once a run; one broken package source of the user's must not stop the others.
        [[ -n ${lists_are_fresh:-} ]] || tries as_root apt-get update -qq || say "going on with the lists there are"
        lists_are_fresh=1
        tries as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $names
        ;;
    dnf) tries as_root dnf install -y --setopt=install_weak_deps=False $names ;;
    brew) tries brew install $names ;;
    esac
}

package_manager() {
    local manager
    for manager in apt-get dnf brew; do
        have $manager && echo $manager && return
    done
    return 1
}

packages_for() {
    case $1:$2 in
    apt-get:cc) echo gcc libc6-dev ;;
    apt-get:curl) echo curl ca-certificates ;;
    apt-get:appimage) echo file patchelf librsvg2-dev xdg-utils ;;
    dnf:appimage) echo file patchelf librsvg2-devel xdg-utils ;;
    apt-get:c++) echo g++ ;;
    apt-get:dbus) echo dbus ;;
    apt-get:webkit) echo libwebkit2gtk-4.1-dev ;;
    apt-get:xprop) echo x11-utils ;;
    apt-get:webdriver) echo webkit2gtk-driver ;;
    apt-get:python) echo python3 python3-venv ;;
    dnf:cc) echo gcc glibc-devel ;;
    dnf:c++) echo gcc-c++ ;;
    dnf:dbus) echo dbus-daemon ;;
    dnf:webkit) echo webkit2gtk4.1-devel ;;
    dnf:webdriver) echo webkit2gtk4.1 ;;
    dnf:xvfb) echo xorg-x11-server-Xvfb ;;
    dnf:imagemagick) echo ImageMagick ;;
    dnf:pkg-config) echo pkgconf-pkg-config ;;
    dnf:python) echo python3 python3-pip ;;
    dnf:npm) echo nodejs-npm ;;
    brew:cc | brew:c++) ;; # comes with Xcode's command line tools, not with brew
    brew:npm) echo node ;;
    *) echo "$2" ;;
    esac
}

as_root() {
    if [[ $(id -u) == 0 ]]; then
        "$@"
    elif have sudo; then
        sudo "$@"
    else
        fail "this needs root and there is no sudo: $*"
    fi
}

# Registries may be slow or busy for a moment.
tries() {
    local attempt
    for attempt in 1 2 3; do
        "$@" </dev/null && return
        say "attempt $attempt of 3 failed: $*"
        sleep $((attempt * 2))
    done
    return 1
}
