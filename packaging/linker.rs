//! What released programs ask of the linker, where it is the one that comes with Rust. Part of build scripts.

use std::path::Path;
use std::process::Command;

/// Whether a release is linked by lld, which comes with Rust on this system since 1.90; others do not know our options.
pub(crate) fn is_ours() -> bool {
    let target = ["CARGO_CFG_TARGET_OS", "CARGO_CFG_TARGET_ENV", "CARGO_CFG_TARGET_ARCH"].map(env);
    let flags = env("CARGO_ENCODED_RUSTFLAGS");
    env("PROFILE") == "release"
        && target == ["linux", "gnu", "x86_64"]
        && env("RUSTC_LINKER").is_empty()
        && !["linker", "fuse-ld"].iter().any(|other| flags.contains(other))
        && comes_with_rust().is_some()
}

/// Which addresses inside the program are set when it is loaded, packed: a few KB instead of a megabyte that stays
/// resident. C libraries before 2.36 cannot read that; packages need none older than the one they are made with anyway.
pub(crate) fn pack_relocations() {
    if is_ours() && env("HOST") == env("TARGET") && reads_packed() == Some(true) {
        println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

fn comes_with_rust() -> Option<()> {
    let printed = Command::new(env("RUSTC")).args(["--print", "sysroot"]).output().ok()?;
    let sysroot = String::from_utf8(printed.stdout).ok()?;
    let lld = Path::new(sysroot.trim()).join("lib/rustlib/x86_64-unknown-linux-gnu/bin/gcc-ld/ld.lld");
    lld.exists().then_some(())
}

/// Whether the C library of this system does.
fn reads_packed() -> Option<bool> {
    let said = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?;
    let version = String::from_utf8(said.stdout).ok()?;
    let (major, minor) = version.trim().strip_prefix("glibc ")?.split_once('.')?;
    Some((major.parse::<u32>().ok()?, minor.parse::<u32>().ok()?) >= (2, 36))
}

fn env(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}
