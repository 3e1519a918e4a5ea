//! Random requests across all routes, by everybody: nothing breaks, nobody learns or gains what is not theirs.
//!
//! `HAVEN_RANDOM_SEED` repeats a run, `HAVEN_RANDOM_REQUESTS` says how many requests there are on each engine.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on must fail")]

mod bodies;
mod dice;
mod doors;
mod pool;
mod registry;
mod requests;
mod scene;
mod watch;

use crate::access::matrix::Who::{Admin, EveryProjectRobot, SystemRobot};
use dice::Dice;
use futures::FutureExt as _;
use haven_db::testing::engines;
use haven_db::{Engine, params};
use haven_testkit::{Answer, TestApp};
use requests::{Asked, Requests};
use scene::{Asker, CONTENT, MARKER, Scene, furnish, mend};
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

/// Each round has rooms and people of its own, because those before may have torn theirs down.
const ROUND: usize = 400;
/// A run that is shorter says nothing about memory.
const LONG: usize = 20_000;
/// How much the process may grow between the second fifth of a long run and its end. By then caches, pools and compiled
/// schemas are there, and it grew by 18 to 37 MB where this was measured; a leak of 1 kB a request would add 60 MB.
const GROWTH: usize = 64 << 20;

#[derive(Default)]
struct Report {
    asked: usize,
    unsendable: usize,
    statuses: BTreeMap<u16, usize>,
    slowest: Duration,
    memory: Vec<usize>,
    wrong: Vec<String>,
    /// How often those who may see what is hidden saw it: never means that the others were asked about nothing.
    seen: usize,
}

#[tokio::test]
async fn random_requests_break_nothing_and_gain_nothing() {
    let seed = setting("HAVEN_RANDOM_SEED").unwrap_or(20_231_114);
    let requests = setting("HAVEN_RANDOM_REQUESTS").unwrap_or(3000) as usize;
    for engine in engines() {
        let (started, report) = (Instant::now(), run(engine, seed, requests).await);
        let classes =
            report.statuses.iter().fold(BTreeMap::<u16, usize>::new(), |mut classes, (status, count)| {
                *classes.entry(status / 100).or_default() += count;
                classes
            });
        if requests >= LONG {
            // The figures of a long run are what it is for.
            let megabytes: Vec<usize> = report.memory.iter().map(|bytes| bytes >> 20).collect();
            tell(&format!(
                "{engine:?}, seed {seed}: {} requests in {:?}, {} not sendable; by class {classes:?}, by status {:?}; \
                 slowest {:?}; MB {megabytes:?}",
                report.asked,
                started.elapsed(),
                report.unsendable,
                report.statuses,
                report.slowest
            ));
        }
        let count = report.wrong.len();
        let shown = report.wrong.iter().take(30).cloned().collect::<Vec<_>>().join("\n----\n");
        assert!(count == 0, "{engine:?}, HAVEN_RANDOM_SEED={seed}: {count} wrong\n{shown}");
        assert!(report.seen > 0, "{engine:?}: nothing that is hidden was found by anybody");
        if let ([_, _, settled, .., last], true) = (report.memory.as_slice(), requests >= LONG) {
            assert!(*last < settled + GROWTH, "{engine:?}: grew from {settled} to {last} bytes");
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a test has no configuration to read")]
fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|error| panic!("{name}={text}: {error}")))
}

#[expect(clippy::print_stderr, reason = "somebody waits for the figures")]
fn tell(text: &str) {
    eprintln!("{text}");
}

async fn run(engine: Engine, seed: u64, requests: usize) -> Report {
    let app = TestApp::start(engine).await;
    let hash = app.db().query_one("SELECT password_hash FROM user_account WHERE id = 1", &[]).await.unwrap();
    let hash: String = hash.get(0).unwrap();
    let (maker, askers, mut report) = (Requests::new(), Asker::all(), Report::default());
    let rounds = requests.div_ceil(ROUND).next_multiple_of(askers.len());
    let each = requests.div_ceil(rounds);
    report.memory.push(resident());
    for round in 0..rounds {
        // In turn, so that who may do much meets what who may do little left behind, and the other way about.
        let asker = askers[round % askers.len()];
        let scene = furnish(&app, asker, round).await;
        let dice = Dice::new(seed ^ (round as u64) << 32);
        play(&app, asker, scene, dice, (&maker, each), &mut report).await;
        if asker.is(&[Admin]) {
            mend(&app, &hash).await;
        }
        if (round + 1) % rounds.div_ceil(5) == 0 || round + 1 == rounds {
            report.memory.push(resident());
        }
    }
    report
}

