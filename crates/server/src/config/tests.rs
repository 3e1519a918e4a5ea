//! The configuration as an operator meets it: a file, variables, flags in; a `Config` or a list of problems out.

use std::{net::SocketAddr, path::Path, time::Duration};

use super::*;

mod buckets;

/// The whole of `harbor.yml` as an installation may have it, every key of Harbor's template given.
const HARBOR: &str = include_str!("tests/harbor.yml");

fn load_with(yaml: &str, env: &[(&str, &str)], flags: (&[&str], Option<&str>)) -> Result<Config, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("haven.yml");
    std::fs::write(&path, yaml).unwrap();
    let sources = Sources {
        file: Some(path.clone()),
        env: env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        data_dir: flags.1.map(PathBuf::from),
        listen: flags.0.iter().map(|&text| text.to_owned()).collect(),
    };
    let shown = |problems: Problems| problems.to_string().replace(&path.display().to_string(), "haven.yml");
    Config::load(sources).map_err(shown)
}

fn load(yaml: &str) -> Result<Config, String> {
    load_with(yaml, &[], (&[], None))
}

fn from_env(env: &[(&str, &str)]) -> Result<Config, String> {
    load_with("", env, (&[], None))
}

fn problems(yaml: &str) -> String {
    load(yaml).unwrap_err()
}

fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

#[test]
fn nothing_at_all_is_a_configuration() {
    let none: [(String, String); 0] = [];
    let sources = Sources { file: None, env: none, data_dir: None, listen: Vec::new() };
    let config = Config::load(sources).unwrap();
    assert_eq!(config.listen, [Listen { addr: addr("127.0.0.1:8080"), serves: Serves::Http }]);
    assert_eq!(config.data_dir, Path::new("data"));
    assert_eq!(config.database, Database::Sqlite { path: "data/haven.db".into() });
    assert_eq!(config.storage, Storage::Filesystem { root: "data/registry".into() });
    assert!(config.trusted_proxies.iter().any(|network| network.contains([127, 1, 2, 3].into())));
    assert!(!config.trusted_proxies.iter().any(|network| network.contains([10, 0, 0, 1].into())));
    assert_eq!((config.metrics, config.external_url, config.tls), (None, None, None));
    assert_eq!(config.log, Log { directives: "info".to_owned(), format: LogFormat::Text });
    assert_eq!(config.upload_purging.age, Duration::from_secs(168 * 3600));
    assert!(config.notices.is_empty());
    assert!(load("# nothing but a comment\n").is_ok());
}

#[test]
fn a_whole_harbor_yml_is_accepted() {
    let config = load(HARBOR).unwrap();
    assert_eq!(config.hostname.as_deref(), Some("reg.example.com"));
    let redirect = Listen { addr: addr("0.0.0.0:80"), serves: Serves::Redirect { https_port: 8443 } };
    assert_eq!(config.listen, [redirect, Listen { addr: addr("0.0.0.0:443"), serves: Serves::Https }]);
    assert_eq!(config.tls.unwrap().certificate, Path::new("/etc/haven/tls.crt"));
    assert_eq!(config.external_url.unwrap().to_string(), "https://registry.example.com:8443");
    assert_eq!(config.data_dir, Path::new("/data"));
    assert_eq!(config.storage, Storage::Filesystem { root: "/data/registry".into() });
    assert_eq!(config.admin_password.unwrap().expose(), "Harbor12345");
    assert_eq!(config.metrics.unwrap(), Metrics { addr: addr("0.0.0.0:9090"), path: "/metrics".to_owned() });
    assert_eq!(config.jobs.workers, 10);
    assert_eq!(config.webhooks, Webhooks { max_retry: 3, timeout: Duration::from_secs(3) });
    assert_eq!(config.proxy.no_proxy, ["localhost", ".example.com"]);
    assert_eq!(config.log.directives, "warn");
    let Database::Postgres { url, max_connections, connection_lifetime } = config.database else {
        panic!("no server");
    };
    assert_eq!(
        url.expose(),
        "host='db.example.com' port=5432 dbname='registry' user='harbor' sslmode=require password='it\\'s'"
    );
    assert_eq!((max_connections, connection_lifetime), (900, Some(Duration::from_secs(300))));
    let topics: Vec<&str> =
        config.notices.iter().filter_map(|notice| notice.split([' ', ':']).next()).collect();
    let expected = [
        "internal_tls",
        "database",
        "trivy",
        "jobservice.job_loggers",
        "log.local",
        "log.external_endpoint",
        "external_database.harbor.max_idle_conns",
        "external_database.harbor.conn_max_idle_time",
        "redis",
        "external_redis",
        "uaa",
        "proxy.components",
        "network",
        "trace",
        "cache",
        "core.quota_update_provider",
        "harbor_admin_password",
        "jobservice",
        "notification",
        "proxy",
    ];
    assert_eq!(topics, expected);
}

