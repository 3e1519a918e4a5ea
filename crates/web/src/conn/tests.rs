//! Origins by table: which claim is believed, and which host is refused.

use super::*;

struct Case {
    peer: &'static str,
    tls: bool,
    external: Option<&'static str>,
    uri: &'static str,
    headers: &'static [(&'static str, &'static str)],
}

const PLAIN: Case = Case { peer: "203.0.113.9", tls: false, external: None, uri: "/v2/", headers: &[] };

fn read(case: &Case) -> String {
    let network = Network {
        trusted: vec!["10.0.0.0/8".parse().unwrap(), "::1".parse().unwrap()],
        external_url: case.external.map(|url| url.parse().unwrap()),
        ..Network::default()
    };
    let conn = ConnInfo { peer: SocketAddr::new(case.peer.parse().unwrap(), 1), tls: case.tls };
    let mut headers = HeaderMap::new();
    for (name, value) in case.headers {
        headers.append(*name, value.parse().unwrap());
    }
    match Origin::read(&network, conn, &case.uri.parse().unwrap(), &headers) {
        Ok(origin) => format!("{} {}", origin.base_url(), origin.client_ip),
        Err(error) => error.message,
    }
}

#[test]
fn without_a_proxy_the_connection_speaks() {
    let table = [
        (Case { ..PLAIN }, "http://localhost 203.0.113.9"),
        (
            Case { headers: &[("host", "reg.example:8443")], tls: true, ..PLAIN },
            "https://reg.example:8443 203.0.113.9",
        ),
        (Case { uri: "https://h2.example/v2/", tls: true, ..PLAIN }, "https://h2.example 203.0.113.9"),
        (
            Case { uri: "http://a.example/v2/", headers: &[("host", "b.example")], ..PLAIN },
            "http://a.example 203.0.113.9",
        ),
        (Case { peer: "::ffff:203.0.113.9", ..PLAIN }, "http://localhost 203.0.113.9"),
        (Case { headers: &[("host", "[::1]:5000")], ..PLAIN }, "http://[::1]:5000 203.0.113.9"),
        (Case { headers: &[("host", "core_1")], ..PLAIN }, "http://core_1 203.0.113.9"),
    ];
    for (case, want) in table {
        assert_eq!(read(&case), want);
    }
}

#[test]
fn the_external_url_gives_the_scheme_and_a_host_of_last_resort() {
    let external = Some("https://reg.example:8443/");
    let table = [
        (Case { external, ..PLAIN }, "https://reg.example:8443 203.0.113.9"),
        (Case { external, headers: &[("host", "other:81")], ..PLAIN }, "https://other:81 203.0.113.9"),
        (Case { external: Some("http://reg.example"), tls: true, ..PLAIN }, "http://reg.example 203.0.113.9"),
    ];
    for (case, want) in table {
        assert_eq!(read(&case), want);
    }
}

#[test]
fn forwarded_headers_are_believed_from_trusted_proxies_only() {
    let headers: &[_] = &[
        ("host", "inner:8080"),
        ("x-forwarded-proto", "https, http"),
        ("x-forwarded-host", "reg.example"),
        ("x-forwarded-port", "8443"),
        ("x-forwarded-for", "198.51.100.1, 203.0.113.7, 10.0.0.2"),
    ];
    let table = [
        (Case { headers, ..PLAIN }, "http://inner:8080 203.0.113.9"),
        (Case { headers, peer: "10.1.2.3", ..PLAIN }, "https://reg.example:8443 203.0.113.7"),
        (Case { headers, peer: "::1", ..PLAIN }, "https://reg.example:8443 203.0.113.7"),
    ];
    for (case, want) in table {
        assert_eq!(read(&case), want);
    }
}

#[test]
fn the_pieces_of_a_forwarded_origin() {
    let table: [(&[(&str, &str)], &str); 8] = [
        (&[("x-forwarded-host", "a:81"), ("x-forwarded-port", "82")], "http://a:81 10.0.0.1"),
        (&[("x-forwarded-host", "a"), ("x-forwarded-port", "80")], "http://a 10.0.0.1"),
        (&[("x-forwarded-host", "[::1]"), ("x-forwarded-port", "82")], "http://[::1]:82 10.0.0.1"),
        (&[("x-forwarded-proto", "gopher")], "http://localhost 10.0.0.1"),
        (&[("x-forwarded-for", "10.0.0.5, 10.0.0.4")], "http://localhost 10.0.0.5"),
        (&[("x-forwarded-for", "1.2.3.4, nonsense, 10.0.0.4")], "http://localhost 10.0.0.4"),
        (&[("x-forwarded-for", "1.2.3.4:5555")], "http://localhost 1.2.3.4"),
        (
            &[("x-forwarded-for", "9.9.9.9"), ("x-forwarded-for", "[2001:db8::1]")],
            "http://localhost 2001:db8::1",
        ),
    ];
    for (headers, want) in table {
        assert_eq!(read(&Case { headers, peer: "10.0.0.1", ..PLAIN }), want);
    }
}

#[test]
fn a_malformed_host_is_refused() {
    let long: &'static str = Box::leak("a".repeat(256).into_boxed_str());
    for host in
        ["a b", "a\"b", "a/b", "a@b", "a,b", "a:b", "a:99999", "a:", "[::1", "[x]", ":80", "<x>", "é", long]
    {
        let headers: &'static [_] = Box::leak(Box::new([("host", host)]));
        assert_eq!(read(&Case { headers, ..PLAIN }), "the host is malformed", "{host}");
    }
    let twice = Case { headers: &[("host", "a"), ("host", "b")], ..PLAIN };
    assert_eq!(read(&twice), "the host is malformed");
    let user = Case { uri: "http://user@a.example/", ..PLAIN };
    assert_eq!(read(&user), "the host is malformed");
    let forwarded = Case { peer: "10.0.0.1", headers: &[("x-forwarded-host", "a/b")], ..PLAIN };
    assert_eq!(read(&forwarded), "the host is malformed");
}

#[test]
fn ranges_contain_what_they_should() {
    for (range, address, want) in [
        ("10.0.0.0/8", "10.255.0.1", true),
        ("10.0.0.0/8", "11.0.0.1", false),
        ("0.0.0.0/0", "203.0.113.9", true),
        ("0.0.0.0/0", "::1", false),
        ("::/0", "2001:db8::1", true),
        ("192.0.2.1", "192.0.2.1", true),
        ("192.0.2.1", "192.0.2.2", false),
        ("10.0.0.0/8", "::ffff:10.0.0.1", true),
        ("2001:db8::/33", "2001:db8:8000::1", false),
    ] {
        assert_eq!(
            range.parse::<Cidr>().unwrap().contains(address.parse().unwrap()),
            want,
            "{range} {address}"
        );
    }
    for bad in ["", "10.0.0.0/33", "10.0.0.0/-1", "::/129", "10.0.0/8", "host", "10.0.0.0/"] {
        assert!(bad.parse::<Cidr>().is_err(), "{bad}");
    }
    for bad in ["reg.example", "ftp://a", "https://", "https://a/b", "https://u@a", "https://a:b"] {
        assert!(bad.parse::<ExternalUrl>().is_err(), "{bad}");
    }
}
