//! Policy and models that decisions were made under, kept once for all records that share them.

use branchline_routing::Conditions;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::engine::Engine;
use crate::images::hex;
use crate::projects::Project;
use crate::store::{CONDITIONS, Result, Store};
use crate::world::World;

/// As they lie in the store.
#[derive(Serialize, Deserialize)]
struct Stored {
    /// When they were first used since the start, in milliseconds since 1970; old ones nobody refers to are deleted.
    at: i64,
    #[serde(flatten)]
    conditions: Conditions,
}

impl Engine {
    /// What records of this world's requests call its conditions; the first one has them stored.
    pub(crate) fn conditions_id(&self, world: &World, project: Option<&Project>) -> Option<String> {
        let (place, policy) = match project {
            Some(project) => (&project.conditions, &project.policy),
            None => (&world.conditions, &world.policy),
        };
        if let Some(known) = place.get() {
            return known.clone();
        }
        let conditions = Conditions { policy: policy.clone(), catalog: world.catalog.clone() };
        let id = id_of(&conditions)?;
        let stored = Stored { at: Timestamp::now().as_millisecond(), conditions };
        let text = serde_json::to_string(&stored).ok()?;
        // Where the store is too busy the next request tries again: a record names only what is there to be read.
        let taken = self.store.note_fact(format!("{CONDITIONS}{id}"), text);
        taken.then(|| place.get_or_init(|| Some(id)).clone()).flatten()
    }
}

/// What something is kept under that many records share: the same has the same name, also after a restart.
pub(crate) fn id_of(shared: &impl Serialize) -> Option<String> {
    let digest = Sha256::digest(serde_json::to_vec(shared).ok()?);
    Some(hex(&digest[..8]))
}

impl Store {
    /// What a record's [`conditions`](crate::record::DecisionRecord::conditions) stand for.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn conditions(&self, id: &str) -> Result<Option<Conditions>> {
        let text = self.fact(format!("{CONDITIONS}{id}")).await?;
        let stored = text.and_then(|text| serde_json::from_str::<Stored>(&text).ok());
        Ok(stored.map(|stored| stored.conditions))
    }
}