/// So that the text above stays whole when a key is added to the table.
#[test]
fn the_harbor_yml_of_the_tests_names_every_key() {
    let missing: Vec<&str> = keys::KEYS
        .iter()
        .filter(|key| !key.path.starts_with("haven.") && !matches!(key.role, keys::Role::Unsupported(_)))
        // A file names one storage; the others are in the tests of buckets.
        .filter(|key| {
            !["s3", "gcs", "azure"]
                .iter()
                .any(|other| key.path.starts_with(&format!("storage_service.{other}.")))
        })
        .map(|key| key.path)
        .filter(|path| {
            let mut settings = Settings::default();
            file::read("harbor.yml", HARBOR, &mut settings);
            !settings.has(path)
        })
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn sections_that_are_off_make_no_notice() {
    let config =
        load("trace:\n  enabled: false\n  sample_rate: 1\ncache: {enabled: no}\ninternal_tls:\n").unwrap();
    assert!(config.notices.is_empty(), "{:?}", config.notices);
}

#[test]
fn a_wrong_key_is_named_with_its_place_and_what_was_meant() {
    let cases = [
        ("hostnmae: a\n", "haven.yml:1:1: unknown key `hostnmae`; did you mean `hostname`?"),
        (
            "http:\n  # a port\n  prot: 80\n",
            "haven.yml:3:3: unknown key `http.prot`; did you mean `http.port`?",
        ),
        (
            "trusted_proxies: []\n",
            "haven.yml:1:1: unknown key `trusted_proxies`; did you mean `haven.trusted_proxies`?",
        ),
        ("Hostname: a\n", "haven.yml:1:1: unknown key `Hostname`; did you mean `hostname`?"),
        ("chartmuseum:\n  absolute_url: x\n", "haven.yml:1:1: unknown key `chartmuseum`"),
        ("http: 80\n", "haven.yml:1:7: `http` is a section; it may hold `port`"),
        (
            "haven: {log: {format: xml}}\n",
            "haven.yml:1:23: `haven.log.format`: `xml` is neither `text` nor `json`",
        ),
        (
            "http: {port: [80]}\n",
            "haven.yml:1:14: `http.port`: must be a single value, not a list or a section",
        ),
        ("- a\n", "haven.yml:1:1: the file must be a list of `key: value`"),
        ("a: b\na: c\n", "haven.yml:2:1: `a` is given twice, first at haven.yml:1:1"),
        ("a: *b\n", "haven.yml:1:4: not YAML: "),
        ("a: 1\n---\nb: 2\n", "haven.yml:3:1: a second document in the file"),
        ("<<: {a: b}\n", "haven.yml:1:1: merge keys (`<<`) are not supported"),
    ];
    for (yaml, expected) in cases {
        let got = problems(yaml);
        assert!(got.starts_with(expected), "{yaml}\n  {got}\n  {expected}");
        assert!(expected.ends_with(": ") || got == expected, "{yaml}\n  {got}\n  {expected}");
    }
}

/// What is wrong, and how it is said.
const WRONG_VALUES: &[(&str, &str)] = &[
    ("http: {port: eighty}", "haven.yml:1:14: `http.port`: `eighty` is not a whole number from 0 to 65535"),
    ("http: {port: 70000}", "haven.yml:1:14: `http.port`: `70000` is not a whole number from 0 to 65535"),
    ("metric: {enabled: maybe}", "haven.yml:1:19: `metric.enabled`: `maybe` is not true or false"),
    ("metric: {path: m}", "haven.yml:1:16: `metric.path`: must begin with `/`"),
    (
        "hostname: reg.mydomain.com",
        "haven.yml:1:11: `hostname`: `reg.mydomain.com` is only a sample; give this host's own name",
    ),
    (
        "hostname: https://a",
        "haven.yml:1:11: `hostname`: must be a name or an IP address, without scheme, port or path",
    ),
    (
        "external_url: reg.test",
        "haven.yml:1:15: `external_url`: `reg.test` must begin with `https://` or `http://`",
    ),
    (
        "external_url: https://a/b",
        "haven.yml:1:15: `external_url`: `https://a/b` has a path; the registry must be at the root of its host",
    ),
    ("https: {port: 443}", "haven.yml:1:15: `https.port`: `https.certificate` must be given too"),
    (
        "https: {certificate: /c}",
        "haven.yml:1:22: `https.certificate`: `https.private_key` must be given too",
    ),
    (
        "https: {certificate: /your/certificate/path, private_key: /k}",
        "haven.yml:1:22: `https.certificate`: is still the sample path",
    ),
    ("upload_purging: {age: 1h}", "haven.yml:1:23: `upload_purging.age`: must be `2h` or more"),
    (
        "upload_purging: {age: 7d}",
        "haven.yml:1:23: `upload_purging.age`: `7d` is not a duration such as `90s`, `5m` or `24h`",
    ),
    (
        "log: {level: wraning}",
        "haven.yml:1:14: `log.level`: `wraning` is not debug, info, warning, error, fatal or `module=level`; did you mean `warning`?",
    ),
    (
        "haven: {listen: nowhere}",
        "haven.yml:1:17: `haven.listen`: `nowhere` is not an address such as `127.0.0.1:8080` or `:8080`",
    ),
    (
        "haven: {trusted_proxies: [10.0.0.0/33]}",
        "haven.yml:1:26: `haven.trusted_proxies`: `10.0.0.0/33` is not a network such as `10.0.0.0/8` or an IP address",
    ),
    (
        "haven: {limits: {idle_timeout: 0}}",
        "haven.yml:1:32: `haven.limits.idle_timeout`: must be more than zero",
    ),
    (
        "haven: {defaults: {token_expiration: 90s}}",
        "haven.yml:1:38: `haven.defaults.token_expiration`: must be one or more whole minutes",
    ),
    (
        "haven: {database: {url: 'mysql://u:secret@h/d'}}",
        "haven.yml:1:25: `haven.database.url`: must be `sqlite:<path>` or `postgres://<user>:<password>@<host>/<database>`",
    ),
    (
        "external_database: {harbor: {password: x}}",
        "haven.yml:1:40: `external_database.harbor.password`: `external_database.harbor.host` must be given too",
    ),
    (
        "storage_service: {swift: {container: b}}",
        "haven.yml:1:19: `storage_service.swift` is not supported; blobs are kept on a filesystem, in S3, Google Cloud Storage or Azure",
    ),
    (
        "proxy: {http_proxy: 'http://'}",
        "haven.yml:1:21: `proxy.http_proxy`: must be a URL such as `http://proxy.example.com:3128`",
    ),
    ("haven: {listen: ':9090'}\nmetric: {enabled: true}", "port 9090 is wanted for two purposes"),
    (
        "ip_family: {ipv4: {enabled: false}}",
        "haven.yml:1:29: `ip_family.ipv4.enabled`: IPv4 and IPv6 cannot both be off",
    ),
    (
        "harbor_admin_password: [secret]",
        "haven.yml:1:24: `harbor_admin_password`: must be a single value, not a list or a section",
    ),
];

#[test]
fn a_wrong_value_is_named_with_its_place() {
    for (yaml, expected) in WRONG_VALUES {
        assert_eq!(problems(yaml), *expected, "{yaml}");
    }
}

#[test]
fn all_problems_come_at_once_in_the_order_of_the_file() {
    let env = [("HAVEN_HTPP__PORT", "80"), ("HAVEN_METRIC__PORT", "x")];
    let shown = load_with("hostnmae: a\nhttp:\n  port: b\nlog:\n  levle: info\n", &env, (&["here"], None));
    let expected = "haven.yml:1:1: unknown key `hostnmae`; did you mean `hostname`?\n\
        haven.yml:3:9: `http.port`: `b` is not a whole number from 0 to 65535\n\
        haven.yml:5:3: unknown key `log.levle`; did you mean `log.level`?\n\
        environment variable HAVEN_HTPP__PORT: sets no known key; did you mean HAVEN_HTTP__PORT?\n\
        environment variable HAVEN_METRIC__PORT: `metric.port`: `x` is not a whole number from 0 to 65535\n\
        --listen: `haven.listen`: `here` is not an address such as `127.0.0.1:8080` or `:8080`";
    assert_eq!(shown.unwrap_err(), expected);
}

#[test]
fn flags_beat_variables_and_those_beat_the_file() {
    let yaml = "data_volume: /file\nhaven: {listen: ':1'}\nlog: {level: error}\n";
    let first = |config: &Config| config.listen[0].addr;
    let config = load(yaml).unwrap();
    assert_eq!((first(&config), config.data_dir.as_path()), (addr("0.0.0.0:1"), Path::new("/file")));
    let env =
        [("HAVEN_LISTEN", "localhost:2, [::1]:3"), ("HAVEN_DATA_DIR", "/env"), ("HAVEN_LOG__LEVEL", "fatal")];
    let config = load_with(yaml, &env, (&[], None)).unwrap();
    assert_eq!((first(&config), config.data_dir.as_path()), (addr("127.0.0.1:2"), Path::new("/env")));
    assert_eq!(config.listen[1].addr, addr("[::1]:3"));
    let one = from_env(&[("HAVEN_LISTEN", "[::1]:3")]).unwrap();
    assert_eq!(first(&one), addr("[::1]:3"), "that is no list in brackets");
    assert_eq!(config.log.directives, "error");
    let config = load_with(yaml, &env, (&["0.0.0.0:4"], Some("/flag"))).unwrap();
    assert_eq!((first(&config), config.data_dir.as_path()), (addr("0.0.0.0:4"), Path::new("/flag")));
    assert_eq!(config.database, Database::Sqlite { path: "/flag/haven.db".into() });

    let volume = [("HAVEN_DATA_VOLUME", "/volume")];
    let config = load_with("haven: {data_dir: /own}", &volume, (&[], None)).unwrap();
    assert_eq!(config.data_dir, Path::new("/volume"), "a variable beats the file, whichever key it sets");
}

#[test]
fn every_key_has_variables_of_its_own() {
    let mut names: Vec<String> = keys::KEYS.iter().flat_map(keys::Key::variables).collect();
    let all = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), all);
    assert!(names.contains(&"HAVEN_EXTERNAL_REDIS__TLSOPTIONS__ROOTCA".to_owned()));
    assert!(names.contains(&"HAVEN_HAVEN__DATABASE__URL".to_owned()));
}

