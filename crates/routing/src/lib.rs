//! Routing as pure functions: signals, score, decision, policy.
//!
//! Nothing here calls a model, reads a clock or logs. [`turn::read`] looks at a request, [`score`] gives points,
//! [`decide::decide`] chooses.

pub mod circuit;
pub mod decide;
pub mod explain;
mod facts;
pub mod folder;
mod human_text;
mod lexicon;
mod model_ref;
pub mod pattern;
mod policy;
pub mod privacy;
pub mod queue;
pub mod rule;
mod sample;
pub mod score;
mod screen;
pub mod signals;
pub mod struggle;
pub mod tag;
mod target;
pub mod throwaway;
pub mod turn;
mod words;

pub use decide::{Candidate, Conversation, Decision, Dispatched, Earlier, Forced, Question, Refusal, Ruled, decide};
pub use facts::{Conditions, Facts};
pub use human_text::strip_reminders;
pub use model_ref::{ModelRef, ModelRefError, POOL, is_backend_name};
pub use pattern::{Finder, Glob, PathGlob, PatternError};
pub use policy::{Calibration, Catalog, Health, Load, Mode, ModelFacts, Offset, Policy, Role, VisionMode, WhenSpent};
pub use privacy::NeverCloud;
pub use rule::{Circumstances, Clock, Day, Hours, HoursError, Rule, Then, When};
pub use sample::{ENOUGH, Sample};
pub use score::{Score, Weights};
pub use struggle::{Answers, Limits, Struggle};
pub use target::{Target, TargetError};
pub use throwaway::{Handling, Throwaway};
pub use turn::{Kind, Turn};
