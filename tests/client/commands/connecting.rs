//! `branchline connect claude`: the client is told by its own settings file, and by nothing else.

use crate::rig::{HERE, Rig, said};

/// Odd, as people's files are, and with what other tools put there.
const BEFORE: &str = "{\n\n\t\"model\":   \"opus\",\n  \"env\": { \"FOO\": \"1\" }\n,\t\"hooks\": { }   \n}\n\n";

#[tokio::test(flavor = "multi_thread")]
async fn what_connect_writes_brings_the_client_here_and_disconnect_takes_it_away_again() {
    let Some(rig) = Rig::start().await else { return };
    std::fs::write(rig.settings(), BEFORE).unwrap();
    let _served = rig.serve();
    rig.run(&["connect", "claude", "--write", "--statusline"]);
    assert_eq!(said(&rig.claude("say hello").await), HERE);
    let calls = rig.lmstudio.calls();
    assert!(calls.len() == 1 && calls[0].contains("say hello"), "{}", calls.len());
    assert!(rig.run(&["disconnect", "claude"]).out.contains("byte for byte"));
    assert_eq!(std::fs::read_to_string(rig.settings()).unwrap(), BEFORE);
    let outcome = rig.claude("say hello").await;
    assert!(!outcome.status.success(), "nothing points it here any more: {outcome:#?}");
    assert_eq!((rig.lmstudio.calls().len(), rig.cloud.calls().len()), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_there_was_no_settings_file_there_is_none_afterwards() {
    let Some(rig) = Rig::start().await else { return };
    let _served = rig.serve();
    rig.run(&["connect", "claude", "--write"]);
    assert_eq!(said(&rig.claude("say hello").await), HERE);
    rig.run(&["disconnect", "claude"]);
    assert!(!rig.settings().exists());
}
