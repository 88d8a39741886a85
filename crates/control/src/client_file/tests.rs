//! Files as they are found in the wild, and a disk that dies between any two steps.

#[cfg(unix)]
mod killed;

use std::cell::Cell;
use std::fs;
use std::io;

use super::*;
use crate::client_env::{ClientView, Windows, client_env};

struct Rig {
    folder: tempfile::TempDir,
}

impl Rig {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn with(text: &str) -> Self {
        let rig = Self::new();
        fs::create_dir(rig.file().parent().unwrap()).unwrap();
        fs::write(rig.file(), text).unwrap();
        rig
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("claude/settings.json")
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn text(&self) -> String {
        fs::read_to_string(self.file()).unwrap()
    }

    fn connect(&self) -> Result<ClientFileView> {
        connect(&self.file(), &self.data(), &vars("http://127.0.0.1:4117"), false)
    }

    fn look(&self) -> Result<ClientFileView> {
        look(&self.file(), &self.data(), &vars("http://127.0.0.1:4117"))
    }

    fn disconnect(&self) -> Result<ClientFileUndone> {
        disconnect(&self.file(), &self.data())
    }

    /// Files of ours, but for the lock.
    fn left_behind(&self) -> Vec<String> {
        let folders = [self.data().join("connect"), self.file().parent().unwrap().to_owned()];
        let entries = folders.iter().flat_map(|folder| fs::read_dir(folder).into_iter().flatten().flatten());
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.filter(|name| name != "lock" && name != "settings.json").collect()
    }
}

fn vars(base_url: &str) -> Vec<Wanted> {
    let view = ClientView { base_url: base_url.into(), token: Some("geheim".into()), ..ClientView::default() };
    wanted(&client_env(&view), None)
}

fn with_line() -> Vec<Wanted> {
    let view = ClientView { base_url: "http://127.0.0.1:4117".into(), ..ClientView::default() };
    wanted(&client_env(&view), Some("branchline statusline"))
}

/// Settings as people have them.
const WILD: [&str; 9] = [
    "",
    "{}",
    "{\n  \"model\": \"opus\"\n}\n",
    "{\"permissions\":{\"allow\":[\"Bash(ls:*)\"]},\"env\":{\"FOO\":\"1\"}}",
    "\n{\n\t\"env\": {\n\n\t\t\"FOO\": \"1\"\n\t}\n,\t\"hooks\": { \"Stop\": [ ] }   \n}\n",
    "{\r\n    \"env\" : { },\r\n    \"a\":    [1,2,\r\n 3]\r\n}",
    "\u{feff}{ \"model\": \"opus\" }\n\n\n",
    "{\"z\": 1, \"a\": 2, \"num\": 1.50, \"text\": \"\\u00e9 \u{1f980}\"}",
    "{\n  \"env\": {\n    \"ANTHROPIC_API_KEY\": \"\"\n  }\n}",
];

#[test]
fn connecting_and_taking_back_gives_the_very_bytes() {
    for before in WILD {
        let rig = Rig::with(before);
        let view = rig.connect().unwrap();
        assert!(view.connected && view.is_settled(), "{before}: {view:?}");
        let value = Text::parse(rig.text().as_bytes()).unwrap().value();
        assert_eq!(value["env"]["ANTHROPIC_BASE_URL"], "http://127.0.0.1:4117", "{before}");
        let undone = rig.disconnect().unwrap();
        assert!(undone.exact && undone.kept.is_empty(), "{undone:?}");
        assert_eq!(rig.text(), before);
        assert_eq!(rig.left_behind(), [""; 0]);
        assert_eq!(rig.disconnect().unwrap_err().code, "not_connected");
    }
}

#[test]
fn every_line_that_was_there_is_still_there() {
    let rig = Rig::with(WILD[4]);
    rig.connect().unwrap();
    let text = rig.text();
    for line in WILD[4].lines().filter(|line| line.len() > 3) {
        assert!(text.contains(line.trim_end_matches(',')), "{line} is missing in {text}");
    }
}

#[test]
fn a_file_that_claude_code_ignores_is_left_alone_and_said_to_be() {
    for ignored in ["{ // mine\n  \"model\": \"opus\"\n}\n", "{ \"model\": \"opus\", }", "/* all */ {}"] {
        let rig = Rig::with(ignored);
        let error = rig.connect().unwrap_err();
        assert_eq!(error.code, "client_file_ignored", "{ignored}");
        assert_eq!(look(&rig.file(), &rig.data(), &vars("http://x")).unwrap_err(), error);
        assert_eq!(rig.text(), ignored);
        assert_eq!(rig.left_behind(), [""; 0]);
    }
}

#[test]
fn comments_that_came_in_between_are_not_lost() {
    let rig = Rig::with(WILD[2]);
    rig.connect().unwrap();
    fs::write(rig.file(), rig.text().replacen("{\n", "{ // mine\n", 1)).unwrap();
    rig.disconnect().unwrap();
    assert_eq!(rig.text(), WILD[2].replacen("{\n", "{ // mine\n", 1));
}

#[test]
fn a_missing_file_is_made_for_its_user_only_and_goes_again() {
    let rig = Rig::new();
    assert!(!look(&rig.file(), &rig.data(), &vars("http://x")).unwrap().exists);
    assert!(!rig.file().exists() && !rig.data().exists(), "looking writes nothing");
    rig.connect().unwrap();
    #[cfg(unix)]
    assert_eq!(std::os::unix::fs::MetadataExt::mode(&fs::metadata(rig.file()).unwrap()) & 0o777, 0o600);
    assert!(rig.disconnect().unwrap().exact);
    assert!(!rig.file().exists());
}

#[test]
fn a_file_that_somebody_removed_stays_gone_and_is_not_called_what_it_was() {
    let rig = Rig::with(WILD[2]);
    rig.connect().unwrap();
    fs::remove_file(rig.file()).unwrap();
    let undone = rig.disconnect().unwrap();
    assert!(!undone.exact && !rig.file().exists());
    // What it was is not lost with it, whatever comes next.
    let copy = undone.copy.unwrap();
    rig.connect().unwrap();
    assert_eq!(rig.disconnect().unwrap().copy, None);
    assert_eq!(fs::read_to_string(copy).unwrap(), WILD[2]);
}

#[test]
fn what_cannot_be_written_is_named_our_own_papers_too() {
    for (steps, named, not) in
        [(0, "connect", "settings.json"), (1, "connect", "settings.json"), (2, "settings.json", "connect")]
    {
        let rig = Rig::with(WILD[2]);
        let error =
            connect_on(&Dying::at(steps, false), &rig.file(), &rig.data(), &vars("http://a"), false).unwrap_err();
        assert!(error.message.contains(named) && !error.message.contains(not), "{steps}: {error}");
    }
}

#[test]
fn without_the_copy_only_what_really_is_as_it_was_is_called_so() {
    let rig = Rig::with(WILD[4]);
    rig.connect().unwrap();
    let copy = rig.left_behind().into_iter().find(|name| name.ends_with(".before")).unwrap();
    fs::remove_file(rig.data().join("connect").join(copy)).unwrap();
    let undone = rig.disconnect().unwrap();
    assert_eq!(undone.exact, rig.text() == WILD[4], "{}", rig.text());
    let value = Text::parse(rig.text().as_bytes()).unwrap().value();
    assert_eq!(value, Text::parse(WILD[4].as_bytes()).unwrap().value());
}

#[test]
fn what_others_wrote_in_between_stays() {
    let rig = Rig::with(WILD[2]);
    rig.connect().unwrap();
    let edited = rig.text().replace("\"model\": \"opus\"", "\"model\": \"sonnet\",\n  \"theme\": \"dark\"");
    let edited = edited.replace("\"ANTHROPIC_MODEL\": \"auto\"", "\"ANTHROPIC_MODEL\": \"local\"");
    fs::write(rig.file(), edited).unwrap();
    let undone = rig.disconnect().unwrap();
    assert_eq!((undone.exact, undone.kept), (false, vec!["env.ANTHROPIC_MODEL".to_owned()]));
    let expected = json!({ "model": "sonnet", "theme": "dark", "env": { "ANTHROPIC_MODEL": "local" } });
    assert_eq!(serde_json::from_str::<Value>(&rig.text()).unwrap(), expected);
}

#[test]
fn values_of_others_are_not_overwritten_unless_told_to_and_come_back() {
    let before =
        "{\n  \"env\": { \"ANTHROPIC_BASE_URL\": \"http://other\", \"ANTHROPIC_API_KEY\": \"sk-geheim\" }\n}\n";
    let rig = Rig::with(before);
    let error = rig.connect().unwrap_err();
    assert_eq!(error.code, "client_file_foreign");
    assert!(error.message.contains("env.ANTHROPIC_BASE_URL, env.ANTHROPIC_API_KEY"), "{error}");
    assert_eq!(rig.text(), before);
    let url = vars("http://127.0.0.1:4117");
    connect(&rig.file(), &rig.data(), &url, true).unwrap();
    assert!(!rig.text().contains("sk-geheim"));
    // Somebody adds a line: the values of before come back all the same.
    fs::write(rig.file(), rig.text().replacen('{', "{\n  \"theme\": \"dark\",", 1)).unwrap();
    rig.disconnect().unwrap();
    let expected =
        json!({ "theme": "dark", "env": { "ANTHROPIC_BASE_URL": "http://other", "ANTHROPIC_API_KEY": "sk-geheim" } });
    assert_eq!(serde_json::from_str::<Value>(&rig.text()).unwrap(), expected);
}

#[test]
fn a_limit_of_the_users_own_for_results_stays_and_is_no_hindrance() {
    let before = "{ \"env\": { \"BASH_MAX_OUTPUT_LENGTH\": \"5000\" } }\n";
    let rig = Rig::with(before);
    let windows = Windows { local: Some(32_768), cloud: None };
    let view = ClientView { base_url: "http://127.0.0.1:4117".into(), windows, ..ClientView::default() };
    connect(&rig.file(), &rig.data(), &wanted(&client_env(&view), None), false).unwrap();
    let there: Value = serde_json::from_str(&rig.text()).unwrap();
    assert_eq!(there["env"]["BASH_MAX_OUTPUT_LENGTH"], "5000");
    assert_eq!(there["env"]["MAX_MCP_OUTPUT_TOKENS"], "3019");
    rig.disconnect().unwrap();
    assert_eq!(rig.text(), before);
}

#[test]
fn connecting_again_brings_the_values_up_to_date_and_still_goes_back() {
    for between in [false, true] {
        let rig = Rig::with(WILD[4]);
        connect(&rig.file(), &rig.data(), &with_line(), false).unwrap();
        if between {
            fs::write(rig.file(), rig.text().replace("\"hooks\"", "\"theme\": \"dark\", \"hooks\"")).unwrap();
        }
        let moved = connect(&rig.file(), &rig.data(), &vars("http://127.0.0.1:9999"), false).unwrap();
        assert!(moved.is_settled() && rig.text().contains("9999") && !rig.text().contains("4117"), "{}", rig.text());
        assert!(rig.text().contains("branchline statusline"), "the status line stays: {}", rig.text());
        let undone = rig.disconnect().unwrap();
        assert!(undone.exact);
        if between {
            let value = Text::parse(rig.text().as_bytes()).unwrap().value();
            assert_eq!(value, json!({ "env": { "FOO": "1" }, "theme": "dark", "hooks": { "Stop": [] } }));
        } else {
            assert_eq!(rig.text(), WILD[4]);
        }
    }
}

#[test]
fn a_status_line_of_the_users_own_stays() {
    let before = "{ \"statusLine\": { \"type\": \"command\", \"command\": \"mine.sh\" } }";
    let rig = Rig::with(before);
    let view = connect(&rig.file(), &rig.data(), &with_line(), false).unwrap();
    assert_eq!(view.changes.last().unwrap().kind, ChangeKind::Kept);
    assert!(rig.text().contains("mine.sh") && !rig.text().contains("branchline statusline"));
    rig.disconnect().unwrap();
    assert_eq!(rig.text(), before);
}

#[test]
fn a_half_written_file_is_left_alone() {
    for broken in ["{\n  \"env\": {\n    \"A\": \"1", "{\"a\": 1,, }", "{'a': 1}", "null", "{\"env\": \"x\"}"] {
        let rig = Rig::with(broken);
        assert_eq!(rig.connect().unwrap_err().code, "client_file_broken", "{broken}");
        assert_eq!(rig.text(), broken);
        assert_eq!(rig.left_behind(), [""; 0]);
    }
    // Broken after it was connected: the hint names the copy.
    let rig = Rig::with(WILD[2]);
    rig.connect().unwrap();
    fs::write(rig.file(), "{").unwrap();
    let hint = rig.disconnect().unwrap_err().hint.unwrap();
    let copy = hint.rsplit(' ').next().unwrap();
    assert_eq!(fs::read_to_string(copy).unwrap(), WILD[2]);
}

#[cfg(unix)]
#[test]
fn a_read_only_file_is_left_alone() {
    use std::os::unix::fs::PermissionsExt;
    let rig = Rig::with(WILD[2]);
    fs::set_permissions(rig.file(), fs::Permissions::from_mode(0o444)).unwrap();
    assert_eq!(rig.connect().unwrap_err().code, "client_file_read_only");
    assert_eq!(rig.text(), WILD[2]);
}

#[cfg(unix)]
#[test]
fn a_token_in_a_file_that_others_may_read_is_exposed_and_nothing_else_is() {
    use std::os::unix::fs::PermissionsExt;
    let rig = Rig::with(WILD[2]);
    let mode = |mode| fs::set_permissions(rig.file(), fs::Permissions::from_mode(mode)).unwrap();
    mode(0o644);
    assert!(!rig.look().unwrap().exposed, "it is not there yet");
    assert!(rig.connect().unwrap().exposed && rig.look().unwrap().exposed);
    mode(0o600);
    assert!(!rig.look().unwrap().exposed);
}

#[cfg(unix)]
#[test]
fn a_link_stays_a_link_and_the_mode_stays() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let rig = Rig::with(WILD[2]);
    let real = rig.folder.path().join("dotfiles.json");
    fs::rename(rig.file(), &real).unwrap();
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
    symlink(&real, rig.file()).unwrap();
    rig.connect().unwrap();
    assert!(fs::symlink_metadata(rig.file()).unwrap().is_symlink());
    assert!(fs::read_to_string(&real).unwrap().contains("4117"));
    assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o640);
    // By its real name it is the same file.
    disconnect(&real, &rig.data()).unwrap();
    assert_eq!(rig.text(), WILD[2]);
    fs::remove_file(&real).unwrap();
    assert!(rig.connect().unwrap_err().message.contains("leads nowhere"));
}

