//! How texts are cut where an answer comes in pieces.

/// A text (its characters, its UTF-16 units) in pieces whose lengths go round.
pub(crate) fn in_pieces<U, P: FromIterator<U>>(units: impl IntoIterator<Item = U>, steps: &[usize]) -> Vec<P> {
    let mut units = units.into_iter().peekable();
    let mut pieces = Vec::new();
    for step in steps.iter().cycle() {
        if units.peek().is_none() {
            break;
        }
        pieces.push(units.by_ref().take(*step).collect());
    }
    pieces
}
