//! The commands in README and docs do what they say: every `sh` block is run by a shell, as it stands, against an engine
//! with simulated models. A block that cannot be run says why behind `sh`: "not run: it needs a display".

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

use crate::support::{Home, Said, Served};

/// A block that takes longer than this hangs.
const LIMIT: Duration = Duration::from_secs(120);

struct Block {
    page: String,
    line: usize,
    note: String,
    script: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn pages(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        match path.is_dir() {
            true => pages(&path, found),
            false if path.extension().is_some_and(|end| end == "md") => found.push(path),
            false => {}
        }
    }
}

fn blocks() -> Vec<Block> {
    let root = root();
    let mut files = vec![root.join("README.md")];
    pages(&root.join("docs"), &mut files);
    files.sort();
    let mut blocks = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let page = file.strip_prefix(&root).unwrap().display().to_string();
        let mut lines = text.lines().enumerate();
        while let Some((number, line)) = lines.next() {
            let Some(note) = line.strip_prefix("```sh") else { continue };
            let script: Vec<&str> = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```").collect();
            let note = note.trim().to_owned();
            blocks.push(Block { page: page.clone(), line: number + 1, note, script: script.join("\n") });
        }
    }
    blocks
}

/// What a user has: `branchline` on the path, and Claude Code, of which here only the name is needed.
fn programs(home: &Home) -> PathBuf {
    let folder = home.path().join("bin");
    std::fs::create_dir_all(&folder).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_branchline"), folder.join("branchline")).unwrap();
    let claude = folder.join("claude");
    std::fs::write(
        &claude,
        "#!/bin/sh\ntest -n \"$ANTHROPIC_BASE_URL\" || { echo not pointed anywhere >&2; exit 9; }\n",
    )
    .unwrap();
    Command::new("chmod").arg("+x").arg(&claude).status().unwrap();
    folder
}

fn run(block: &Block, home: &Home, programs: &Path) -> Said {
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let mut bash = Command::new("bash");
    bash.args(["-euo", "pipefail", "-c", &block.script]);
    bash.env_clear().env("PATH", path).env("HOME", home.path()).env("SHELL", "/bin/bash");
    bash.env("BRANCHLINE_CONFIG", home.config()).env("BRANCHLINE_DATA", home.data());
    bash.current_dir(home.path()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // In a group of its own: what it has started ends with it. (macOS has no `timeout`.)
    let child = bash.process_group(0).spawn().unwrap();
    let group = Pid::from_child(&child);
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || tell.send(child.wait_with_output()));
    told.recv_timeout(LIMIT).map_or_else(
        |_| {
            // It may have ended just now.
            let _ = kill_process_group(group, Signal::KILL);
            Said { code: -1, out: String::new(), err: format!("it was not done within {LIMIT:?}") }
        },
        |output| Said::of(output.unwrap()),
    )
}

#[test]
fn the_commands_of_the_pages_do_what_they_say() {
    let home = Home::new();
    let data = home.data().display().to_string();
    let _served = Served::start(&mut home.bare(&["serve", "--demo", "--port", "0", "--data-dir", &data]));
    let programs = programs(&home);
    std::fs::create_dir_all(home.path().join("clients/acme")).unwrap();
    // The examples name a folder and a request of the reader's own.
    let body = r#"{"model":"auto","messages":[{"role":"user","content":"Say hello"}]}"#;
    std::fs::write(home.path().join("body.json"), body).unwrap();
    let (mut ran, mut failed) = (0, Vec::new());
    for block in blocks() {
        match block.note.strip_prefix("not run:") {
            Some(reason) => assert!(reason.trim().len() > 8, "{}:{} says no reason", block.page, block.line),
            None => {
                assert_eq!(block.note, "", "{}:{}", block.page, block.line);
                let said = run(&block, &home, &programs);
                ran += 1;
                if said.code != 0 {
                    failed.push(format!("{}:{}: exit {}\n{}{}", block.page, block.line, said.code, said.out, said.err));
                }
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(ran >= 8, "only {ran} blocks were run");
}
