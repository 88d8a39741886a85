//! Images for models that cannot see: each is described once by a vision model, and its description takes its place.
//!
//! The text is the same in every later request, so the prompt prefix holds. What goes wrong is said in the
//! image's place; a turn never fails for a picture.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use branchline_routing::{Decision, ModelRef, VisionMode};
use branchline_wire::edit::{self, BlockPath};
use branchline_wire::hub::{Block, BlockKind, Content, ImageSource, Message, Request, Role};
use branchline_wire::text::Text;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use moka::future::Cache;
use sha2::{Digest, Sha256};

use crate::aside::{self, Asking};
use crate::backend::Backend;
use crate::call::Call;
use crate::engine::Engine;
use crate::events::LiveEvent;
use crate::inbound::Inbound;
use crate::lane::Who;
use crate::later::{Later, later};
use crate::plan::Descriptions;
use crate::record::{AsidePurpose, ImageCounts};
use crate::store::{ImageKey, ImageRow};
use crate::thumbnail;

/// What the vision model is asked when the settings say nothing else.
const QUESTION: &str = "Describe this image for a programmer who cannot see it. Transcribe all text, code, numbers and \
error messages exactly. Name what kind of image it is, its layout, its parts and how they relate, colours where they \
matter, and anything unusual. Do not guess at what is not visible.";
/// Changes with [`QUESTION`].
const QUESTION_VERSION: &str = "1";
/// Descriptions kept in memory, in bytes.
const HOT_BYTES: u64 = 4 * 1024 * 1024;
/// Answers that others may still be waiting for.
const ASKED: u64 = 64;

/// Which image, and the models that may be asked.
type Question = (ImageKey, Vec<ModelRef>);

/// Describes, remembers, and asks only once for the same image at the same time.
#[derive(Clone, Debug)]
pub(crate) struct Images {
    hot: Later<Cache<ImageKey, Arc<str>>>,
    /// What is being asked, and of whom: who may ask nobody must not fail for those who may.
    asked: Later<Cache<Question, Arc<str>>>,
}

impl Default for Images {
    fn default() -> Self {
        Self {
            hot: later(|| Cache::builder().max_capacity(HOT_BYTES).weigher(weight).build()),
            asked: later(|| Cache::builder().max_capacity(ASKED).build()),
        }
    }
}

/// In bytes, for [`HOT_BYTES`].
fn weight(_: &ImageKey, text: &Arc<str>) -> u32 {
    u32::try_from(text.len() + 128).unwrap_or(u32::MAX)
}

impl Images {
    /// Forgets one description, or all: the user changed or deleted it.
    pub(crate) async fn forget(&self, key: Option<&ImageKey>) {
        self.asked.invalidate_all();
        match key {
            Some(key) => self.hot.invalidate(key).await,
            None => self.hot.invalidate_all(),
        }
    }
}

/// An image of a request, decoded.
pub(crate) struct Picture {
    pub(crate) at: BlockPath,
    pub(crate) key: ImageKey,
    media_type: String,
    data: Arc<str>,
    bytes: Vec<u8>,
}

/// How one image got its text.
enum Outcome {
    Cached(Arc<str>),
    Described(Arc<str>),
    Failed(String),
}

/// Texts for all images of `request`, by place, and how they were come by.
///
/// `eyes` are the models that may be asked.
pub(crate) async fn describe(
    engine: &Arc<Engine>,
    call: &Call,
    request: &Request<'_>,
    eyes: &[ModelRef],
) -> (Descriptions, ImageCounts) {
    let (pictures, unreadable) = pictures(call, request);
    let mut wanted: BTreeMap<String, &Picture> = BTreeMap::new();
    for picture in &pictures {
        wanted.entry(picture.key.sha256.clone()).or_insert(picture);
    }
    let parallel = call.world.settings.vision.max_parallel.max(1) as usize;
    let jobs: Vec<_> = wanted.into_iter().map(|(hash, picture)| job(engine, call, eyes, hash, picture)).collect();
    let outcomes: BTreeMap<String, Outcome> =
        futures_util::stream::iter(jobs).buffer_unordered(parallel).collect().await;
    let mut counts = ImageCounts::default();
    count(&mut counts, &outcomes, unreadable.len());
    counts.total = u32::try_from(pictures.len() + unreadable.len()).unwrap_or(u32::MAX);
    let mut texts: Descriptions = unreadable;
    for picture in pictures {
        let text = outcomes.get(&picture.key.sha256).map(|outcome| in_place(&picture.key, outcome)).unwrap_or_default();
        texts.push((picture.at, text));
    }
    (texts, counts)
}

