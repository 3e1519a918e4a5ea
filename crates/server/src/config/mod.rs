//! The configuration: a file with the keys of `harbor.yml`, the environment and flags, checked as a whole.
//!
//! Raw settings (`tree`, `file`, `env`, `settings`) know keys, places and types. One file for each section checks
//! them and makes plain values. The program sees only [`Config`], which never changes afterwards.

mod buckets;
mod database;
mod env;
mod file;
mod keys;
mod limits;
mod logging;
mod network;
mod notices;
mod problems;
mod secret;
mod settings;
mod storage;
#[cfg(test)]
mod tests;
mod tree;
mod units;
mod work;

use std::path::PathBuf;

use haven_core::settings::{Change, Configured, Values};
use haven_web::conn::{Cidr, Redirects};

pub use self::{
    database::Database,
    limits::{ConnectionLimits, Defaults, Limits},
    logging::{Log, LogFormat},
    network::{ExternalUrl, Listen, Metrics, Serves, Tls},
    problems::{Place, Problem, Problems},
    secret::Secret,
    storage::{Storage, UploadPurging},
    units::duration,
    work::{Jobs, OutboundProxy, Webhooks},
};
use self::{
    settings::Settings,
    tree::{Node, Value},
};

/// Where everything is kept when nothing else is said: in the folder that the program is started in.
const DATA_DIR: &str = "data";

/// What a configuration is made of. Flags count more than the environment, the environment more than the file.
#[derive(Debug)]
pub struct Sources<E> {
    /// `--config`; without it the file that `HAVEN_CONFIG` names; without that none.
    pub file: Option<PathBuf>,
    /// The environment.
    pub env: E,
    /// `--data-dir`.
    pub data_dir: Option<PathBuf>,
    /// `--listen`, as often as it was given.
    pub listen: Vec<String>,
}

/// The whole configuration, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// The sockets to open, that of the metrics apart.
    pub listen: Vec<Listen>,
    /// The certificate, present when some socket serves HTTPS.
    pub tls: Option<Tls>,
    /// The host's own name, if it was given.
    pub hostname: Option<String>,
    /// The URL under which clients reach the registry; without it, what their requests say.
    pub external_url: Option<ExternalUrl>,
    /// Peers whose forwarding headers are believed.
    pub trusted_proxies: Vec<Cidr>,
    /// The file with the certificate of the authority that clients have to trust, PEM.
    pub ca_certificate: Option<PathBuf>,
    /// The endpoint for Prometheus, if it is wanted.
    pub metrics: Option<Metrics>,
    /// The folder that holds everything not placed elsewhere.
    pub data_dir: PathBuf,
    /// Where the rows are.
    pub database: Database,
    /// Where the blobs are.
    pub storage: Storage,
    /// Which clients are sent to that place for a blob, where it can be asked by anybody.
    pub redirects: Redirects,
    /// What happens to unfinished uploads.
    pub upload_purging: UploadPurging,
    /// The first password of `admin`; of use only while the database is empty.
    pub admin_password: Option<Secret>,
    /// Settings that overrule the database's (`CONFIG_OVERWRITE_JSON`).
    pub settings_overwrite: Option<serde_json::Map<String, serde_json::Value>>,
    /// Settings that a fresh database begins with.
    pub defaults: Defaults,
    /// Bounds on what a client may cost.
    pub limits: Limits,
    /// How jobs run.
    pub jobs: Jobs,
    /// How webhooks are delivered.
    pub webhooks: Webhooks,
    /// The way out to other hosts.
    pub proxy: OutboundProxy,
    /// How much is logged.
    pub log: Log,
    /// What was accepted and changes nothing, one sentence each, to be logged at the start.
    pub notices: Vec<String>,
}

impl Config {
    /// Reads and checks everything.
    ///
    /// # Errors
    /// Every problem at once, each with the place where it was written.
    pub fn load<E>(sources: Sources<E>) -> Result<Self, Problems>
    where
        E: IntoIterator<Item = (String, String)>,
    {
        let env: Vec<(String, String)> = sources.env.into_iter().collect();
        let mut settings = Settings::default();
        let named = variable(&env, env::CONFIG_FILE).map(PathBuf::from);
        if let Some(path) = sources.file.or(named) {
            let name = path.display().to_string();
            match std::fs::read_to_string(&path) {
                Ok(text) => file::read(&name, &text, &mut settings),
                Err(error) => settings.problems.general(format!("{name} cannot be read: {error}")),
            }
        }
        env::read(&env, &mut settings);
        flags(sources.data_dir, sources.listen, &mut settings);
        let overwrite = overwrite(variable(&env, env::OVERWRITE), &mut settings);
        check(settings, &env, overwrite)
    }
}

