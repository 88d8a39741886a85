use super::*;
use crate::load::check;

fn unread(text: &str) -> Option<String> {
    check(text).settings.never_cloud.unread
}

#[test]
fn a_mistyped_privacy_rule_is_a_problem_and_keeps_everything_here() {
    for (bad, path, hint) in [
        ("[never_cloud]\npath = [\"falcon\"]\n", "never_cloud.path", "\"paths\""),
        ("[never_cloud]\nfalcon = true\n", "never_cloud.falcon", "known here: texts, paths, projects"),
        ("\nnever_clould.texts = [\"falcon\"]\n", "never_clould", "\"never_cloud\""),
        ("[nevercloud]\ntexts = [\"falcon\"]\n", "nevercloud", "\"never_cloud\""),
        ("[never-cloud]\npaths = [\"falcon\"]\n", "never-cloud", "\"never_cloud\""),
        ("[log]\nkeep_days = 3\ntexts = [\"falcon\"]\n", "log.texts", "\"never_cloud.texts\""),
        ("[routing]\nnever_cloud = true\n", "routing.never_cloud", "\"never_cloud\""),
        ("[projects]\ntrust = [\"/falcon\"]\n", "projects.trust", "\"trusted\""),
        ("[project]\ntrusted = [\"/falcon\"]\n", "project", "\"projects\""),
    ] {
        let report = check(bad);
        let [problem] = report.problems.as_slice() else { panic!("{bad}: {report:?}") };
        assert_eq!(problem.path, path);
        assert!(problem.hint.contains(hint) && problem.line.is_some(), "{bad}: {problem:?}");
        assert_eq!(report.warnings, vec![], "{bad}");
        let why = report.settings.never_cloud.unread.unwrap_or_else(|| panic!("{bad}"));
        assert!(why.contains("(line ") && why.contains(hint) && !why.contains("falcon"), "{bad}: {why}");
    }
}

#[test]
fn an_unknown_key_of_anything_else_is_a_warning_as_before() {
    for plain in [
        "[routing]\ntreshold = 5\n",
        "[profiles]\nx = 1\n",
        "[providers.mine]\nurl = \"x\"\n",
        "[[rules]]\nwhen = { paths = \"x\", subagent = true }\nthen = { role = \"coder\" }\n",
        "[backends.lmstudio]\nextra_body = { texts = 1 }\n",
    ] {
        let report = check(plain);
        assert_eq!((report.problems, report.settings.held()), (vec![], None), "{plain}");
    }
}

#[test]
fn a_mode_that_cannot_be_read_keeps_everything_local() {
    for (bad, place) in [
        ("[routing]\nmode = \"all_locall\"\n", "routing.mode in the settings file (line 2)"),
        ("routing.mode = 1\n", "routing.mode in the settings file (line 1)"),
        ("routing = \"local\"\n", "routing in the settings file (line 1)"),
        ("[routing]\nmode = \"local\"\n[log\n", "the settings file cannot be read (line 3)"),
    ] {
        let report = check(bad);
        assert!(!report.problems.is_empty(), "{bad}");
        assert_eq!(report.settings.routing.mode, Mode::Local, "{bad}");
        assert!(report.settings.held().unwrap().contains(place), "{bad}: {:?}", report.settings.held());
        assert_eq!(unread(bad), None, "{bad}: a request somebody insists on may leave");
    }
    for (fine, mode) in [
        ("[routing]\nmode = \"cloud\"\nthreshold = 150\n", Mode::Cloud),
        ("[routing]\nmode = \"dispatcher\"\n", Mode::Dispatcher),
        ("[routing]\nthreshold = \"high\"\n", Mode::Auto),
        ("[log\n", Mode::Auto),
    ] {
        let report = check(fine);
        assert_eq!((report.settings.routing.mode, report.settings.held()), (mode, None), "{fine}");
    }
}

#[test]
fn of_a_file_that_is_not_used_what_must_stay_is_in_force_all_the_same() {
    let now = check("never_cloud.texts = [\"old\"]\nrouting.threshold = 60\n").settings;
    let kept = |text: &str| now.keeping(&check(text));

    let more = kept("never_cloud.texts = [\"old\", \"new\"]\nrouting.threshold = 150\n");
    assert_eq!(more.never_cloud.texts, ["old", "new"]);
    assert_eq!((more.routing.threshold, more.held()), (60, None));

    let lost = kept("never_cloud.text = [\"new\"]\n");
    assert!(lost.held().is_some());
    assert_eq!(lost.never_cloud.texts, ["old"], "what was in force is not forgotten");
    let broken = kept("[log\n");
    assert_eq!((broken.never_cloud.texts.as_slice(), broken.held()), (&["old".to_owned()][..], None));

    let mode = |settings: &Settings| (settings.routing.mode, settings.routing.unread.is_some());
    let mistyped = kept("routing.mode = \"locall\"\n");
    assert_eq!(mode(&mistyped), (Mode::Local, true));
    let wanted = kept("routing.mode = \"local\"\nrouting.threshold = 150\n");
    assert_eq!(mode(&wanted), (Mode::Local, false));
    assert_eq!(mode(&kept("routing.mode = \"cloud\"\nrouting.threshold = 150\n")), (Mode::Auto, false));
    let mended = mistyped.keeping(&check("routing.mode = \"auto\"\nrouting.threshold = 150\n"));
    assert_eq!(mode(&mended), (Mode::Auto, false), "what was mended no longer holds");
}
