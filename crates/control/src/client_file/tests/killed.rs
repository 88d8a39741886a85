//! `kill -9` between any two calls of the system that change something: this test program starts itself again as a child
//! that kills itself there. Nothing of the child runs after that, no clean-up and no destructor, as with every real kill.

use std::cell::Cell;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use rustix::process::{Signal, getpid, kill_process};

use super::*;

/// For the child: what to do, at which step to die, and where: `connect 3 /tmp/x`.
const ORDERS: &str = "BRANCHLINE_TEST_KILLED_AT";
/// More than connecting takes: where the child gets through, there was nothing left to kill it at.
const MOST_STEPS: usize = 100;

/// Counts down and kills its process.
struct Killed(Cell<usize>);

impl Disk for Killed {
    fn step(&self) {
        match self.0.get().checked_sub(1) {
            Some(left) => self.0.set(left),
            // Nobody comes back from this.
            None => kill_process(getpid(), Signal::KILL).unwrap(),
        }
    }
}

/// The child. Without orders there is nothing to do.
#[test]
fn the_child_of_the_others() {
    let Some(orders) = std::env::var(ORDERS).ok() else { return };
    let mut orders = orders.splitn(3, ' ');
    let mut next = || orders.next().unwrap();
    let (what, disk, folder) = (next(), Killed(Cell::new(next().parse().unwrap())), PathBuf::from(next()));
    let (file, data) = (folder.join("claude/settings.json"), folder.join("data"));
    match what {
        "disconnect" => drop(disconnect_on(&disk, &file, &data).unwrap()),
        url => drop(connect_on(&disk, &file, &data, &vars(url), false).unwrap()),
    }
}

/// Whether it was killed before it was done.
fn is_killed(what: &str, step: usize, rig: &Rig) -> bool {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "client_file::tests::killed::the_child_of_the_others"]);
    child.env(ORDERS, format!("{what} {step} {}", rig.folder.path().display()));
    let ended = child.stdout(Stdio::null()).status().unwrap();
    assert!(ended.success() || ended.signal() == Some(9), "{ended}");
    !ended.success()
}

fn found(rig: &Rig) -> Option<String> {
    fs::read_to_string(rig.file()).ok()
}

/// What becomes of the file where nobody is killed.
fn undisturbed(rig: &Rig, what: &str) -> Option<String> {
    assert!(!is_killed(what, MOST_STEPS, rig));
    found(rig)
}

/// Kills the child at every step; `first` makes the state it begins with. The file is the old or the new one then, and
/// both what comes next works, and undoing it: `clean` is what is left in the end. How many steps there were.
fn at_every_step(what: &str, clean: Option<&str>, first: impl Fn() -> Rig) -> usize {
    let whole = undisturbed(&first(), what);
    for step in 0..MOST_STEPS {
        for connects_first in [true, false] {
            let rig = first();
            let before = found(&rig);
            let killed = is_killed(what, step, &rig);
            let after = found(&rig);
            assert!(after == before || after == whole, "{what} {step}: {after:?}");
            assert!(killed || after == whole, "{what} {step}: {after:?}");
            if connects_first {
                rig.connect().unwrap();
            }
            match rig.disconnect() {
                Ok(_) => {}
                Err(error) => {
                    assert_eq!((error.code.as_str(), connects_first), ("not_connected", false), "{what} {step}")
                }
            }
            assert_eq!(found(&rig).as_deref(), clean, "{what} {step}");
            // Of a kill in front of the journal a file is left that nothing refers to; who comes next removes it.
            rig.connect().unwrap();
            rig.disconnect().unwrap();
            assert_eq!(found(&rig).as_deref(), clean, "{what} {step}");
            assert_eq!(rig.left_behind(), [""; 0], "{what} {step}");
            if !killed && !connects_first {
                return step;
            }
        }
    }
    panic!("{what} was killed at {MOST_STEPS} steps and never done");
}

#[test]
fn killed_while_connecting_the_file_is_the_old_or_the_new_one() {
    for before in [None, Some(WILD[2])] {
        let steps = at_every_step("http://b", before, || before.map_or_else(Rig::new, Rig::with));
        assert!(steps > 15, "{steps}");
    }
}

#[test]
fn killed_while_connecting_again_too() {
    let edited = WILD[2].replacen('{', "{\n  \"theme\": \"dark\",", 1);
    for (clean, edit) in [(WILD[2], false), (edited.as_str(), true)] {
        let steps = at_every_step("http://b", Some(clean), || {
            let rig = Rig::with(WILD[2]);
            rig.connect().unwrap();
            if edit {
                fs::write(rig.file(), rig.text().replacen('{', "{\n  \"theme\": \"dark\",", 1)).unwrap();
            }
            rig
        });
        assert!(steps > 15, "{steps}");
    }
}

#[test]
fn killed_while_taking_back_too() {
    for before in [None, Some(WILD[4])] {
        let steps = at_every_step("disconnect", before, || {
            let rig = before.map_or_else(Rig::new, Rig::with);
            rig.connect().unwrap();
            rig
        });
        assert!(steps >= 2, "{steps}");
    }
}