impl Config {
    /// What the configuration says of the settings that administrators change.
    ///
    /// # Errors
    /// When it overrules one that there is not, or with what it cannot be.
    pub fn settings(&self) -> haven_core::Result<Configured> {
        let minutes = i64::try_from(self.defaults.token_expiration.as_secs() / 60).unwrap_or(i64::MAX);
        let defaults = Values { token_expiration: minutes, ..Values::default() };
        let overwrite = self.settings_overwrite.clone().map(Change::overwrite).transpose()?;
        let configured = Configured { defaults, overwrite };
        configured.check()?;
        Ok(configured)
    }
}

/// The variables of this process, for [`Sources::env`].
pub fn process_env() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

type Overwrite = Option<serde_json::Map<String, serde_json::Value>>;

fn check(
    mut settings: Settings,
    env: &[(String, String)],
    settings_overwrite: Overwrite,
) -> Result<Config, Problems> {
    let data_dir = data_dir(&mut settings);
    let network = network::read(&mut settings);
    let database = database::read(&mut settings, &data_dir);
    settings.check_quiet();
    let config = Config {
        listen: network.listen,
        tls: network.tls,
        hostname: network.hostname,
        external_url: network.external_url,
        trusted_proxies: network.trusted_proxies,
        metrics: network.metrics,
        ca_certificate: settings.text("haven.ca_certificate").map(PathBuf::from),
        storage: storage::storage(&mut settings, env, &data_dir),
        redirects: storage::redirects(&mut settings),
        upload_purging: storage::upload_purging(&mut settings),
        admin_password: settings.secret("harbor_admin_password"),
        settings_overwrite,
        defaults: limits::defaults(&mut settings),
        limits: limits::limits(&mut settings),
        jobs: work::jobs(&mut settings),
        webhooks: work::webhooks(&mut settings),
        proxy: work::proxy(&mut settings),
        log: logging::read(&mut settings),
        notices: notices::collect(&mut settings, &database),
        data_dir,
        database,
    };
    if let Err(error) = config.settings() {
        settings.problems.at(&Place::Env(env::OVERWRITE.to_owned()), error.message);
    }
    settings.problems.or(config)
}

/// `haven.data_dir`, else `data_volume`; but a variable or flag counts more than the file, whichever key it sets.
fn data_dir(settings: &mut Settings) -> PathBuf {
    let own = (settings.place("haven.data_dir"), settings.text("haven.data_dir"));
    let harbor = (settings.place("data_volume"), settings.text("data_volume"));
    let in_file = |place: &Option<Place>| matches!(place, Some(Place::File { .. }));
    let first = if in_file(&own.0) && !in_file(&harbor.0) { harbor.1.or(own.1) } else { own.1.or(harbor.1) };
    first.map_or_else(|| PathBuf::from(DATA_DIR), PathBuf::from)
}

fn flags(data_dir: Option<PathBuf>, listen: Vec<String>, settings: &mut Settings) {
    if let (Some(path), Some(key)) = (data_dir, keys::find("haven.data_dir")) {
        let value = Value::Scalar(path.to_string_lossy().into_owned());
        settings.put(key, Node { value, place: Place::Flag("--data-dir") });
    }
    if let (false, Some(key)) = (listen.is_empty(), keys::find("haven.listen")) {
        let place = Place::Flag("--listen");
        let node = |text| Node { value: Value::Scalar(text), place: place.clone() };
        let value = Value::List(listen.into_iter().map(node).collect());
        settings.put(key, Node { value, place: place.clone() });
    }
}

fn variable<'a>(env: &'a [(String, String)], name: &str) -> Option<&'a str> {
    env.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
}

fn overwrite(text: Option<&str>, settings: &mut Settings) -> Overwrite {
    match serde_json::from_str(text?) {
        Ok(serde_json::Value::Object(map)) => return Some(map),
        Ok(_) => settings.problems.at(&Place::Env(env::OVERWRITE.to_owned()), "must be a JSON object"),
        Err(error) => {
            settings.problems.at(&Place::Env(env::OVERWRITE.to_owned()), format!("not JSON: {error}"));
        }
    }
    None
}
