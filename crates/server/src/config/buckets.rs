//! Object storage in the words of distribution's configuration, which Harbor passes on as they are.

use std::path::Path;

use haven_blobs::object::{Options, Service, read_container_token};
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, pem::PemObject as _};

use super::{problems::Place, settings::Settings, variable};

const S3: &str = "storage_service.s3";
const GCS: &str = "storage_service.gcs";
const AZURE: &str = "storage_service.azure";
const CA_BUNDLE: &str = "storage_service.ca_bundle";
const LEAST_PART: u64 = 5 << 20;

/// The variables of each service that say whose rights count, as `docs/operating.md` lists them. Its own tools and the
/// client read others too, but where the bucket is and how requests are made is not for the environment to say.
const AWS_RIGHTS: [&str; 12] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ENDPOINT_URL_STS",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    TOKEN_FILE,
    "AWS_METADATA_ENDPOINT",
    "AWS_IMDSV1_FALLBACK",
];
const GOOGLE_RIGHTS: [&str; 5] = [
    "GOOGLE_APPLICATION_CREDENTIALS",
    "GOOGLE_SERVICE_ACCOUNT",
    "GOOGLE_SERVICE_ACCOUNT_PATH",
    "GOOGLE_SERVICE_ACCOUNT_KEY",
    "GOOGLE_BEARER_TOKEN",
];
const AZURE_RIGHTS: [&str; 17] = [
    "AZURE_STORAGE_ACCOUNT_KEY",
    "AZURE_STORAGE_ACCESS_KEY",
    "AZURE_STORAGE_SAS_KEY",
    "AZURE_STORAGE_SAS_TOKEN",
    "AZURE_STORAGE_TOKEN",
    "AZURE_CLIENT_ID",
    "AZURE_STORAGE_CLIENT_ID",
    "AZURE_CLIENT_SECRET",
    "AZURE_STORAGE_CLIENT_SECRET",
    "AZURE_TENANT_ID",
    "AZURE_STORAGE_TENANT_ID",
    "AZURE_AUTHORITY_HOST",
    "AZURE_FEDERATED_TOKEN_FILE",
    "AZURE_MSI_ENDPOINT",
    "AZURE_IDENTITY_ENDPOINT",
    "AZURE_OBJECT_ID",
    "AZURE_MSI_RESOURCE_ID",
];
const TOKEN_FILE: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";
/// Those of them that name an address which is asked.
const AWS_ADDRESSES: [&str; 3] =
    ["AWS_ENDPOINT_URL_STS", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_METADATA_ENDPOINT"];

/// The bucket that some section names, if one does.
pub(super) fn read(settings: &mut Settings, env: &[(String, String)]) -> Option<Options> {
    let sections = [S3, GCS, AZURE, "storage_service.filesystem"];
    let given: Vec<&str> = sections.into_iter().filter(|section| settings.has_section(section)).collect();
    if let [first, second, ..] = given.as_slice() {
        let message = format!("both `{first}` and `{second}` are given; blobs are kept in one place");
        settings.problems.general(message);
    }
    let large_uploads = settings.number("haven.limits.large_uploads", 1, 1_000_000);
    let mut options = match given.first() {
        Some(&S3) => s3(settings, env),
        Some(&GCS) => gcs(settings, env),
        Some(&AZURE) => azure(settings, env),
        _ => return None,
    };
    options.ca_bundle = ca_bundle(settings);
    options.large_uploads = large_uploads;
    Some(options)
}

fn s3(settings: &mut Settings, env: &[(String, String)]) -> Options {
    let mut options = named(settings, Service::S3, &at(S3, "bucket"));
    let (key, secret) = (settings.secret(&at(S3, "accesskey")), settings.secret(&at(S3, "secretkey")));
    match (key, secret) {
        (Some(key), Some(secret)) => {
            options = options.with("access_key_id", key.expose()).with("secret_access_key", secret.expose());
        }
        // From here on the environment decides, and without it the role of the machine.
        (None, None) => {
            check_aws_rights(settings, env);
            options.settings.extend(rights(env, &AWS_RIGHTS));
        }
        (key, _) => {
            let (missing, given) =
                if key.is_none() { ("accesskey", "secretkey") } else { ("secretkey", "accesskey") };
            settings.complain(&at(S3, missing), format_args!("is missing, though there is `{given}`"));
        }
    }
    options.part_size = settings.number(&at(S3, "chunksize"), LEAST_PART, 512 << 20);
    let copies = &mut options.copies;
    let piece = settings.number(&at(S3, "multipartcopychunksize"), LEAST_PART, 5 << 30);
    copies.piece = piece.unwrap_or(copies.piece);
    let at_once = settings.number(&at(S3, "multipartcopymaxconcurrency"), 1, 1000);
    copies.at_once = at_once.unwrap_or(copies.at_once);
    let single = settings.number(&at(S3, "multipartcopythresholdsize"), 0, 5 << 30);
    copies.single = single.unwrap_or(copies.single);
    options.skip_verify = settings.flag(&at(S3, "skipverify")).unwrap_or(false);
    if settings.flag(&at(S3, "v4auth")) == Some(false) {
        settings.complain(&at(S3, "v4auth"), "requests are signed by version 4 only");
    }
    let options = s3_address(settings, options);
    s3_encryption(settings, options)
}

/// Where the service is: of Amazon by region, of others by their endpoint.
fn s3_address(settings: &mut Settings, mut options: Options) -> Options {
    // Always said, because the environment may name another one, and a request is signed for the region that it goes to.
    let region = settings.text(&at(S3, "region")).unwrap_or_else(|| "us-east-1".to_owned());
    options = options.with("region", &region);
    let given = settings.text(&at(S3, "regionendpoint"));
    let by_path = settings.flag(&at(S3, "forcepathstyle")).unwrap_or(given.is_some());
    let secure = settings.flag(&at(S3, "secure")).unwrap_or(true);
    let dual = settings.flag(&at(S3, "usedualstack")).unwrap_or(false);
    let accelerated = settings.flag(&at(S3, "accelerate")).unwrap_or(false);
    let host = match given {
        Some(given) => given,
        None if accelerated => "s3-accelerate.amazonaws.com".to_owned(),
        None if dual => format!("s3.dualstack.{region}.amazonaws.com"),
        None => format!("s3.{region}.amazonaws.com"),
    };
    let scheme = if secure { "https" } else { "http" };
    let (scheme, host) = host.split_once("://").unwrap_or((scheme, &host));
    if !matches!(scheme, "http" | "https") || host.is_empty() {
        settings.complain(&at(S3, "regionendpoint"), "must be a host or an URL with `http` or `https`");
    }
    options.allow_http = scheme == "http";
    let host = host.trim_end_matches('/');
    let endpoint =
        if by_path { format!("{scheme}://{host}") } else { format!("{scheme}://{}.{host}", options.bucket) };
    options.with("endpoint", endpoint).with("virtual_hosted_style_request", (!by_path).to_string())
}

fn s3_encryption(settings: &mut Settings, options: Options) -> Options {
    let key = settings.text(&at(S3, "keyid"));
    match (settings.flag(&at(S3, "encrypt")).unwrap_or(false), key) {
        (false, _) => options,
        (true, None) => options.with("aws_server_side_encryption", "AES256"),
        (true, Some(key)) => {
            options.with("aws_server_side_encryption", "aws:kms").with("aws_sse_kms_key_id", key)
        }
    }
}

fn gcs(settings: &mut Settings, env: &[(String, String)]) -> Options {
    let mut options = named(settings, Service::Gcs, &at(GCS, "bucket"));
    match settings.text(&at(GCS, "keyfile")) {
        Some(path) => options = options.with("service_account", path),
        None => options.settings.extend(rights(env, &GOOGLE_RIGHTS)),
    }
    options.part_size = settings.number(&at(GCS, "chunksize"), LEAST_PART, 512 << 20);
    match address(settings, &at(GCS, "endpoint")) {
        Some(url) => reached_at(options, "base_url", url),
        None => options,
    }
}

fn azure(settings: &mut Settings, env: &[(String, String)]) -> Options {
    let mut options = named(settings, Service::Azure, &at(AZURE, "container"));
    let account = settings.text(&at(AZURE, "accountname"));
    if account.is_none() {
        settings.complain(&at(AZURE, "accountname"), "is missing");
    }
    let account = account.unwrap_or_default();
    let key = settings.secret(&at(AZURE, "accountkey"));
    let kind = settings.text(&at(AZURE, "credentials.type"));
    match (kind.as_deref(), key) {
        (None | Some("shared_key"), Some(key)) => options = options.with("account_key", key.expose()),
        (Some("client_secret"), _) => {
            for (name, key) in [("client_id", "clientid"), ("tenant_id", "tenantid")] {
                let value = settings.text(&at(AZURE, &format!("credentials.{key}")));
                options = options.with(name, value.unwrap_or_default());
            }
            let secret = settings.secret(&at(AZURE, "credentials.secret"));
            options = options.with("client_secret", secret.as_ref().map_or("", |secret| secret.expose()));
            // Whom a sovereign cloud asks.
            options.settings.extend(rights(env, &["AZURE_AUTHORITY_HOST"]));
        }
        (None | Some("default_credentials"), _) => options.settings.extend(rights(env, &AZURE_RIGHTS)),
        (Some("shared_key"), None) => settings.complain(&at(AZURE, "accountkey"), "is missing"),
        (Some(_), _) => {
            let expected = "must be `shared_key`, `client_secret` or `default_credentials`";
            settings.complain(&at(AZURE, "credentials.type"), expected);
        }
    }
    options.skip_verify = settings.flag(&at(AZURE, "skipverify")).unwrap_or(false);
    let url = address(settings, &at(AZURE, "serviceurl"));
    let of_realm = settings.text(&at(AZURE, "realm")).map(|realm| {
        let (scheme, host) = realm.split_once("://").unwrap_or(("https", &realm));
        format!("{scheme}://{account}.blob.{host}")
    });
    if let Some(url) = url.or(of_realm) {
        options = reached_at(options, "endpoint", url);
    }
    options.with("account_name", account)
}

/// The URL of a service at another place than the usual one.
fn address(settings: &mut Settings, key: &str) -> Option<String> {
    let url = settings.text(key)?;
    if !is_address(&url) || url.contains(['?', '#', '@']) {
        settings.complain(key, "must be an URL with `http` or `https`");
    }
    Some(url.trim_end_matches('/').to_owned())
}

/// A service that is reached at a URL, of which the client knows by this name.
fn reached_at(mut options: Options, name: &str, url: String) -> Options {
    options.allow_http = url.starts_with("http://");
    options.with(name, url)
}

fn is_address(text: &str) -> bool {
    let uri = text.parse::<http::Uri>();
    uri.is_ok_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some())
}

