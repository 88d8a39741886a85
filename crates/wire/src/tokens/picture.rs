//! Size and cost of images, from the first bytes of their data.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use crate::hub::ImageSource;

/// Tokens of an image whose size is unknown: what a screenshot costs at most on most models.
const UNKNOWN: u64 = 1600;
/// Long edge to which Claude scales an image down, in pixels.
const LONG_EDGE: u64 = 2576;
/// Most tokens an image costs on Claude.
const MOST: u64 = 4784;
/// Edge of the square that makes one token, in pixels: Claude's, and near Qwen-VL's.
const PATCH: u64 = 28;
/// How far into a JPEG its size is looked for, in characters of base64: metadata may stand before it.
const HEADER: usize = 64 * 1024;

/// Tokens of an image.
#[must_use]
pub fn image_tokens(source: &ImageSource<'_>) -> u64 {
    let Some((width, height)) = image_size(source) else { return UNKNOWN };
    let (width, height) = (u64::from(width), u64::from(height));
    let long = width.max(height);
    let shrink = |edge: u64| if long > LONG_EDGE { (edge * LONG_EDGE / long).max(1) } else { edge };
    (shrink(width).div_ceil(PATCH) * shrink(height).div_ceil(PATCH)).min(MOST)
}

/// Width and height in pixels, from the header of a PNG, JPEG, GIF or WebP.
#[must_use]
pub fn image_size(source: &ImageSource<'_>) -> Option<(u32, u32)> {
    let ImageSource::Base64 { data, .. } = source else { return None };
    let data = data.as_escaped();
    let short = decode(data, 64);
    size(&short).or_else(|| short.starts_with(&[0xff, 0xd8]).then(|| jpeg(&decode(data, HEADER)))?)
}

/// The first bytes; as many as are valid. Some writers escape the slash.
fn decode(data: &str, characters: usize) -> Vec<u8> {
    let start: Vec<u8> = data.bytes().filter(|b| !matches!(b, b'\\' | b'=')).take(characters).collect();
    STANDARD_NO_PAD.decode(&start[..start.len() / 4 * 4]).unwrap_or_default()
}

fn size(bytes: &[u8]) -> Option<(u32, u32)> {
    let (width, height) = match bytes {
        [0x89, b'P', b'N', b'G', ..] => (be32(bytes, 16)?, be32(bytes, 20)?),
        [b'G', b'I', b'F', ..] => (le(bytes, 6, 2)?, le(bytes, 8, 2)?),
        [b'R', b'I', b'F', b'F', ..] => webp(bytes)?,
        _ => return None,
    };
    (width > 0 && height > 0).then_some((width, height))
}

fn webp(bytes: &[u8]) -> Option<(u32, u32)> {
    match bytes.get(12..16)? {
        b"VP8 " => Some((le(bytes, 26, 2)? & 0x3fff, le(bytes, 28, 2)? & 0x3fff)),
        b"VP8L" => {
            let bits = le(bytes, 21, 4)?;
            Some(((bits & 0x3fff) + 1, ((bits >> 14) & 0x3fff) + 1))
        }
        b"VP8X" => Some((le(bytes, 24, 3)? + 1, le(bytes, 27, 3)? + 1)),
        _ => None,
    }
}

/// Walks the segments to the frame header.
fn jpeg(bytes: &[u8]) -> Option<(u32, u32)> {
    let mut at = 2;
    loop {
        let [0xff, marker] = *bytes.get(at..at + 2)? else { return None };
        match marker {
            0xff => at += 1,
            0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                let edges = (be16(bytes, at + 7)?, be16(bytes, at + 5)?);
                return (edges.0 > 0 && edges.1 > 0).then_some(edges);
            }
            _ => at += 2 + be16(bytes, at + 2)? as usize,
        }
    }
}

fn be16(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 2).map(|two| two.iter().fold(0, |n, b| (n << 8) | u32::from(*b)))
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4).map(|four| four.iter().fold(0, |n, b| (n << 8) | u32::from(*b)))
}

fn le(bytes: &[u8], at: usize, length: usize) -> Option<u32> {
    bytes.get(at..at + length).map(|some| some.iter().rev().fold(0, |n, b| (n << 8) | u32::from(*b)))
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;

    use super::*;
    use crate::text::Text;

    fn source(bytes: &[u8]) -> ImageSource<'static> {
        let data = Text::escaped_owned(STANDARD.encode([bytes, &[0; 8]].concat()));
        ImageSource::Base64 { media_type: Text::escaped("image/png"), data }
    }

    fn png(width: u32, height: u32) -> ImageSource<'static> {
        let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        bytes.extend(width.to_be_bytes());
        bytes.extend(height.to_be_bytes());
        bytes.extend([8, 6, 0, 0, 0]);
        source(&bytes)
    }

    #[test]
    fn the_size_is_read_from_every_kind_of_header() {
        assert_eq!(image_size(&png(640, 480)), Some((640, 480)));
        assert_eq!(image_size(&source(b"GIF89a\x80\x02\xe0\x01\0\0\0")), Some((640, 480)));
        let mut jpeg = vec![0xff, 0xd8, 0xff, 0xe1, 0x40, 0x02];
        jpeg.resize(jpeg.len() + 0x4000, 7);
        jpeg.extend([0xff, 0xc2, 0, 17, 8, 0x01, 0xe0, 0x02, 0x80, 3]);
        assert_eq!(image_size(&source(&jpeg)), Some((640, 480)));
        let webp = |rest: &[u8]| source(&[b"RIFF\0\0\0\0WEBP", rest].concat());
        assert_eq!(image_size(&webp(b"VP8X\x0a\0\0\0\0\0\0\0\x7f\x02\0\xdf\x01\0")), Some((640, 480)));
        assert_eq!(image_size(&webp(b"VP8 \0\0\0\0\0\0\0\x9d\x01\x2a\x80\x02\xe0\x01")), Some((640, 480)));
        let bits = (639u32 | (479 << 14)).to_le_bytes();
        assert_eq!(image_size(&webp(&[&b"VP8L\0\0\0\0\x2f"[..], &bits].concat())), Some((640, 480)));
    }

    #[test]
    fn an_image_costs_by_its_size_up_to_a_bound() {
        assert_eq!(image_tokens(&png(280, 28)), 10);
        assert_eq!(image_tokens(&png(1000, 1000)), 36 * 36);
        assert_eq!(image_tokens(&png(8000, 8000)), MOST);
        for unknown in [source(b"BM"), source(b""), source(&[0xff, 0xd8, 0xff]), ImageSource::Url(Text::escaped("u"))] {
            assert_eq!(image_tokens(&unknown), UNKNOWN);
        }
    }
}
