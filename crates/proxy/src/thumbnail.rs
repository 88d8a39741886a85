//! Looks at an image without trusting it: what it is, how large it says it is, and a thumbnail for the window.
//!
//! The size is read from the header before anything is decoded, so a small file that unfolds into gigabytes costs
//! nothing. Decoding takes CPU time: call this off the async threads.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use crate::store::{MAX_THUMBNAIL_BYTES, THUMBNAIL_PIXELS};

/// More than any screenshot or photo a model takes.
const MAX_PIXELS: u64 = 50_000_000;
const MAX_MEMORY: u64 = 256 * 1024 * 1024;

/// What is known of an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inspected {
    /// By its first bytes, whatever the request called it.
    pub media_type: Option<&'static str>,
    /// Pixels as the header says; 0 when unknown.
    pub width: u32,
    /// Pixels as the header says; 0 when unknown.
    pub height: u32,
    /// PNG, at most [`THUMBNAIL_PIXELS`] at its longer side and [`MAX_THUMBNAIL_BYTES`].
    pub thumbnail: Option<Vec<u8>>,
}

/// Looks at the bytes of an image. Never fails: what cannot be found out is left out.
#[must_use]
pub fn inspect(bytes: &[u8]) -> Inspected {
    let Ok(format) = image::guess_format(bytes) else { return Inspected::default() };
    // Bytes come from anywhere, and a decoder's bug must not cost the turn its picture is in.
    let guarded = |work: &dyn Fn() -> Option<Vec<u8>>| catch_unwind(AssertUnwindSafe(work)).unwrap_or_default();
    let (width, height) = size(bytes, format).unwrap_or_default();
    let is_bearable = (1..=MAX_PIXELS).contains(&(u64::from(width) * u64::from(height)));
    let thumbnail = if is_bearable { guarded(&|| thumbnail(bytes, format)) } else { None };
    Inspected { media_type: Some(format.to_mime_type()), width, height, thumbnail }
}

fn size(bytes: &[u8], format: ImageFormat) -> Option<(u32, u32)> {
    let read = || ImageReader::with_format(Cursor::new(bytes), format).into_dimensions().ok();
    catch_unwind(read).unwrap_or_default()
}

fn thumbnail(bytes: &[u8], format: ImageFormat) -> Option<Vec<u8>> {
    let image = decode(bytes, format)?;
    let mut side = THUMBNAIL_PIXELS;
    let mut small = shrink(&image, side);
    // Photos and noise do not become small as PNG: fewer pixels do.
    loop {
        let png = encode(&small)?;
        if png.len() <= MAX_THUMBNAIL_BYTES {
            return Some(png);
        }
        side = side * 3 / 4;
        small = shrink(&small, side);
    }
}

fn decode(bytes: &[u8], format: ImageFormat) -> Option<DynamicImage> {
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_MEMORY);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().ok()?;
    // A phone's picture lies on its side and says so.
    let orientation = decoder.orientation().ok();
    let mut image = DynamicImage::from_decoder(decoder).ok()?;
    if let Some(orientation) = orientation {
        image.apply_orientation(orientation);
    }
    Some(image)
}

/// Eight bits a channel, the longer side at most `side`; a small image is not enlarged.
fn shrink(image: &DynamicImage, side: u32) -> DynamicImage {
    let small = if image.width().max(image.height()) > side { &image.thumbnail(side, side) } else { image };
    if small.color().has_alpha() { small.to_rgba8().into() } else { small.to_rgb8().into() }
}

fn encode(image: &DynamicImage) -> Option<Vec<u8>> {
    let mut png = Cursor::new(Vec::new());
    image.write_to(&mut png, ImageFormat::Png).ok()?;
    Some(png.into_inner())
}

#[cfg(test)]
mod tests {
    use image::{Rgb, RgbImage, RgbaImage};

    use super::*;

    fn bytes(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut out = Cursor::new(Vec::new());
        image.write_to(&mut out, format).unwrap();
        out.into_inner()
    }

