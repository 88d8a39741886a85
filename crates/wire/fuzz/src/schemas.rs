//! The sanitiser of tool schemas.

use branchline_wire::json::Json;
use branchline_wire::schema::sanitise;

use super::json::assert_json;

/// At each level the result is JSON, always the same, and nothing is left for a second pass to do.
pub fn check(data: &[u8]) {
    let Ok(source) = std::str::from_utf8(data) else { return };
    for level in 0..=4 {
        let mut dropped = Vec::new();
        let once = sanitise(source, level, "tools[0].input_schema", &mut dropped);
        assert!(dropped.iter().all(|lost| lost.path.starts_with("tools[0].input_schema") && !lost.reason.is_empty()));
        if Json::check(source).is_err() {
            continue;
        }
        assert_json(once.as_bytes());
        assert_eq!(sanitise(source, level, "", &mut Vec::new()), once);
        let mut again = Vec::new();
        assert_eq!(sanitise(&once, level, "", &mut again), once, "level {level} of {source}");
        assert_eq!(again, [], "level {level} of {source}");
    }
}
