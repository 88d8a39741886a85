//! What happens, as it happens: for the tray, the window, the command line.

use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

use crate::budget::BudgetView;
use crate::doctor::DoctorView;
use crate::record::Record;

/// How many events a slow listener may lag behind before it loses some.
const CAPACITY: usize = 256;

/// Something worth showing.
#[derive(Clone, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum LiveEvent {
    /// A request was decided and is on its way.
    RequestStarted {
        /// Its record so far.
        record: Box<Record>,
    },
    /// A request is over.
    RequestFinished {
        /// Its record.
        record: Box<Record>,
    },
    /// A backend stopped answering.
    BackendDown {
        /// Its name.
        backend: String,
        /// Why, in words.
        reason: String,
    },
    /// A backend answers again.
    BackendUp {
        /// Its name.
        backend: String,
    },
    /// A backend is left alone for a while after failures.
    CircuitOpened {
        /// Its name.
        backend: String,
        /// Its last failure, in words.
        reason: String,
        /// When it is tried again, in milliseconds since 1970.
        until: i64,
    },
    /// A backend is used again.
    CircuitClosed {
        /// Its name.
        backend: String,
    },
    /// A request waits for its turn at a busy backend.
    RequestQueued {
        /// The request.
        request: String,
        /// Where it waits.
        backend: String,
        /// How many are before it.
        ahead: u32,
    },
    /// A model is being loaded: by a request, which has to wait for it, or because somebody wants it.
    ModelLoading {
        /// The model, as a model ref.
        model: String,
        /// The request that waits for it.
        request: Option<String>,
    },
    /// The loading is over.
    ModelLoaded {
        /// The model, as a model ref.
        model: String,
        /// The request that waited for it.
        request: Option<String>,
        /// How long it took. Where a request loaded it by itself, with the time to the beginning of its answer.
        ms: u64,
        /// Why it could not be loaded, in words.
        error: Option<String>,
    },
    /// Another model answered than the one that was asked: LM Studio takes what is loaded.
    OtherModel {
        /// The request.
        request: String,
        /// The model that was asked, as a model ref.
        asked: String,
        /// The name the answer came under.
        answered: String,
    },
    /// A line of the day's budget was crossed: the warning, or the limit. Each is told once a day.
    Budget {
        /// How it stands.
        budget: BudgetView,
    },
    /// A request was answered by another side than the first choice.
    Fallback {
        /// The request.
        request: String,
        /// The backend that was meant to answer.
        from: String,
        /// Who answered.
        model: String,
        /// The answer came from the cloud.
        cloud: bool,
        /// Why, in words.
        reason: String,
    },
    /// A turn has moved to a stronger model because its own did not get on.
    Escalated {
        /// The request it moved with.
        request: String,
        /// Who goes on.
        model: String,
        /// Why, in words.
        reason: String,
    },
    /// An image was described.
    ImageDescribed {
        /// Its hash.
        sha256: String,
        /// Who described it.
        model: String,
    },
    /// The doctor has begun, found something, or is done.
    Doctor {
        /// All it knows.
        doctor: Box<DoctorView>,
    },
    /// The settings were read again.
    SettingsChanged {
        /// What is wrong with them, if anything; the old ones stay in force then.
        problems: Vec<String>,
    },
    /// The proxy was started or stopped, or could not be; `server.state` has the rest.
    ServerChanged {
        /// It answers requests.
        running: bool,
        /// Why it could not start, in words.
        problem: Option<String>,
    },
    /// The window is to show a page.
    Navigate {
        /// Its name, and behind a slash what to show there: `overview`, `log/req_1`.
        page: String,
    },
}

/// Where events go out.
#[derive(Clone, Debug)]
pub struct Events(broadcast::Sender<LiveEvent>);

impl Default for Events {
    fn default() -> Self {
        Self(broadcast::channel(CAPACITY).0)
    }
}

impl Events {
    /// Tells everyone who listens; nobody may.
    pub fn tell(&self, event: LiveEvent) {
        // An error only says that nobody listens.
        let _ = self.0.send(event);
    }

    /// Whether anyone would hear it.
    #[must_use]
    pub fn heard(&self) -> bool {
        self.0.receiver_count() > 0
    }

    /// Listens from now on.
    #[must_use]
    pub fn listen(&self) -> broadcast::Receiver<LiveEvent> {
        self.0.subscribe()
    }
}