    /// Noise: nothing compresses it.
    fn noise(width: u32, height: u32) -> DynamicImage {
        let mut state = 0x9E37_79B9_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        };
        RgbImage::from_fn(width, height, |_, _| Rgb([next(), next(), next()])).into()
    }

    fn thumbnail_size(inspected: &Inspected) -> (u32, u32) {
        let image = image::load_from_memory(inspected.thumbnail.as_ref().unwrap()).unwrap();
        (image.width(), image.height())
    }

    /// A PNG whose header is rewritten, with a matching checksum.
    fn lying_png(width: u32, height: u32) -> Vec<u8> {
        let mut png = bytes(&noise(4, 4), ImageFormat::Png);
        png[16..20].copy_from_slice(&width.to_be_bytes());
        png[20..24].copy_from_slice(&height.to_be_bytes());
        let checksum = crc32(&png[12..29]);
        png[29..33].copy_from_slice(&checksum.to_be_bytes());
        png
    }

    fn crc32(bytes: &[u8]) -> u32 {
        let mut crc = u32::MAX;
        for byte in bytes {
            crc ^= u32::from(*byte);
            for _ in 0..8 {
                crc = if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
            }
        }
        !crc
    }

    #[test]
    fn every_format_a_client_may_send_is_known_and_shrunk() {
        let image: DynamicImage = RgbImage::from_pixel(640, 320, Rgb([200, 30, 30])).into();
        for (format, media_type) in [
            (ImageFormat::Png, "image/png"),
            (ImageFormat::Jpeg, "image/jpeg"),
            (ImageFormat::Gif, "image/gif"),
            (ImageFormat::WebP, "image/webp"),
        ] {
            let inspected = inspect(&bytes(&image, format));
            assert_eq!(inspected.media_type, Some(media_type));
            assert_eq!((inspected.width, inspected.height), (640, 320));
            assert_eq!(thumbnail_size(&inspected), (160, 80), "{media_type}");
        }
    }

    #[test]
    fn noise_is_shrunk_until_it_fits() {
        let inspected = inspect(&bytes(&noise(500, 500), ImageFormat::Png));
        assert!(inspected.thumbnail.as_ref().unwrap().len() <= MAX_THUMBNAIL_BYTES);
        assert!(thumbnail_size(&inspected).0 < THUMBNAIL_PIXELS);
    }

    #[test]
    fn a_small_image_is_not_enlarged_and_a_thin_one_keeps_a_pixel() {
        let small = inspect(&bytes(&RgbaImage::new(20, 10).into(), ImageFormat::Png));
        assert_eq!(thumbnail_size(&small), (20, 10));
        let thin = inspect(&bytes(&noise(4000, 1), ImageFormat::Png));
        assert_eq!(thumbnail_size(&thin), (160, 1));
    }

    #[test]
    fn a_header_that_promises_gigapixels_costs_nothing() {
        let inspected = inspect(&lying_png(60_000, 60_000));
        assert_eq!((inspected.media_type, inspected.width, inspected.height), (Some("image/png"), 60_000, 60_000));
        assert_eq!(inspected.thumbnail, None);
    }

    #[test]
    fn a_header_that_lies_below_the_limit_gives_no_thumbnail() {
        let inspected = inspect(&lying_png(6_000, 6_000));
        assert_eq!((inspected.width, inspected.thumbnail), (6_000, None));
    }

    #[test]
    fn bytes_that_are_no_image_and_images_cut_off_are_borne() {
        assert_eq!(inspect(b""), Inspected::default());
        assert_eq!(inspect(b"<html>not an image</html>"), Inspected::default());
        for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Gif, ImageFormat::WebP] {
            let whole = bytes(&noise(64, 64), format);
            for length in (0..whole.len()).step_by(97) {
                let _ = inspect(&whole[..length]);
            }
        }
    }

    #[test]
    fn a_format_that_is_not_decoded_still_has_its_name() {
        let inspected = inspect(b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0");
        assert_eq!((inspected.media_type, inspected.thumbnail), (Some("image/bmp"), None));
    }
}