/// Boxed: the compiler cannot show that a stream of unnamed futures may move between threads (rust-lang/rust#100013).
fn job<'j>(
    engine: &'j Arc<Engine>,
    call: &'j Call,
    eyes: &'j [ModelRef],
    hash: String,
    picture: &'j Picture,
) -> BoxFuture<'j, (String, Outcome)> {
    Box::pin(async move { (hash, one(engine, call, eyes, picture).await) })
}

fn count(counts: &mut ImageCounts, outcomes: &BTreeMap<String, Outcome>, unreadable: usize) {
    counts.failed = u32::try_from(unreadable).unwrap_or(u32::MAX);
    for outcome in outcomes.values() {
        match outcome {
            Outcome::Cached(_) => counts.cached += 1,
            Outcome::Described(_) => counts.described += 1,
            Outcome::Failed(_) => counts.failed += 1,
        }
    }
}

fn in_place(key: &ImageKey, outcome: &Outcome) -> String {
    match outcome {
        Outcome::Cached(text) | Outcome::Described(text) => {
            format!("<<IMAGE DESCRIPTION ({}): {text}>>", &key.sha256[..12])
        }
        Outcome::Failed(reason) => not_described(reason),
    }
}

fn not_described(reason: &str) -> String {
    format!("<<IMAGE: not described: {reason}>>")
}

/// The images of a request that are in its body; the others with what stands in their place.
pub(crate) fn pictures(call: &Call, request: &Request<'_>) -> (Vec<Picture>, Descriptions) {
    let (mut readable, mut unreadable) = (Vec::new(), Vec::new());
    for (at, source) in edit::images(request) {
        match read(source) {
            Ok((media_type, data, bytes)) => {
                let key = ImageKey::new(hex(&Sha256::digest(&bytes)), prompt_version(call));
                readable.push(Picture { at, key, media_type, data, bytes });
            }
            Err(reason) => unreadable.push((at, not_described(reason))),
        }
    }
    (readable, unreadable)
}