#[test]
fn variables_are_taken_as_they_are() {
    let config = from_env(&[
        ("HARBOR_ADMIN_PASSWORD", " p: #1 'x"),
        ("HAVEN_DATABASE__URL", "postgres://u:p@h/d"),
        ("HAVEN_TRUSTED_PROXIES", "[10.0.0.0/8, \"fd00::/8\"]"),
        ("HAVEN_METRIC__ENABLED", "true"),
        ("HAVEN_EXTERNAL_URL", ""),
        ("HAVEN_LIMITS__API_TIMEOUT", "5s"),
        ("PATH", "/bin"),
    ]);
    let config = config.unwrap();
    assert_eq!(config.admin_password.unwrap().expose(), " p: #1 'x");
    assert!(matches!(config.database, Database::Postgres { .. }));
    assert!(config.trusted_proxies[0].contains("::ffff:10.1.1.1".parse().unwrap()));
    assert!(config.trusted_proxies[1].contains("fd00::1".parse().unwrap()));
    assert!(config.metrics.is_some() && config.external_url.is_none());
    assert_eq!(config.limits.api_timeout, Duration::from_secs(5));
}

#[test]
fn what_kubernetes_says_of_a_service_called_haven_is_passed_over() {
    let links = [
        ("HAVEN_SERVICE_HOST", "10.0.0.1"),
        ("HAVEN_SERVICE_PORT", "80"),
        ("HAVEN_SERVICE_PORT_HTTP", "80"),
        ("HAVEN_PORT", "tcp://10.0.0.1:80"),
        ("HAVEN_PORT_80_TCP", "tcp://10.0.0.1:80"),
        ("HAVEN_PORT_80_TCP_ADDR", "10.0.0.1"),
        ("HAVEN_DB_PORT_5432_TCP_PORT", "5432"),
    ];
    assert!(from_env(&links).is_ok());
    for name in ["HAVEN_PORT", "HAVEN_STORAGE_SERVICE__OSS__BUCKET", "HAVEN_HTTP_PORT"] {
        assert!(from_env(&[(name, "80")]).is_err(), "{name}");
    }
}

