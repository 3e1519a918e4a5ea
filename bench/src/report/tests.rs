//! Samples in, tables out.

use super::*;
use crate::noise::Noise;
use crate::sample::Unit;

fn sample(measure: &str, case: &str, peer: &str, value: f64, unit: Unit) -> Sample {
    let (measure, case, peer) = (measure.to_owned(), case.to_owned(), peer.to_owned());
    Sample { measure, case, peer, value, unit, noise: Noise { load: 0.5, steal: 0.25 } }
}

fn pull(peer: &str, values: &[f64]) -> Vec<Sample> {
    values.iter().map(|value| sample("pull", "HTTP, 1 client", peer, *value, Unit::Speed)).collect()
}

#[test]
fn wins_and_losses_stand_side_by_side() {
    let mut samples = pull("nginx", &[2_000.0, 2_200.0, 2_100.0]);
    samples.extend(pull("docker-registry", &[1_000.0]));
    samples.extend(pull("haven", &[1_950.0, 2_000.0, 1_900.0, 1_800.0]));
    let run = Run { facts: vec!["2026-01-02, five rounds".to_owned()], samples };
    let wanted = "
### Pulls of one blob

All clients together.

|  | Haven | nginx | docker-registry | target |
|---|---|---|---|---|
| HTTP, 1 client | 1,925 MB/s ± 5 % | 2,100 MB/s ± 5 %, **0.92 ×** | 1,000 MB/s, 1.93 × | **1.0 × nginx: missed, 92 % of it**; \
        1.3 × docker-registry: met |

2026-01-02, five rounds. Load before the runs 0.5 in the middle, stolen time at most 0.2 %.
";
    assert_eq!(page(&[run]), wanted);
}

#[test]
fn less_is_better_for_times_and_sizes() {
    let samples = [
        sample("memory", "anonymous, most", "haven", 160.0, Unit::Size),
        sample("memory", "anonymous, most", "zot", 320.0, Unit::Size),
        sample("manifests", "64 clients", "haven", 30.0, Unit::Rate),
        sample("manifests", "64 clients: 99 % within", "haven", 8.0, Unit::Time),
        sample("manifests", "64 clients: 99 % within", "zot", 4.0, Unit::Time),
    ];
    let memory = table::section("memory", &samples);
    assert!(memory.contains("| 320 MB, 2.00 × | **≤ 150: missed, 94 % of it** |"), "{memory}");
    let manifests = table::section("manifests", &samples);
    assert!(manifests.contains("| 8.00 ms | 4.00 ms, **0.50 ×** | ≤ 20.0: met |"), "{manifests}");
    assert!(manifests.contains("| 64 clients | 30.0 /s | – |  |"), "{manifests}");
}

#[test]
fn each_database_has_its_row() {
    let rate = |peer, value| sample("images", "into one project", peer, value, Unit::Rate);
    let samples = [rate("haven", 300.0), rate("haven on PostgreSQL", 100.0), rate("docker-registry", 100.0)];
    let text = table::section("images", &samples);
    assert!(
        text.contains("| into one project | 300 /s | 100 /s, 3.00 × | 1.5 × docker-registry: met |"),
        "{text}"
    );
    let missed = "| into one project on PostgreSQL | 100 /s | 100 /s, 1.00 × | \
        **1.5 × docker-registry: missed, 67 % of it** |";
    assert!(text.contains(missed), "{text}");
}

#[test]
fn ten_times_as_much_may_take_a_little_longer() {
    let list = |peer, value| sample("lists", "SQLite, tags: 95 % within", peer, value, Unit::Time);
    let judged = |tenth| table::section("lists", &[list("haven", 30.0), list("with a tenth", tenth)]);
    assert!(judged(21.0).contains("| ≤ 50.0: met; ≤ 1.5 × with a tenth: met |"), "{}", judged(21.0));
    let missed = "≤ 50.0: met; **≤ 1.5 × with a tenth: missed, 50 % of it**";
    assert!(judged(10.0).contains(missed), "{}", judged(10.0));
    let hardly = "**≤ 1.5 × with a tenth: missed, 99 % of it**";
    assert!(judged(19.99).contains(hardly), "{}", judged(19.99));
}

#[test]
fn a_push_is_held_against_the_slower_yardstick() {
    let push = |peer, value| sample("push", "HTTP, 1 client", peer, value, Unit::Speed);
    let samples = [push("haven", 300.0), push("sha256 alone", 350.0), push("disk alone", 900.0)];
    let text = table::section("push", &samples);
    assert!(text.contains("0.8 of sha256 alone and disk alone: met"), "{text}");
}

#[test]
fn only_what_is_between_the_markers_changes() {
    let page = format!("# Title\n{BEGIN}old\n{END}## More\n");
    assert_eq!(between(&page, "new\n"), Some(format!("# Title\n{BEGIN}new\n{END}## More\n")));
    assert_eq!(between("# Title\n", "new\n"), None);
}

#[test]
fn medians_and_numbers() {
    let summary = statistics::summary([3.0, 1.0, 2.0, 10.0].into_iter()).unwrap();
    assert_eq!((summary.median, summary.spread, summary.rounds), (2.5, 180.0, 4));
    assert_eq!(statistics::summary(std::iter::empty()), None);
    let texts = [1.234, 12.34, 123.4, 1_234.5, 1_234_567.0].map(table::number);
    assert_eq!(texts, ["1.23", "12.3", "123", "1,234", "1,234,567"]);
}
