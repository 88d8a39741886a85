//! Images in the results of tools, put behind the results: some servers' own `/v1/messages` take only text in there
//! (LM Studio, lmstudio-ai/localization#425).

use crate::hub::{Block, BlockKind, Content, Request};
use crate::text::Text;

/// Images move behind everything their message says, each with its number in both places.
pub(super) fn lift(request: &mut Request<'_>) {
    for message in request.messages.iter_mut() {
        let Content::Blocks(blocks) = &mut message.content else { continue };
        let mut lifted = Vec::new();
        for block in blocks.iter_mut() {
            if let BlockKind::ToolResult { content: Content::Blocks(inner), .. } = &mut block.kind
                && inner.iter().any(is_image)
            {
                block.raw = None;
                inner.iter_mut().filter(|one| is_image(one)).for_each(|one| take(one, &mut lifted));
            }
        }
        if !lifted.is_empty() {
            blocks.append(&mut lifted);
            message.raw = None;
            request.touched.messages = true;
        }
    }
}

const fn is_image(block: &Block<'_>) -> bool {
    matches!(block.kind, BlockKind::Image { .. })
}

fn take<'a>(place: &mut Block<'a>, lifted: &mut Vec<Block<'a>>) {
    let number = lifted.len() / 2 + 1;
    let note = Text::plain(&format!("[image {number} stands behind the results]")).into_owned();
    let image = std::mem::replace(place, Block::from_text(note));
    lifted.push(Block::from_text(Text::plain(&format!("[image {number}]")).into_owned()));
    lifted.push(image);
}
