//! Seeing: four squares drawn in an order nobody can guess, which the answer must name.

use std::io::Cursor;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use branchline_routing::Role;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use serde_json::json;

use super::exam::{Exam, Found};
use super::{Verdict, advice};

/// Colours no two languages of a model would call alike.
const COLOURS: [(&str, [u8; 3]); 5] = [
    ("red", [220, 30, 30]),
    ("green", [20, 150, 60]),
    ("blue", [30, 70, 220]),
    ("yellow", [250, 215, 0]),
    ("black", [0, 0, 0]),
];
const SQUARE: u32 = 112;
const GAP: u32 = 28;
const SHOWN: u32 = 4;

/// Shows it a picture. A model that cannot see gets a description where it does an agent's work, as a client's picture would.
pub(super) async fn see(exam: &Exam<'_>) -> Found {
    let blind = exam.card().is_some_and(|card| card.vision == Some(false));
    let eyes = exam.engine.world().policy.role(Role::Vision).first().cloned();
    if blind && (eyes.is_none() || !exam.is_agent()) {
        let hint = exam.is_agent().then(|| "give the role vision to a model that sees".to_owned());
        return Found::skipped("it takes no pictures").hint(hint);
    }
    let colours = draw_lots();
    let Some(png) = draw(&colours) else { return Found::skipped("the picture could not be drawn") };
    let text = "The picture shows four squares in a row. Name their colours from left to right, separated by commas.";
    let body = json!({"messages": [{"role": "user", "content": [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": STANDARD.encode(&png)}},
        {"type": "text", "text": text}]}]});
    let asked = exam.quick(body).await;
    advice::forget_picture(exam.engine, &png).await;
    let said = match asked {
        Ok(said) => said,
        Err(found) => return found,
    };
    let names: Vec<_> = colours.iter().map(|nth| COLOURS[*nth].0).collect();
    let images = said.record.images;
    let described = images.described + images.cached > 0;
    match (named(said.text(), &names), described) {
        (true, false) if images.failed == 0 => exam.good(&said, format!("saw {}", names.join(", "))),
        (true, _) => {
            let by = eyes.map_or_else(String::new, |eyes| format!(" by {eyes}"));
            Found::new(Verdict::Repaired, format!("the picture was described to it{by}: {}", names.join(", ")))
                .of(&said)
        }
        (false, _) if images.failed > 0 => Found::fail("the picture could not be described to it")
            .hint("check the model of the role vision".to_owned())
            .of(&said),
        (false, _) => Found::fail(format!("the picture shows {}, it said: {}", names.join(", "), start(said.text())))
            .hint(advice::does_not_see(exam, described))
            .of(&said),
    }
}

/// Which colours are shown, in their order.
fn draw_lots() -> Vec<usize> {
    let mut all: Vec<usize> = (0..COLOURS.len()).collect();
    fastrand::shuffle(&mut all);
    all.truncate(SHOWN as usize);
    all
}

fn draw(colours: &[usize]) -> Option<Vec<u8>> {
    let (width, height) = (GAP + SHOWN * (SQUARE + GAP), SQUARE + 2 * GAP);
    let picture = RgbImage::from_fn(width, height, |x, y| {
        let inside = (GAP..GAP + SQUARE).contains(&y) && x % (SQUARE + GAP) >= GAP;
        let nth = (x / (SQUARE + GAP)) as usize;
        match colours.get(nth).filter(|_| inside) {
            Some(colour) => Rgb(COLOURS[*colour].1),
            None => Rgb([255, 255, 255]),
        }
    });
    let mut png = Cursor::new(Vec::new());
    DynamicImage::from(picture).write_to(&mut png, ImageFormat::Png).ok()?;
    Some(png.into_inner())
}

/// Whether a text names these words in this order.
fn named(text: &str, words: &[&str]) -> bool {
    let text = text.to_lowercase();
    let mut rest = text.as_str();
    words.iter().all(|word| match rest.split_once(word) {
        Some((_, after)) => {
            rest = after;
            true
        }
        None => false,
    })
}

fn start(text: &str) -> String {
    let line: String = text.trim().chars().take(120).collect();
    if line.is_empty() { "nothing".into() } else { line }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_different_squares_stand_in_the_order_that_was_drawn() {
        let colours = draw_lots();
        let picture = image::load_from_memory(&draw(&colours).unwrap()).unwrap().to_rgb8();
        for (nth, colour) in colours.iter().enumerate() {
            let x = GAP + u32::try_from(nth).unwrap() * (SQUARE + GAP) + SQUARE / 2;
            assert_eq!(picture.get_pixel(x, GAP + SQUARE / 2).0, COLOURS[*colour].1);
            assert_eq!(picture.get_pixel(x - SQUARE / 2 - 1, GAP).0, [255; 3], "a gap stands before each");
        }
        let different: std::collections::BTreeSet<_> = colours.iter().collect();
        assert_eq!(different.len(), 4);
    }

    #[test]
    fn colours_count_only_in_their_order() {
        assert!(named("They are **Red**, green, then Blue and black.", &["red", "green", "blue", "black"]));
        assert!(!named("green, red, blue, black", &["red", "green", "blue", "black"]));
        assert!(!named("red, green, blue", &["red", "green", "blue", "black"]));
    }
}