#[test]
fn secrets_come_from_files_and_are_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("password");
    std::fs::write(&path, "correct horse\n").unwrap();
    let file = path.to_str().unwrap();
    let config = from_env(&[("HAVEN_HARBOR_ADMIN_PASSWORD_FILE", file)]).unwrap();
    assert_eq!(config.admin_password.as_ref().unwrap().expose(), "correct horse");
    assert!(!format!("{config:?}").contains("correct horse"));
    assert_eq!(Secret::new("a").to_string(), "***");
    let missing = from_env(&[("HAVEN_DATABASE__URL_FILE", "/nowhere")]).unwrap_err();
    assert!(missing.starts_with("environment variable HAVEN_DATABASE__URL_FILE: /nowhere cannot be read"));
    assert!(from_env(&[("HAVEN_HOSTNAME_FILE", file)]).is_err(), "only secrets");
}

#[test]
fn the_file_may_be_named_by_a_variable_and_must_exist() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.yml");
    std::fs::write(&path, "hostname: reg.test\nhttp: {port: 8080}\n").unwrap();
    let named = |path: &Path| {
        let env = [("HAVEN_CONFIG".to_owned(), path.display().to_string())];
        Config::load(Sources { file: None, env, data_dir: None, listen: Vec::new() })
    };
    assert_eq!(named(&path).unwrap().external_url.unwrap().to_string(), "http://reg.test:8080");
    assert!(named(&folder.path().join("b.yml")).unwrap_err().to_string().contains("cannot be read"));
}