fn read(source: &ImageSource<'_>) -> Result<(String, Arc<str>, Vec<u8>), &'static str> {
    let ImageSource::Base64 { media_type, data } = source else {
        return Err("it is not in the request but elsewhere, and nothing is fetched from there");
    };
    let data = data.decode();
    let bytes = base64::engine::general_purpose::STANDARD.decode(data.as_bytes());
    let bytes = bytes.map_err(|_| "its base64 data is damaged")?;
    Ok((media_type.decode().into_owned(), data.into(), bytes))
}

fn prompt_version(call: &Call) -> String {
    match &call.world.settings.vision.prompt {
        None => QUESTION_VERSION.into(),
        Some(own) => format!("own-{}", &hex(&Sha256::digest(own.as_bytes()))[..12]),
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| DIGITS[usize::from(nibble)] as char;
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// From memory, from the database, or from the vision model; requests that want the same image wait for one answer.
async fn one(engine: &Arc<Engine>, call: &Call, eyes: &[ModelRef], picture: &Picture) -> Outcome {
    if let Some(text) = stored(engine, &picture.key).await {
        return Outcome::Cached(text);
    }
    let asked = &engine.images.asked;
    let key = (picture.key.clone(), eyes.to_vec());
    match asked.try_get_with(key.clone(), describe_anew(engine, call, eyes, picture)).await {
        Ok(text) => {
            // Now it is where the others look first.
            asked.invalidate(&key).await;
            Outcome::Described(text)
        }
        Err(reason) => {
            tracing::warn!(image = &picture.key.sha256[..12], %reason, "an image was not described");
            Outcome::Failed(reason.as_ref().clone())
        }
    }
}

async fn describe_anew(
    engine: &Arc<Engine>,
    call: &Call,
    eyes: &[ModelRef],
    picture: &Picture,
) -> Result<Arc<str>, String> {
    let hot = &engine.images.hot;
    // It may have come since it was looked for.
    if let Some(text) = hot.get(&picture.key).await {
        return Ok(text);
    }
    let limit = Duration::from_millis(call.world.settings.vision.timeout_ms);
    let Ok(answer) = tokio::time::timeout(limit, ask_someone(engine, call, eyes, picture)).await else {
        return Err(format!("the vision model took longer than {} s", limit.as_secs()));
    };
    let text = answer?;
    hot.insert(picture.key.clone(), Arc::clone(&text)).await;
    Ok(text)
}

/// A description that is there already.
pub(crate) async fn stored(engine: &Engine, key: &ImageKey) -> Option<Arc<str>> {
    let text = match engine.images.hot.get(key).await {
        Some(text) => text,
        None => match engine.store.image(key.clone(), None).await {
            Ok(row) => Arc::from(row?.description),
            Err(error) => {
                tracing::warn!(%error, "stored descriptions cannot be read");
                return None;
            }
        },
    };
    engine.images.hot.insert(key.clone(), Arc::clone(&text)).await;
    engine.store.touch_image(key.clone());
    Some(text)
}

/// The models that may look at the pictures of a request. What is to stay on the user's own machines is shown to none
/// elsewhere.
pub(crate) fn eyes(engine: &Engine, call: &Call, inbound: &Inbound<'_>, decision: &Decision) -> Vec<ModelRef> {
    let all = inbound.situation.policy(call).role(branchline_routing::Role::Vision).iter();
    let may_leave = !decision.stays && aside::may_leave(engine, call, inbound);
    all.filter(|model| may_leave || call.world.catalog.facts(model).local).cloned().collect()
}

async fn ask_someone(
    engine: &Arc<Engine>,
    call: &Call,
    eyes: &[ModelRef],
    picture: &Picture,
) -> Result<Arc<str>, String> {
    let none = call.world.policy.role(branchline_routing::Role::Vision).is_empty();
    let mut reason = if none { "no vision model is set up" } else { "no vision model may be asked" }.to_owned();
    for model in eyes {
        let Some(backend) = call.world.backends.get(&model.backend) else { continue };
        let asking = Asking { engine, call, purpose: AsidePurpose::Vision, who: Who::looking_at_a_picture() };
        match ask(asking, backend, &model.model, picture).await {
            Ok(text) => {
                let text: Arc<str> = text.into();
                keep(engine, picture, &text, &model.to_string()).await;
                return Ok(text);
            }
            Err(why) => reason = why,
        }
    }
    Err(reason)
}

async fn ask(asking: Asking<'_>, backend: &Backend, model: &str, picture: &Picture) -> Result<String, String> {
    let vision = &asking.call.world.settings.vision;
    let source = ImageSource::Base64 { media_type: Text::plain(&picture.media_type), data: Text::plain(&picture.data) };
    let question = Text::plain(vision.prompt.as_deref().unwrap_or(QUESTION));
    let content = Content::Blocks(vec![BlockKind::Image { source }.into(), Block::from_text(question)]);
    let request = Request {
        model: Text::plain(model),
        max_tokens: Some(u64::from(vision.max_tokens)),
        messages: vec![Message { role: Role::User, content, ..Message::default() }].into(),
        ..Request::default()
    };
    let text = asking.ask(backend, &request).await?;
    if text.is_empty() { Err(format!("{model} gave no description")) } else { Ok(text) }
}

/// Writes a description down, with a thumbnail for the window.
pub(crate) async fn keep(engine: &Arc<Engine>, picture: &Picture, text: &str, model: &str) {
    let bytes = picture.bytes.clone();
    let length = bytes.len() as u64;
    let Ok(seen) = tokio::task::spawn_blocking(move || thumbnail::inspect(&bytes)).await else { return };
    let now = Timestamp::now();
    let row = ImageRow {
        key: picture.key.clone(),
        media_type: seen.media_type.map_or_else(|| picture.media_type.clone(), Into::into),
        width: seen.width,
        height: seen.height,
        bytes: length,
        thumbnail: seen.thumbnail,
        description: text.to_owned(),
        model: model.to_owned(),
        edited: false,
        created_at: now,
        last_used_at: now,
        hits: 0,
    };
    if let Err(error) = engine.store.put_image(row).await {
        tracing::warn!(%error, "a description could not be stored");
    }
    engine.events.tell(LiveEvent::ImageDescribed { sha256: picture.key.sha256.clone(), model: model.to_owned() });
}

/// In route mode: how many images of the turn nobody has described yet.
pub(crate) async fn look_up(engine: &Arc<Engine>, call: &Call, inbound: &mut Inbound<'_>) {
    inbound.turn.undescribed = inbound.turn.structure.images;
    if inbound.turn.images == 0 || call.world.policy.vision != VisionMode::Route {
        return;
    }
    let (pictures, unreadable) = pictures(call, &inbound.request);
    let mut unknown = unreadable.len();
    for picture in pictures {
        unknown += usize::from(stored(engine, &picture.key).await.is_none());
    }
    inbound.turn.undescribed = u32::try_from(unknown).unwrap_or(u32::MAX);
}

/// In route mode: what the vision model said about a turn is the description of the turn's pictures.
pub(crate) async fn keep_answer(
    engine: &Arc<Engine>,
    call: &Call,
    inbound: &Inbound<'_>,
    said: &str,
    model: &ModelRef,
) {
    let (pictures, _) = pictures(call, &inbound.request);
    for picture in pictures {
        if stored(engine, &picture.key).await.is_none() {
            keep(engine, &picture, said, &model.to_string()).await;
        }
    }
}
