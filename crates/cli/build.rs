//! Takes in the window (`build/window.rs`), and puts the functions that run at the start and for each request side by side
//! in the program file.
//!
//! The linker's own order scatters them over the whole file, and the kernel maps whatever stands around a function that
//! runs: three quarters of the program were resident while it did nothing. `symbols.order` is made by `./dev order`;
//! names that are not there any more do no harm, names that are missing cost a little memory.

#[path = "../../packaging/linker.rs"]
mod linker;
#[path = "build/window.rs"]
mod window;

use std::env;
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=build/window.rs");
    println!("cargo:rerun-if-changed=../../packaging/linker.rs");
    order_functions()?;
    linker::pack_relocations();
    window::take_in()
}

fn order_functions() -> Result<(), env::VarError> {
    println!("cargo:rerun-if-changed=symbols.order");
    if linker::is_ours() {
        println!(
            "cargo:rustc-link-arg-bins=-Wl,--symbol-ordering-file={}/symbols.order",
            env::var("CARGO_MANIFEST_DIR")?
        );
        println!("cargo:rustc-link-arg-bins=-Wl,--no-warn-symbol-ordering");
    }
    Ok(())
}
