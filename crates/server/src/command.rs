//! What commands of the operator stand on: the rows of an installation that is there.

use crate::cli::{Common, Failure};
use crate::{database, secrets, serve, storage};
use haven_core::access::Caller;
use haven_core::{App, identity};
use haven_db::Db;
use haven_server::config::Config;

/// Does something on the rows of an installation. Nothing is made and no schema is changed: whoever names another folder by
/// mistake is told so, and whoever asks the program of a new version something has not brought the database of the running
/// one up to date by it, from which there is no way back.
pub(crate) async fn on_rows<T>(
    config: &Config,
    work: impl AsyncFnOnce(&App) -> Result<T, Failure>,
) -> Result<T, Failure> {
    database::expect(&config.database)?;
    let db = Db::open(database::options(&config.database)).await?;
    let done = on(config, db.clone(), work).await;
    database::close(&db).await;
    done
}

async fn on<T>(
    config: &Config,
    db: Db,
    work: impl AsyncFnOnce(&App) -> Result<T, Failure>,
) -> Result<T, Failure> {
    db.expect_schema().await?;
    let secret_key = secrets::known_key(&config.data_dir)?;
    // Storage has no part in it, and may be what is out of order.
    let storage = (storage::look_at(&config.storage)?, "");
    work(&serve::app(config, db, secret_key, storage).await?).await
}

/// The same with the rights of whoever may run the program on its database.
pub(crate) async fn as_operator<T>(
    common: Common,
    work: impl AsyncFnOnce(&App, &Caller) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let config = common.load()?;
    on_rows(&config, async |app| work(app, &identity::operator(app).await?).await).await
}