#[test]
fn tokens_are_neither_shown_nor_kept_in_the_journal() {
    let rig = Rig::with(WILD[2]);
    let view = rig.connect().unwrap();
    assert!(rig.text().contains("geheim"));
    assert!(!serde_json::to_string(&view).unwrap().contains("geheim"));
    for name in rig.left_behind() {
        let text = fs::read_to_string(rig.data().join("connect").join(&name)).unwrap();
        assert!(!text.contains("geheim"), "{name}: {text}");
    }
}

/// A disk that dies at a step: before it, after it, or in the middle of it.
struct Dying {
    steps: Cell<usize>,
    half: bool,
}

impl Dying {
    fn at(steps: usize, half: bool) -> Self {
        Self { steps: Cell::new(steps), half }
    }

    fn step(&self, path: &Path, bytes: &[u8], done: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        match self.steps.get() {
            0 => {
                if self.half && !bytes.is_empty() {
                    fs::create_dir_all(path.parent().unwrap())?;
                    fs::write(disk::beside(path), &bytes[..bytes.len() / 2])?;
                }
                Err(io::Error::other("killed"))
            }
            left => {
                self.steps.set(left - 1);
                done()
            }
        }
    }
}

impl Disk for Dying {
    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.step(path, bytes, || Real.write(path, bytes))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.step(path, b"", || Real.remove(path))
    }
}

