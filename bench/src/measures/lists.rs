//! Lists and searches over the REST API, over connections that stay open, in a database that `estate` filled.

use std::time::{Duration, Instant};

use clap::Args;

use super::{Found, Latencies, in_turn, rates_within, together};
use crate::Result;
use crate::auth;
use crate::client::{Connection, expect};
use crate::estate::{project, repository, tag};
use crate::peer::{Common, Peer};

/// By how many, for how long, over what.
#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    common: Common,
    /// How many connections at once.
    #[arg(long, default_value_t = 64)]
    clients: usize,
    /// How long a run takes, for each kind of list.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
}

/// The sizes that do not differ between servers: repositories of a project, artifacts of one, tags of one of these.
const REPOSITORIES: u64 = 100;
const ARTIFACTS: u64 = 10;
const TAGS: u64 = 5;

/// What is asked for, in the words of the report, and the path of one such request.
type Kind = (&'static str, fn(&mut Dice, u64) -> String);

const KINDS: [Kind; 7] = [
    ("projects", |dice, projects| {
        format!("/projects?page_size=15&page={}", 1 + dice.below(projects.div_ceil(15)))
    }),
    ("repositories", |dice, projects| {
        let page = 1 + dice.below(REPOSITORIES.div_ceil(15));
        format!("/projects/{}/repositories?page_size=15&page={page}", project(dice.below(projects)))
    }),
    ("artifacts with tags and labels", |dice, projects| {
        format!("{}/artifacts?page_size=15&with_tag=true&with_label=true", dice.repository(projects))
    }),
    ("an artifact by tag", |dice, projects| {
        let repository = dice.repository(projects);
        format!("{repository}/artifacts/{}?with_label=true", tag(dice.below(ARTIFACTS), dice.below(TAGS)))
    }),
    ("tags", |dice, projects| {
        let repository = dice.repository(projects);
        format!("{repository}/artifacts/{}/tags?page_size=15", tag(dice.below(ARTIFACTS), 0))
    }),
    ("search", |dice, projects| format!("/search?q={}", project(dice.below(projects)))),
    ("audit records", |dice, _| format!("/auditlog-exts?page_size=15&page={}", 1 + dice.below(5))),
];

/// Draws of a client, the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end.max(1)
    }

    fn repository(&mut self, projects: u64) -> String {
        format!("/projects/{}/repositories/{}", project(self.below(projects)), repository(self.below(REPOSITORIES)))
    }
}

pub(crate) async fn run(options: &Options) -> Result<()> {
    let peers = options.common.open()?;
    in_turn(&options.common, "lists", &peers, async |peer, _| {
        let mut found = Vec::new();
        for kind in KINDS {
            found.extend(once(peer, options, kind).await.map_err(|error| format!("{}: {error}", kind.0))?);
        }
        Ok(found)
    })
    .await
}

async fn once(peer: &Peer, options: &Options, (row, path): Kind) -> Result<Found> {
    let projects = peer.artifacts.ok_or("how many projects are there?")? / (REPOSITORIES * ARTIFACTS);
    let authorization = auth::basic(peer).ok_or("there is no password")?;
    let request = move |dice: &mut Dice, host: &str| {
        let path = path(dice, projects);
        format!("GET /api/v2.0{path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: {authorization}\r\n\r\n")
    };
    let mut open = Vec::new();
    for client in 0..options.clients {
        let (mut connection, mut dice) = (Connection::open(peer).await?, Dice(client as u64 + 1));
        ask(&mut connection, &request(&mut dice, &peer.host)).await?;
        open.push((connection, dice));
    }
    let began = Instant::now();
    let end = began + Duration::from_secs_f64(options.seconds);
    let clients = open.into_iter().map(|(mut connection, mut dice)| {
        let (request, host) = (request.clone(), peer.host.clone());
        async move {
            let mut latencies = Latencies::until(end);
            while latencies.go_on() {
                let request = request(&mut dice, &host);
                let began = Instant::now();
                ask(&mut connection, &request).await?;
                latencies.since(began);
            }
            Ok(latencies)
        }
    });
    let latencies = together(clients).await?;
    Ok(rates_within(row, 95, latencies, began.elapsed()))
}

/// An answer that has something in it.
async fn ask(connection: &mut Connection, request: &str) -> Result<()> {
    connection.send(request.as_bytes()).await?;
    let head = connection.head().await?;
    let body = connection.body(&head).await?;
    expect(head.status, 200, request.lines().next().unwrap_or_default(), &body)?;
    if body.len() > 20 { Ok(()) } else { Err(format!("an empty list: {}", String::from_utf8_lossy(&body)).into()) }
}