#[test]
fn listeners_follow_the_ports() {
    let tls = "https: {certificate: /c, private_key: /k}\n";
    let redirect = Serves::Redirect { https_port: 443 };
    let cases: [(String, Vec<(&str, Serves)>); 7] = [
        ("http: {port: 80}".to_owned(), vec![("0.0.0.0:80", Serves::Http)]),
        ("http: {port: 80}\nip_family: {ipv6: {enabled: true}}".to_owned(), vec![("[::]:80", Serves::Http)]),
        (tls.to_owned(), vec![("0.0.0.0:443", Serves::Https)]),
        (format!("{tls}http: {{port: 80}}"), vec![("0.0.0.0:80", redirect), ("0.0.0.0:443", Serves::Https)]),
        (format!("{tls}haven: {{listen: ':8443'}}"), vec![("0.0.0.0:8443", Serves::Https)]),
        ("http: {port: 80}\nhaven: {listen: '127.0.0.1:9'}".to_owned(), vec![("127.0.0.1:9", Serves::Http)]),
        (
            "haven: {listen: ['[::1]:1', ':2']}".to_owned(),
            vec![("[::1]:1", Serves::Http), ("0.0.0.0:2", Serves::Http)],
        ),
    ];
    for (yaml, expected) in cases {
        let expected: Vec<Listen> =
            expected.into_iter().map(|(at, serves)| Listen { addr: addr(at), serves }).collect();
        assert_eq!(load(&yaml).unwrap().listen, expected, "{yaml}");
    }
    let config = load("http: {port: 80}\nhaven: {listen: ':9'}").unwrap();
    let notice = &config.notices[0];
    assert!(notice.starts_with("http.port (") && notice.contains("`haven.listen`"), "{notice}");
}

#[test]
fn the_outside_name_is_given_or_follows_from_host_and_ports() {
    let tls = "https: {port: 8443, certificate: /c, private_key: /k}\n";
    let cases = [
        ("http: {port: 80}\nhostname: Reg.test".to_owned(), Some("http://reg.test")),
        (format!("{tls}hostname: reg.test"), Some("https://reg.test:8443")),
        (format!("{tls}external_url: https://Out.test:443/"), Some("https://out.test")),
        ("hostname: 'fd00::1'\nhttp: {port: 81}".to_owned(), Some("http://[fd00::1]:81")),
        ("hostname: reg.test\nhaven: {listen: ':8080'}".to_owned(), None),
        ("hostname: reg.test".to_owned(), None),
    ];
    for (yaml, expected) in cases {
        let url = load(&yaml).unwrap().external_url.map(|url| url.to_string());
        assert_eq!(url.as_deref(), expected, "{yaml}");
    }
}