/// The options of a bucket with its name and its root, which every section has.
fn named(settings: &mut Settings, service: Service, key: &str) -> Options {
    let name = settings.text(key);
    if name.is_none() {
        settings.complain(key, "is missing");
    }
    let mut options = Options::new(service, name.unwrap_or_default());
    let section = key.rsplit_once('.').map_or(key, |(section, _)| section);
    options.root = settings.text(&at(section, "rootdirectory")).unwrap_or_default();
    options
}

/// What the environment says of these, as the client knows them.
fn rights(env: &[(String, String)], known: &[&str]) -> Vec<(String, String)> {
    let given = known.iter().filter_map(|name| Some((name.to_lowercase(), variable(env, name)?.to_owned())));
    given.collect()
}

/// What the client would stumble over at its first request.
fn check_aws_rights(settings: &mut Settings, env: &[(String, String)]) {
    for name in AWS_ADDRESSES {
        if variable(env, name).is_some_and(|text| !is_address(text)) {
            settings.problems.at(&Place::Env(name.to_owned()), "must be an URL with `http` or `https`");
        }
    }
    if let Some(path) = variable(env, TOKEN_FILE)
        && let Err(problem) = read_container_token(Path::new(path))
    {
        settings.problems.at(&Place::Env(TOKEN_FILE.to_owned()), problem);
    }
}

fn ca_bundle(settings: &mut Settings) -> Option<Vec<u8>> {
    let path = settings.text(CA_BUNDLE)?;
    match std::fs::read(&path) {
        Ok(bundle) => match check_certificates(&bundle) {
            Ok(()) => return Some(bundle),
            Err(problem) => settings.complain(CA_BUNDLE, format_args!("{path} {problem}")),
        },
        Err(error) => settings.complain(CA_BUNDLE, format_args!("{path} cannot be read: {error}")),
    }
    None
}

/// Whether there are certificates, and all of them can be trusted in.
fn check_certificates(bundle: &[u8]) -> Result<(), String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(bundle) {
        let certificate = certificate.map_err(|error| format!("is not PEM: {error}"))?;
        let which = roots.len() + 1;
        let added = roots.add(certificate);
        added.map_err(|error| format!("holds a certificate that cannot be used, number {which}: {error}"))?;
    }
    if roots.is_empty() { Err("holds no certificate in PEM".to_owned()) } else { Ok(()) }
}

fn at(section: &str, key: &str) -> String {
    format!("{section}.{key}")
}
