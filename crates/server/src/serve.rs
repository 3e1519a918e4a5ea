//! `haven serve`: from a configuration to a running registry, and down again without losing a request.

use crate::cli::{Failure, say};
use crate::secrets::{self, Draft};
use crate::{background, database, handles, storage};
use haven_core::registry::{self, Purge};
use haven_core::{App, access_tokens, identity, quota, sessions};
use haven_db::{Clock, Db};
use haven_server::config::{Config, UploadPurging};
use haven_server::listen::{self, Listener};
use haven_server::telemetry;
use haven_web::conn::Network;
use haven_web::metrics::Metrics;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// How long changes of use wait to be summed up; they count at once.
const FOLD_INTERVAL: Duration = Duration::from_secs(5);
/// How old the gauge of open uploads may be.
const GAUGE_INTERVAL: Duration = Duration::from_secs(30);
/// How often ended sessions and the like are removed.
const IDENTITIES_INTERVAL: Duration = Duration::from_secs(300);
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// What the file of an authority must hold, and what it must not.
const CERTIFICATE: &[u8] = b"-----BEGIN CERTIFICATE-----";
const SECRET: &[u8] = b"PRIVATE KEY-----";
/// How long work may go on that no connection waits for any more, after the grace for those that do.
const LAST_WORK: Duration = Duration::from_secs(5);
/// Wrong passwords are answered this much later.
const LOGIN_DELAY: Duration = Duration::from_millis(1500);

/// Runs until a signal, then drains.
pub(crate) async fn run(config: Config) -> Result<(), Failure> {
    telemetry::init(&config.log)?;
    for notice in &config.notices {
        tracing::info!("{notice}");
    }
    handles::raise(config.limits.connections.max_connections);
    let stop = stop_on_signal()?;
    secrets::make_folder(&config.data_dir)?;
    let secret_key = secrets::secret_key(&config.data_dir)?;
    let db = Db::open(database::options(&config.database)).await?;
    let done = serve(config, db.clone(), secret_key, stop).await;
    database::close(&db).await;
    done
}

async fn serve(config: Config, db: Db, secret_key: [u8; 32], stop: CancellationToken) -> Result<(), Failure> {
    if !database::awaited(&db, &stop).await? {
        tracing::info!("bye, before the database was there");
        return Ok(());
    }
    db.migrate().await?;
    let storage = storage::open(&config.storage).await?;
    let app = Arc::new(app(&config, db, secret_key, storage).await?);
    first_start(&app, &config).await?;
    let metrics = Metrics::new(VERSION);
    let mut listeners = listen::open(&config.listen, config.tls.as_ref()).await?;
    if let Some(wanted) = &config.metrics {
        let socket = listen::bind(wanted.addr).await?;
        listeners.push(Listener::separate(socket, metrics.router(&wanted.path)));
        gauge_uploads(&app, &metrics, &stop);
        background::gauge(&app, &metrics, &stop);
    }
    for listener in &listeners {
        tracing::info!(address = %listener.local_addr()?, "listening");
    }
    purge_uploads(&app, config.upload_purging, &stop);
    fold_quotas(&app, &stop);
    purge_identities(&app, &stop);
    background::start(&app, &stop);
    let network = network(&config)?;
    let router = haven_web::router(haven_web::Options {
        app: Arc::clone(&app),
        metrics,
        network,
        version: VERSION,
        api_timeout: config.limits.api_timeout,
    });
    let stopped = listen::serve(listeners, router, config.limits.connections, stop).await;
    app.tasks.close();
    if tokio::time::timeout(LAST_WORK, app.tasks.wait()).await.is_err() {
        // Such as a commit to storage that does not answer. The session's row stays, and its client asks again.
        tracing::warn!(tasks = app.tasks.len(), "giving up work that goes on without a client");
    }
    background::finish(&app).await;
    tracing::info!(?stopped, "bye");
    Ok(())
}

fn network(config: &Config) -> Result<Network, Failure> {
    let external_url = config.external_url.as_ref().map(|url| url.to_string().parse()).transpose()?;
    let (trusted, redirects) = (config.trusted_proxies.clone(), config.redirects.clone());
    let ca_certificate = config.ca_certificate.as_deref().map(ca_certificate).transpose()?;
    Ok(Network { trusted, external_url, redirects, ca_certificate })
}