const MOST_STEPS: usize = 8;

#[test]
fn killed_anywhere_while_connecting_the_file_is_whole_and_can_be_put_back() {
    for (steps, half) in (0..MOST_STEPS).flat_map(|steps| [(steps, false), (steps, true)]) {
        for before in [Some(WILD[4]), None] {
            let rig = before.map_or_else(Rig::new, Rig::with);
            let killed =
                connect_on(&Dying::at(steps, half), &rig.file(), &rig.data(), &vars("http://a"), false).is_err();
            let found = fs::read_to_string(rig.file()).ok();
            assert!(found.as_deref() == before || found.is_some_and(|text| text.contains("http://a")), "step {steps}");
            // Whoever comes next can do either.
            match rig.disconnect() {
                Ok(undone) => assert!(undone.exact, "step {steps}"),
                Err(error) => assert_eq!((error.code.as_str(), killed), ("not_connected", true), "step {steps}"),
            }
            assert_eq!(fs::read_to_string(rig.file()).ok().as_deref(), before, "step {steps}");
            rig.connect().unwrap();
            rig.disconnect().unwrap();
            assert_eq!(fs::read_to_string(rig.file()).ok().as_deref(), before, "step {steps}");
            assert_eq!(rig.left_behind(), [""; 0], "step {steps} {half}");
        }
    }
}