/// One caller's requests, and whether all is as it was where they had nothing to change.
async fn play(
    app: &TestApp,
    asker: Asker,
    mut scene: Scene,
    mut dice: Dice,
    (maker, each): (&Requests, usize),
    report: &mut Report,
) {
    let before = watch::rows(app.db(), asker, &scene).await;
    for number in 0..each {
        let asked = with_carried(maker.next(&mut dice, &scene.pool), &scene);
        app.clock.advance(Duration::from_millis(100));
        let Some(answer) = ask(&scene, &asked, report).await else { continue };
        let answer = match answer {
            Ok(answer) => answer,
            Err(problem) => {
                report.wrong.push(format!("{asker:?} {number}: {problem}\n{}", asked.told()));
                continue;
            }
        };
        *report.statuses.entry(answer.status).or_default() += 1;
        report.seen += usize::from(answer.text().contains(MARKER));
        if let Some(problem) = problem(asker, &asked, &answer) {
            report.wrong.push(format!(
                "{asker:?} {number}: {problem}\n{}\n\n{}",
                asked.told(),
                shown(&answer)
            ));
        }
        let location =
            answer.headers.get("location").and_then(|value| value.to_str().ok()).unwrap_or_default();
        if let (Some(start), 202) = (location.find("/v2/"), answer.status) {
            scene.pool.uploads.push(location[start..].to_owned());
        }
    }
    let after = watch::rows(app.db(), asker, &scene).await;
    report
        .wrong
        .extend(watch::changes(asker, &before, &after).iter().map(|change| format!("{asker:?}: {change}")));
    if let Some(robot) = overreaching(app, asker, &scene).await {
        report.wrong.push(format!("{asker:?}: made the robot {robot}"));
    }
}

fn with_carried(mut asked: Asked, scene: &Scene) -> Asked {
    for (name, value) in &scene.carried {
        asked.headers.retain(|(other, _)| other != name);
        asked.headers.push((name, value.clone()));
    }
    asked
}

/// The answer, or what went wrong on the way; nothing when it could not be sent.
async fn ask(scene: &Scene, asked: &Asked, report: &mut Report) -> Option<Result<Answer, String>> {
    let Some(request) = asked.request() else {
        report.unsendable += 1;
        return None;
    };
    report.asked += 1;
    let started = Instant::now();
    // The client holds every answer against the contract, and panics.
    let answer = AssertUnwindSafe(scene.client.send(request)).catch_unwind();
    let answer = tokio::time::timeout(Duration::from_secs(100), answer).await;
    report.slowest = report.slowest.max(started.elapsed());
    Some(match answer {
        Err(_) => Err("no answer".to_owned()),
        Ok(Err(panic)) => {
            Err(panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "panicked".to_owned()))
        }
        Ok(Ok(answer)) => Ok(answer),
    })
}

fn shown(answer: &Answer) -> String {
    format!(
        "{} {:?}\n{}",
        answer.status,
        answer.headers,
        answer.text().chars().take(3000).collect::<String>()
    )
}

/// Why this is no answer for this caller.
fn problem(asker: Asker, asked: &Asked, answer: &Answer) -> Option<String> {
    if answer.status >= 500 {
        return Some(format!("status {}", answer.status));
    }
    // Who reads the log of the whole system, or the catalogue, sees names; only administrators see more.
    let markers: &[&str] = if asker.is(&[Admin, EveryProjectRobot]) {
        &[]
    } else if asker.is(&[SystemRobot]) {
        &[CONTENT]
    } else {
        &[CONTENT, MARKER]
    };
    // Everybody who is known may look for groups and people by name.
    if asked.id == "searchUserGroups" {
        return None;
    }
    let text = format!("{:?}{}", answer.headers, answer.text()).to_lowercase();
    let found = markers.iter().find(|marker| text.contains(**marker))?;
    Some(format!("shows {found}"))
}

/// A robot that somebody in this round's project made for elsewhere.
async fn overreaching(app: &TestApp, asker: Asker, scene: &Scene) -> Option<String> {
    if asker.is(&[Admin, SystemRobot, EveryProjectRobot]) {
        return None;
    }
    let of_team = "SELECT name || ' ' || permissions, permissions FROM robot WHERE project_id = $1";
    let robots = app.db().query(of_team, params![scene.team]).await.unwrap();
    let foreign = |permissions: &str| {
        let list: serde_json::Value = serde_json::from_str(permissions).unwrap();
        let mut numbers = Vec::new();
        collect_projects(&list, &mut numbers);
        numbers.iter().any(|number| *number != scene.team)
    };
    robots.iter().find(|row| foreign(&row.get::<String>(1).unwrap())).map(|row| row.get(0).unwrap())
}

/// Every number in it: permissions name projects by theirs and nothing else.
fn collect_projects(value: &serde_json::Value, numbers: &mut Vec<i64>) {
    match value {
        serde_json::Value::Number(number) => numbers.extend(number.as_i64()),
        serde_json::Value::Array(items) => items.iter().for_each(|item| collect_projects(item, numbers)),
        serde_json::Value::Object(members) => {
            members.values().for_each(|item| collect_projects(item, numbers));
        }
        _ => {}
    }
}

/// The resident size of this process in bytes.
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    pages.split_whitespace().nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or_default() * 4096
}