/// The authority's certificate, as it will be handed out.
fn ca_certificate(path: &Path) -> Result<axum::body::Bytes, Failure> {
    let pem = std::fs::read(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    let marked = pem.windows(CERTIFICATE.len()).any(|window| window == CERTIFICATE);
    // A key that was put there by mistake must not be handed out.
    if !marked || pem.windows(SECRET.len()).any(|window| window == SECRET) {
        return Err(format!("{} must hold certificates in PEM, and nothing else", path.display()).into());
    }
    Ok(pem.into())
}

/// The application on its database, whose schema is up to date, and on its storage.
pub(crate) async fn app(
    config: &Config,
    db: Db,
    secret_key: [u8; 32],
    (blobs, storage_name): storage::Opened,
) -> Result<App, Failure> {
    let options = haven_core::Options {
        db,
        blobs,
        clock: Clock::system(),
        secret_key,
        signing_key_pem: None,
        login_delay: LOGIN_DELAY,
        settings: config.settings()?,
        storage_name,
    };
    Ok(App::new(options).await?)
}

/// The administrator's password, once. One that is made up is in the folder before it is in the database: a start that ends
/// in between leaves an installation that the next start opens, and none that nobody can.
async fn first_start(app: &App, config: &Config) -> Result<(), Failure> {
    if app.needs_first_password().await? {
        let password = match &config.admin_password {
            Some(given) => given.expose().to_owned(),
            None => {
                let made_up = identity::generate()?;
                secrets::draft_password(&config.data_dir, &made_up)?;
                made_up
            }
        };
        app.first_start(&password).await?;
    }
    for draft in secrets::drafts(&config.data_dir) {
        let Draft { password, .. } = &draft;
        if !app.is_admin_password(password).await? {
            draft.remove();
        } else if let Some(path) = draft.keep() {
            say(&format!("the user admin was made with the password {password} (kept in {path})"));
        }
    }
    Ok(())
}

fn purge_uploads(app: &Arc<App>, wanted: UploadPurging, stop: &CancellationToken) {
    if !wanted.enabled {
        return;
    }
    let purge = Purge { age: wanted.age, dry_run: wanted.dry_run };
    let (worker, stop) = (Arc::clone(app), stop.clone());
    app.tasks.spawn(async move {
        let pass = || {
            let app = Arc::clone(&worker);
            async move { registry::purge_uploads(&app, purge).await }
        };
        haven_jobs::reconcile("abandoned uploads", wanted.interval, stop, pass).await;
    });
}

/// Sums up what pushes and deletions have changed of the use of projects.
fn fold_quotas(app: &Arc<App>, stop: &CancellationToken) {
    let (worker, stop) = (Arc::clone(app), stop.clone());
    app.tasks.spawn(async move {
        let pass = || {
            let app = Arc::clone(&worker);
            async move { quota::fold(&app).await }
        };
        haven_jobs::reconcile("use of quotas", FOLD_INTERVAL, stop, pass).await;
    });
}

/// What let somebody in once and does no longer: sessions, access tokens, and failures that were forgiven.
fn purge_identities(app: &Arc<App>, stop: &CancellationToken) {
    let (worker, stop) = (Arc::clone(app), stop.clone());
    app.tasks.spawn(async move {
        let pass = || {
            let app = Arc::clone(&worker);
            async move {
                let purged = sessions::purge(&app).await? + access_tokens::purge(&app).await?;
                identity::forget_failures(&app).await.map(|forgotten| purged + forgotten)
            }
        };
        haven_jobs::reconcile("ended sessions", IDENTITIES_INTERVAL, stop, pass).await;
    });
}

/// Keeps the gauge of open uploads near the truth, which other replicas change too.
fn gauge_uploads(app: &Arc<App>, metrics: &Metrics, stop: &CancellationToken) {
    let (worker, metrics, stop) = (Arc::clone(app), metrics.clone(), stop.clone());
    app.tasks.spawn(async move {
        let pass = || {
            let (app, metrics) = (Arc::clone(&worker), metrics.clone());
            async move {
                let open = registry::count_uploads(&app).await;
                open.inspect(|count| metrics.set_uploads_open(*count))
            }
        };
        haven_jobs::reconcile("open uploads", GAUGE_INTERVAL, stop, pass).await;
    });
}

/// Cancelled by SIGINT or SIGTERM; a second one ends the process at once.
fn stop_on_signal() -> Result<CancellationToken, Failure> {
    let stop = CancellationToken::new();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let token = stop.clone();
    tokio::spawn(async move {
        tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
        tracing::info!("stopping: no new connections, requests in flight are finished");
        token.cancel();
        tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
        std::process::exit(130);
    });
    Ok(stop)
}