#[test]
fn killed_anywhere_while_connecting_again_nothing_old_is_left_behind() {
    for (steps, half) in (0..MOST_STEPS).flat_map(|steps| [(steps, false), (steps, true)]) {
        for edited in [false, true] {
            let rig = Rig::with(WILD[2]);
            rig.connect().unwrap();
            if edited {
                fs::write(rig.file(), rig.text().replacen('{', "{\n  \"theme\": \"dark\",", 1)).unwrap();
            }
            let _ = connect_on(&Dying::at(steps, half), &rig.file(), &rig.data(), &vars("http://b"), false);
            rig.disconnect().unwrap();
            let expected =
                if edited { WILD[2].replacen('{', "{\n  \"theme\": \"dark\",", 1) } else { WILD[2].to_owned() };
            assert_eq!(rig.text(), expected, "step {steps} {half}");
        }
    }
}

#[test]
fn killed_anywhere_while_taking_back_it_can_be_done_again() {
    for (steps, half) in (0..MOST_STEPS).flat_map(|steps| [(steps, false), (steps, true)]) {
        let rig = Rig::with(WILD[4]);
        rig.connect().unwrap();
        let killed = disconnect_on(&Dying::at(steps, half), &rig.file(), &rig.data()).is_err();
        if killed && rig.disconnect().is_err() {
            // Only its own papers were still to be removed.
            rig.connect().unwrap();
            rig.disconnect().unwrap();
        }
        assert_eq!(rig.text(), WILD[4], "step {steps} {half}");
        assert_eq!(rig.left_behind(), [""; 0], "step {steps} {half}");
    }
}
