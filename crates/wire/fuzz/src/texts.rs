//! Escaped text against `serde_json`.

use branchline_wire::json::Cursor;
use branchline_wire::text::Text;
use branchline_wire::{ids, tokens};

/// Escaping and reading give the text back, write what `serde_json` writes, and judge blankness alike.
pub fn check(data: &[u8]) {
    let Ok(source) = std::str::from_utf8(data) else { return };
    let text = Text::plain(source);
    assert_eq!(format!("\"{}\"", text.as_escaped()), serde_json::to_string(source).expect("a string"));
    assert_eq!(text.decode(), source);
    judged(&text, source);
    let _ = tokens::estimate_text(source);

    let quoted = format!("\"{source}\"");
    let mut cursor = Cursor::new(&quoted);
    let Ok(inside) = cursor.string().and_then(|inside| cursor.end().map(|()| inside)) else { return };
    if let Ok(theirs) = serde_json::from_str::<String>(&quoted) {
        assert_eq!(inside.decode(), theirs);
    }
    judged(&inside, &inside.decode());
    let id = ids::clean(&inside);
    assert!(ids::is_clean(&id), "{id:?}");
    assert_eq!(ids::clean(&id), id);
}

fn judged(text: &Text<'_>, plain: &str) {
    assert_eq!(text.is_empty(), plain.is_empty());
    assert_eq!(text.is_blank(), plain.trim().is_empty(), "{text:?}");
    assert!(text.is(plain));
    assert!(!text.is(&format!("{plain}x")));
}
