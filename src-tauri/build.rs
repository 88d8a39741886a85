//! Tells Tauri where things are, and sees to a page where the window was not built.

#[path = "../packaging/linker.rs"]
mod linker;

use std::path::{Path, PathBuf};
use std::{env, fs};

use serde_json::json;
use tauri_build::Attributes;

const CAPABILITIES: &str = "src-tauri/capabilities";
const WINDOW: &str = "ui/dist";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for watched in [CAPABILITIES, WINDOW, "src-tauri/build.rs", "packaging/linker.rs"] {
        println!("cargo:rerun-if-changed={watched}");
    }
    linker::pack_relocations();
    if !Path::new(WINDOW).join("index.html").exists() {
        use_placeholder()?;
    }
    // The pattern is kept for as long as the program runs, so it has to be a constant.
    tauri_build::try_build(Attributes::new().capabilities_path_pattern("src-tauri/capabilities/*.json"))?;
    Ok(())
}

/// A fresh clone has no window: it takes npm to build it, which nobody should need for `cargo check`. The placeholder
/// lives in the build folder, so that whoever looks for the real one is not deceived.
fn use_placeholder() -> Result<(), Box<dyn std::error::Error>> {
    let folder = PathBuf::from(env::var("OUT_DIR")?).join("window");
    fs::create_dir_all(&folder)?;
    let page = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Branchline</title>\
        <body><h1>Branchline</h1><p>This program was built without its window. <code>./dev run</code> builds both.</p>";
    fs::write(folder.join("index.html"), page)?;
    // Read by `generate_context!` over tauri.conf.json.
    let settings = json!({ "build": { "frontendDist": folder } });
    println!("cargo:rustc-env=TAURI_CONFIG={settings}");
    Ok(())
}
