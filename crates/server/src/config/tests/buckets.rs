//! Storage in a bucket, as distribution's configuration has it.

use haven_blobs::object::{Options, Service};
use haven_web::conn::Redirects;

use super::*;

fn bucket(yaml: &str, env: &[(&str, &str)]) -> Options {
    match load_with(yaml, env, (&[], None)).unwrap().storage {
        Storage::Bucket(options) => *options,
        other @ Storage::Filesystem { .. } => panic!("{other:?}"),
    }
}

/// What the client is told by this name; the last one counts.
fn told<'a>(options: &'a Options, name: &str) -> Option<&'a str> {
    options.settings.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

#[test]
fn s3_of_amazon_needs_a_bucket_and_a_region() {
    let options = bucket("storage_service: {s3: {bucket: b, region: eu-west-1}}", &[]);
    assert_eq!((options.service, options.bucket.as_str(), options.root.as_str()), (Service::S3, "b", ""));
    assert_eq!(told(&options, "endpoint"), Some("https://b.s3.eu-west-1.amazonaws.com"));
    assert_eq!(told(&options, "virtual_hosted_style_request"), Some("true"));
    assert_eq!(told(&options, "region"), Some("eu-west-1"));
    assert!(!options.allow_http && !options.skip_verify && options.part_size.is_none());
}

#[test]
fn s3_of_others_has_an_endpoint_and_paths() {
    let yaml = "storage_service: {s3: {bucket: b, accesskey: a, secretkey: 'hush ', regionendpoint: 'http://minio:9000', \
        rootdirectory: /harbor, chunksize: 6291456, multipartcopychunksize: 33554432, encrypt: true, keyid: k}}";
    let options = bucket(yaml, &[("AWS_SESSION_TOKEN", "of another key")]);
    assert_eq!(told(&options, "endpoint"), Some("http://minio:9000"));
    assert_eq!(told(&options, "virtual_hosted_style_request"), Some("false"));
    assert_eq!(
        (told(&options, "access_key_id"), told(&options, "secret_access_key")),
        (Some("a"), Some("hush "))
    );
    assert_eq!(told(&options, "aws_session_token"), None);
    assert_eq!(told(&options, "aws_sse_kms_key_id"), Some("k"));
    assert!(options.allow_http);
    assert_eq!(
        (options.root.as_str(), options.part_size, options.copies.piece),
        ("/harbor", Some(6 << 20), 32 << 20)
    );
    assert!(!format!("{options:?}").contains("hush"));
    let bare = "storage_service: {s3: {bucket: b, regionendpoint: minio.lan, forcepathstyle: false}}";
    assert_eq!(told(&bucket(bare, &[]), "endpoint"), Some("https://b.minio.lan"));
    let plain = "storage_service: {s3: {bucket: b, regionendpoint: minio.lan, secure: false}}";
    assert_eq!(told(&bucket(plain, &[]), "endpoint"), Some("http://minio.lan"));
}

