//! What is written for systemd and launchd, as text. Pure.

use std::ffi::OsStr;

/// Stands in every file of ours.
pub(super) const MARK: &str = "Written by `branchline service install`";
/// Its name for systemd.
pub(super) const UNIT: &str = "branchline.service";
/// Its name for launchd.
pub(super) const LABEL: &str = "io.branchline.serve";

/// The unit of the packages, but for the program and who wrote it.
const PACKAGED: &str = include_str!("../../../../../packaging/branchline.service");
const PACKAGED_START: &str = "ExecStart=/usr/bin/branchline serve";

/// A unit that runs this.
pub(super) fn unit(words: &[impl AsRef<OsStr>]) -> String {
    let words: Vec<String> = words.iter().map(|word| for_systemd(&word.as_ref().to_string_lossy())).collect();
    let start = format!("ExecStart={}", words.join(" "));
    // The manual belongs to the packages.
    let lines = PACKAGED.lines().filter(|line| !line.starts_with("Documentation=man:"));
    let lines = lines.map(|line| if line == PACKAGED_START { &*start } else { line });
    let text: String = lines.flat_map(|line| [line, "\n"]).collect();
    format!("# {MARK}; `branchline service uninstall` removes it.\n{text}")
}

/// One word of a command line: systemd.service(5) knows quotes, C escapes, `%` specifiers and `$` variables.
fn for_systemd(word: &str) -> String {
    let mut quoted = String::from("\"");
    for sign in word.chars() {
        match sign {
            '"' | '\\' => quoted.extend(['\\', sign]),
            '%' | '$' => quoted.extend([sign, sign]),
            '\n' => quoted.push_str("\\n"),
            _ => quoted.push(sign),
        }
    }
    quoted + "\""
}

/// A property list that has launchd run this from login on, and again when it fails.
pub(super) fn plist(words: &[impl AsRef<OsStr>]) -> String {
    let words =
        words.iter().map(|word| format!("        <string>{}</string>\n", for_xml(&word.as_ref().to_string_lossy())));
    let words: String = words.collect();
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<!-- {MARK}; `branchline service uninstall` removes it. -->
<plist version="1.0">
<dict>
    <key>Label</key>
    <string>{LABEL}</string>
    <key>ProgramArguments</key>
    <array>
{words}    </array>
    <key>RunAtLoad</key>
    <true/>
    <key>KeepAlive</key>
    <dict>
        <key>SuccessfulExit</key>
        <false/>
    </dict>
    <key>ExitTimeOut</key>
    <integer>15</integer>
    <key>Umask</key>
    <integer>63</integer>
    <key>ProcessType</key>
    <string>Interactive</string>
</dict>
</plist>
"#
    )
}

fn for_xml(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_is_that_of_the_packages_with_another_program() {
        assert!(
            PACKAGED.lines().any(|line| line == PACKAGED_START),
            "the unit of the packages starts something else now"
        );
        let unit = unit(&["/opt/b l/branchline", "serve", "--data-dir", "/x/100% \"$HOME\\"]);
        let line = unit.lines().find(|line| line.starts_with("ExecStart=")).unwrap();
        assert_eq!(line, r#"ExecStart="/opt/b l/branchline" "serve" "--data-dir" "/x/100%% \"$$HOME\\""#);
        assert!(unit.starts_with("# Written by `branchline service install`"), "{unit}");
        assert!(unit.contains("[Install]\nWantedBy=default.target"), "{unit}");
    }

    #[test]
    fn the_property_list_is_xml_whatever_a_folder_is_called() {
        let text = plist(&["/Users/me/R&D <x>/branchline", "serve"]);
        assert!(
            text.contains("<string>/Users/me/R&amp;D &lt;x&gt;/branchline</string>\n        <string>serve</string>")
        );
        assert!(text.contains(MARK) && text.trim_end().ends_with("</plist>"));
        assert!(!MARK.contains("--"), "a comment of XML would end there");
        for name in ["dict", "array", "plist"] {
            assert_eq!(
                text.matches(&format!("<{name}")).count(),
                text.matches(&format!("</{name}>")).count(),
                "{name}"
            );
        }
    }
}