#[test]
fn databases_are_told_apart() {
    let url =
        |url: &str| load(&format!("haven: {{data_dir: /d, database: {{url: '{url}'}}}}")).unwrap().database;
    let sqlite = |path: &str| Database::Sqlite { path: path.into() };
    assert_eq!(url("sqlite:/x/y.db"), sqlite("/x/y.db"));
    assert_eq!(url("sqlite:///x/y.db"), sqlite("/x/y.db"));
    assert_eq!(url("other.db"), sqlite("/d/other.db"));
    assert!(matches!(url("postgresql://h/d"), Database::Postgres { max_connections: 32, .. }));
    assert!(matches!(url("host=h user=u"), Database::Postgres { .. }));
    let both = "haven: {database: {url: 'sqlite:a'}}\nexternal_database: {harbor: {host: h}}";
    assert!(load(both).unwrap().notices[0].contains("external_database"), "the URL wins, with a notice");
}

#[test]
fn overwriting_settings_are_an_object() {
    let config = from_env(&[("CONFIG_OVERWRITE_JSON", r#"{"auth_mode":"db_auth"}"#)]).unwrap();
    assert_eq!(config.settings_overwrite.unwrap()["auth_mode"], "db_auth");
    assert!(from_env(&[("CONFIG_OVERWRITE_JSON", "[]")]).unwrap_err().contains("must be a JSON object"));
    assert!(from_env(&[("CONFIG_OVERWRITE_JSON", "{")]).unwrap_err().contains("not JSON"));
}

#[test]
fn levels_have_harbors_names_or_directives() {
    let level = |level: &str| load(&format!("log: {{level: '{level}'}}")).map(|config| config.log.directives);
    assert_eq!(level("fatal").unwrap(), "error");
    assert_eq!(level("WARNING, haven_core=debug").unwrap(), "warn,haven_core=debug");
    assert!(level("info,haven core=debug=x").is_err());
}

#[test]
fn amounts_are_read_as_go_programs_write_them() {
    let seconds = |text: &str| units::duration(text).map(|found| found.as_secs_f64());
    let durations =
        [("0", 0.0), ("90s", 90.0), ("1h30m", 5400.0), ("1.5h", 5400.0), ("300ms", 0.3), ("5m0s", 300.0)];
    for (text, expected) in durations {
        assert_eq!(seconds(text), Some(expected), "{text}");
    }
    for text in ["", "5", "h", "5x", "-1s", "1s ", "1..2s", "99999999999999999999h"] {
        assert_eq!(seconds(text), None, "{text}");
    }
}

#[test]
fn hostile_yaml_is_refused() {
    let bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a]\n\
        c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b]\nd: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c, *c]\n";
    assert!(problems(bomb).contains("too many values"));
    let deep = format!("a: {}{}", "[".repeat(200), "]".repeat(200));
    assert!(problems(&deep).contains("deep") || problems(&deep).contains("not YAML"));
    assert!(problems("a: &a [*a]\n").contains("alias"));
}

#[test]
fn the_reference_page_lists_every_key() {
    let page = include_str!("../../../../docs/configuration.md");
    let listed: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .filter(|key| !key.starts_with("HA") && !key.starts_with("CONFIG"))
        .collect();
    let mut known: Vec<&str> = keys::KEYS.iter().map(|key| key.path).collect();
    let mut sorted = listed.clone();
    sorted.sort_unstable();
    known.sort_unstable();
    assert_eq!(sorted, known);
}

/// In the sample, `#key:` is a setting to be uncommented and `# text` is prose.
#[test]
fn the_sample_file_is_right_as_it_is_and_with_every_line_in_use() {
    let sample = include_str!("../../../../deploy/haven.yml");
    let config = load(sample).unwrap();
    assert!(config.notices.is_empty(), "{:?}", config.notices);
    let line = |line: &str| match line.trim_start().strip_prefix('#') {
        Some(rest) if !rest.is_empty() && !rest.starts_with([' ', '#']) => line.replacen('#', "", 1),
        _ => line.to_owned(),
    };
    let whole: String = sample.lines().map(|text| line(text) + "\n").collect();
    let config = load(&whole).unwrap();
    assert!(config.tls.is_some() && config.metrics.is_some(), "{whole}");
}