#[test]
fn rights_come_from_keys_files_or_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "from a file\n").unwrap();
    let by_file = [
        ("HAVEN_STORAGE_SERVICE__S3__BUCKET", "b"),
        ("HAVEN_STORAGE_SERVICE__S3__ACCESSKEY", "a"),
        ("HAVEN_STORAGE_SERVICE__S3__SECRETKEY_FILE", secret.to_str().unwrap()),
    ];
    assert_eq!(told(&bucket("", &by_file), "secret_access_key"), Some("from a file"));
    let role = [
        ("HAVEN_STORAGE_SERVICE__S3__BUCKET", "b"),
        ("AWS_ROLE_ARN", "r"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "/t"),
        ("AWS_ENDPOINT_URL", "http://elsewhere"),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_SKIP_SIGNATURE", "true"),
        ("AWS_BUCKET", "another"),
        ("AWS_ALLOW_HTTP", "true"),
        ("AWS_METADATA_ENDPOINT", "http://127.0.0.1:1338"),
    ];
    let options = bucket("", &role);
    let last = |name: &str| options.settings.iter().rfind(|(given, _)| given.ends_with(name));
    assert_eq!(last("region").unwrap().1, "us-east-1", "as the endpoint");
    assert_eq!((told(&options, "aws_role_arn"), told(&options, "aws_endpoint_url")), (Some("r"), None));
    for name in ["aws_skip_signature", "aws_bucket", "aws_allow_http"] {
        assert_eq!(told(&options, name), None, "{name} gives no rights");
    }
    assert_eq!(told(&options, "aws_metadata_endpoint"), Some("http://127.0.0.1:1338"));
    let by_environment = [
        ("GOOGLE_SERVICE_ACCOUNT", "/k.json"),
        ("GOOGLE_SKIP_SIGNATURE", "true"),
        ("AZURE_CLIENT_ID", "i"),
        ("AZURE_SKIP_SIGNATURE", "true"),
    ];
    for (section, rights) in [
        ("gcs: {bucket: b}", ("google_service_account", "/k.json")),
        ("azure: {accountname: n, container: c}", ("azure_client_id", "i")),
    ] {
        let options = bucket(&format!("storage_service: {{{section}}}"), &by_environment);
        assert_eq!(told(&options, rights.0), Some(rights.1));
        assert!(!options.settings.iter().any(|(name, _)| name.contains("skip")), "{:?}", options.settings);
    }
    let google = bucket("storage_service: {gcs: {bucket: b, keyfile: /k.json, rootdirectory: r}}", &[]);
    assert_eq!((google.service, told(&google, "service_account")), (Service::Gcs, Some("/k.json")));
    let azure = bucket("storage_service: {azure: {accountname: n, accountkey: k, container: c}}", &[]);
    assert_eq!(
        (azure.service, azure.bucket.as_str(), told(&azure, "account_key")),
        (Service::Azure, "c", Some("k"))
    );
    let china = "storage_service: {azure: {accountname: n, accountkey: k, container: c, realm: core.chinacloudapi.cn}}";
    assert_eq!(told(&bucket(china, &[]), "endpoint"), Some("https://n.blob.core.chinacloudapi.cn"));
    let application = "storage_service: {azure: {accountname: n, container: c, credentials: {type: client_secret, clientid: i, \
        tenantid: t, secret: s}}}";
    let host = ("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.us");
    let application = bucket(application, &[host, ("AZURE_CLIENT_ID", "of the environment")]);
    assert_eq!(
        (told(&application, "azure_authority_host"), told(&application, "client_id")),
        (Some(host.1), Some("i"))
    );
    assert_eq!(told(&application, "azure_client_id"), None);
}

#[test]
fn google_and_azure_may_be_elsewhere_than_usual() {
    for (section, name) in [
        ("gcs: {bucket: b, endpoint: ", "base_url"),
        ("azure: {accountname: n, accountkey: k, container: c, realm: r, serviceurl: ", "endpoint"),
    ] {
        for (url, expected, is_plain) in [
            ("https://storage.lan/", "https://storage.lan", false),
            ("http://127.0.0.1:10000/n", "http://127.0.0.1:10000/n", true),
        ] {
            let options = bucket(&format!("storage_service: {{{section}'{url}'}}}}"), &[]);
            assert_eq!((told(&options, name), options.allow_http), (Some(expected), is_plain), "{section}");
        }
    }
    let azure = "storage_service: {azure: {accountname: n, accountkey: k, container: c, skipverify: true, \
        max_retries: 3, retry_delay: 200ms, realm: 'http://lan'}}";
    let azure = bucket(azure, &[]);
    assert!(azure.skip_verify && azure.allow_http);
    assert_eq!(told(&azure, "endpoint"), Some("http://n.blob.lan"));
}

#[test]
fn a_bucket_that_cannot_be_meant_is_refused() {
    for (yaml, problem) in [
        ("storage_service: {s3: {region: r}}", "`storage_service.s3.bucket`: is missing"),
        ("storage_service: {s3: {bucket: b, accesskey: a}}", "there is `accesskey`"),
        ("storage_service: {s3: {bucket: b, v4auth: false}}", "version 4 only"),
        ("storage_service: {s3: {bucket: b, chunksize: 1048576}}", "a whole number from 5242880"),
        ("storage_service: {s3: {bucket: b, regionendpoint: 'ftp://h'}}", "must be a host or an URL"),
        ("storage_service: {s3: {bucket: b}, gcs: {bucket: c}}", "blobs are kept in one place"),
        (
            "storage_service: {s3: {bucket: b}, filesystem: {rootdirectory: /d}}",
            "blobs are kept in one place",
        ),
        ("storage_service: {ca_bundle: /nowhere, s3: {bucket: b}}", "/nowhere cannot be read"),
        ("storage_service: {azure: {container: c}}", "`storage_service.azure.accountname`: is missing"),
        (
            "storage_service: {azure: {accountname: n, container: c, serviceurl: 'n.lan'}}",
            "`storage_service.azure.serviceurl`: must be an URL",
        ),
        (
            "storage_service: {azure: {accountname: n, container: c, serviceurl: 'https://n.lan/?sig=s'}}",
            "must be an URL",
        ),
        (
            "storage_service: {gcs: {bucket: b, endpoint: 'ftp://h'}}",
            "`storage_service.gcs.endpoint`: must be an URL",
        ),
        ("haven: {redirect_networks: [x]}", "`x` is not a network"),
    ] {
        assert!(problems(yaml).contains(problem), "{yaml}: {}", problems(yaml));
    }
}

