//! What follows from what happened. The `match` below is all of it: nobody subscribes from elsewhere.

use super::{Event, Occurred};
use crate::{Result, registry};
use haven_db::Tx;

/// Does everything that follows from an event, by writing rows: work that takes longer, or that speaks to others, is
/// begun here and done elsewhere.
pub(super) async fn react(tx: &mut Tx, occurred: &Occurred) -> Result<()> {
    match &occurred.event {
        Event::ProjectDeleted { .. } => registry::abandon_uploads(tx, occurred.project_id).await,
        Event::ArtifactPushed { .. }
        | Event::ArtifactDeleted { .. }
        | Event::TagCreated { .. }
        | Event::TagDeleted { .. }
        | Event::RepositoryDeleted { .. } => Ok(()),
    }
}
