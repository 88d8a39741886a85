//! Generates the TypeScript types of the table, and fails when the committed file says something else.
//! `BRANCHLINE_UPDATE_TYPES=1 cargo test -p branchline-control` rewrites it.

use std::any::TypeId;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use branchline_proxy::LiveEvent;
use branchline_proxy::agent::ROOMY_WINDOW;
use ts_rs::{Config, TS, TypeVisitor};

use crate::ControlError;

const HEAD: &str =
    "// Generated from crates/control. Do not edit: BRANCHLINE_UPDATE_TYPES=1 cargo test -p branchline-control\n";

/// The types met so far, each once, by name.
pub(crate) struct Seen {
    config: Config,
    known: BTreeSet<TypeId>,
    declarations: BTreeMap<String, String>,
    commands: Vec<String>,
}

impl Seen {
    /// A command with its request and its answer.
    pub(crate) fn command<Req: TS + 'static, Res: TS + 'static>(&mut self, name: &str) {
        self.visit::<Req>();
        self.visit::<Res>();
        let (request, answer) = (Req::name(&self.config), Res::name(&self.config));
        self.commands.push(format!("  \"{name}\": {{ request: {request}; answer: {answer} }};\n"));
    }
}

impl TypeVisitor for Seen {
    fn visit<T: TS + 'static + ?Sized>(&mut self) {
        if !self.known.insert(TypeId::of::<T>()) {
            return;
        }
        // Only types with a file of their own have a declaration; texts, numbers and lists have none.
        if T::output_path().is_some() {
            let docs = T::docs().unwrap_or_default();
            let declaration = format!("{docs}export {}\n", T::decl(&self.config));
            let name = T::ident(&self.config);
            let twin = self.declarations.insert(name.clone(), declaration);
            assert!(twin.is_none(), "two types are called {name}");
        }
        T::visit_dependencies(self);
        T::visit_generics(self);
    }
}

fn generated() -> String {
    let mut seen = Seen {
        config: Config::new().with_large_int("number"),
        known: BTreeSet::new(),
        declarations: BTreeMap::new(),
        commands: Vec::new(),
    };
    crate::visit_types(&mut seen);
    seen.visit::<ControlError>();
    seen.visit::<LiveEvent>();
    let declarations: Vec<_> = seen.declarations.into_values().collect();
    let commands = seen.commands.concat();
    let table =
        format!("/** Every command: what it takes, what it answers. */\nexport type Commands = {{\n{commands}}};\n");
    let window = format!(
        "/** From this window on Claude Code works with results of tools of any usual size. */\nexport const ROOMY_WINDOW = {ROOMY_WINDOW};\n"
    );
    format!("{HEAD}\n{window}\n{}\n{table}", declarations.join("\n"))
}

#[test]
fn the_committed_typescript_is_what_the_table_says() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ui/src/lib/api/generated/api.ts");
    let generated = generated();
    if std::env::var_os("BRANCHLINE_UPDATE_TYPES").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, &generated).unwrap();
        return;
    }
    let committed = std::fs::read_to_string(&file).unwrap_or_default().replace("\r\n", "\n");
    assert!(
        committed == generated,
        "the types have drifted: BRANCHLINE_UPDATE_TYPES=1 cargo test -p branchline-control"
    );
}

#[test]
fn every_number_is_a_number_in_typescript() {
    let generated = generated();
    assert!(!generated.contains("bigint"));
    assert!(!generated.contains(": any"), "{generated}");
}