#[test]
fn rights_that_the_environment_gives_in_a_way_that_cannot_work_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    let token_file = token.to_str().unwrap();
    let refused = |name: &str, value: &str| {
        load_with("storage_service: {s3: {bucket: b}}", &[(name, value)], (&[], None)).unwrap_err()
    };
    const FILE: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";
    assert!(refused(FILE, token_file).contains("cannot be read"));
    for content in ["", "\n", "one\ntwo\n", "\u{7}"] {
        std::fs::write(&token, content).unwrap();
        let told = refused(FILE, token_file);
        assert!(told.contains(FILE) && told.contains("does not hold a token in one line"), "{told}");
    }
    std::fs::write(&token, "a token\r\n").unwrap();
    bucket("storage_service: {s3: {bucket: b}}", &[(FILE, token_file)]);
    for name in ["AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_METADATA_ENDPOINT", "AWS_ENDPOINT_URL_STS"] {
        for address in ["169.254.170.23/v1", "http://a b/", "ftp://h/", "http://\n"] {
            assert!(refused(name, address).contains("must be an URL"), "{name} {address}");
        }
    }
}

#[test]
fn a_bundle_without_certificates_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    let yaml = format!("storage_service: {{ca_bundle: '{}', s3: {{bucket: b}}}}", path.display());
    let key = rcgen::generate_simple_self_signed(vec!["s3.test".to_owned()]).unwrap();
    let (certificate, key) = (key.cert.pem(), key.signing_key.serialize_pem());
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (content, problem) in [
        (String::new(), "holds no certificate in PEM"),
        ("no PEM at all".to_owned(), "holds no certificate in PEM"),
        (key, "holds no certificate in PEM"),
        (certificate[..certificate.len() / 2].to_owned(), "is not PEM"),
        (format!("{certificate}{broken}"), "holds a certificate that cannot be used, number 2"),
    ] {
        std::fs::write(&path, &content).unwrap();
        let told = problems(&yaml);
        assert!(told.contains("`storage_service.ca_bundle`") && told.contains(problem), "{told}");
    }
    std::fs::write(&path, format!("# ours\n{certificate}{certificate}")).unwrap();
    assert_eq!(bucket(&yaml, &[]).ca_bundle.map(|bundle| bundle.len()), Some(7 + 2 * certificate.len()));
}

#[test]
fn clients_are_redirected_unless_it_is_said_otherwise() {
    let redirects = |yaml: &str| load(yaml).unwrap().redirects;
    assert_eq!(redirects(""), Redirects::Everybody);
    assert_eq!(
        redirects("storage_service: {redirect: {disable: true}}\nhaven: {redirect_networks: [10.0.0.0/8]}"),
        Redirects::Nobody
    );
    let within = redirects("haven: {redirect_networks: [10.0.0.0/8, 'fd00::/8']}");
    for (client, included) in
        [("10.1.2.3", true), ("::ffff:10.1.2.3", true), ("fd00::1", true), ("192.0.2.1", false)]
    {
        assert_eq!(within.include(client.parse().unwrap()), included, "{client}");
    }
    assert!(!redirects("haven: {redirect_networks: []}").include("10.0.0.1".parse().unwrap()));
}

#[test]
fn large_uploads_are_as_many_as_is_said_or_as_the_memory_allows() {
    let section = "storage_service: {s3: {bucket: b, region: eu-west-1}}";
    assert_eq!(bucket(section, &[]).large_uploads, None);
    let limited = format!("{section}\nhaven: {{limits: {{large_uploads: 40}}}}");
    assert_eq!(bucket(&limited, &[]).large_uploads, Some(40));
    assert!(load_with("haven: {limits: {large_uploads: 0}}", &[], (&[], None)).is_err(), "also for files");
}
