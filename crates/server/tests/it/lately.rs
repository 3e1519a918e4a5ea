//! Whoever was right lately is let in while somebody beside them guesses, and a guesser gains little by that.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use crate::on_each_engine;
use haven_db::params;
use haven_testkit::{Client, TestApp};
use haven_web::conn::Network;
use http::Method;
use std::time::Duration;

const CURRENT: &str = "/api/v2.0/users/current";
const DELAY: Duration = Duration::from_millis(50);
const DOCKER: &str = "docker/27.1.1 go/go1.21.12";
const HERE: &str = "192.0.2.9";

/// So many guesses are compared with what is remembered.
const COMPARED: usize = 8;

/// The status of what this program asks from this address.
async fn ask(client: &Client, program: &str, address: &str) -> u16 {
    let headers = [("x-forwarded-for", address), ("user-agent", program)];
    client.request(Method::GET, CURRENT, &headers, "").await.status
}

/// As the administrator and as somebody who guesses, at a replica that believes what it is told of addresses.
async fn at_a_door(app: &TestApp) -> (Client, impl Fn(usize) -> Client) {
    let network = Network { trusted: vec!["127.0.0.0/8".parse().unwrap()], ..Network::default() };
    let owner = app.replica_within(network, DELAY).await;
    let guesser = owner.clone();
    (owner, move |n| guesser.with_password("admin", &format!("Wrong{n}")))
}

async fn failed(app: &TestApp) -> i64 {
    let row = app
        .db()
        .query_one("SELECT COALESCE(CAST(SUM(failures) AS BIGINT), 0) FROM login_failure", &[])
        .await
        .unwrap();
    row.get(0).unwrap()
}

#[tokio::test]
async fn who_was_right_is_let_in_whatever_others_guess() {
    on_each_engine(async |app| {
        let (owner, guess) = at_a_door(&app).await;
        assert_eq!(ask(&owner, DOCKER, HERE).await, 200);
        for n in 0..5 {
            assert_eq!(ask(&guess(n), "hydra", HERE).await, 401);
            assert_eq!(ask(&owner, DOCKER, HERE).await, 200, "after {n}");
        }
        assert_eq!(failed(&app).await, 1, "the guesses wait as before, and are not forgiven");
        assert_eq!(ask(&owner, "hydra", HERE).await, 401, "the right guess is worth nothing yet");
        assert_eq!(ask(&owner, "", HERE).await, 401, "nor is it of who does not say what it is");
        app.clock.advance(DELAY);
        assert_eq!(ask(&owner, "hydra", HERE).await, 200, "unless it has waited");
    })
    .await;
}

#[tokio::test]
async fn a_guesser_in_disguise_gains_a_few_guesses_and_no_more() {
    on_each_engine(async |app| {
        let (owner, guess) = at_a_door(&app).await;
        assert_eq!(ask(&owner, DOCKER, HERE).await, 200);
        for n in 0..COMPARED {
            assert_eq!(ask(&guess(n), DOCKER, HERE).await, 401, "the first is checked and fails");
        }
        assert_eq!(ask(&owner, DOCKER, HERE).await, 200);
        assert_eq!(ask(&guess(COMPARED), DOCKER, HERE).await, 401);
        assert_eq!(ask(&owner, DOCKER, HERE).await, 401, "what is remembered is of no use any more");
        assert_eq!(failed(&app).await, 1);
        app.clock.advance(DELAY);
        assert_eq!(ask(&owner, DOCKER, HERE).await, 200, "it has waited");
        assert_eq!(ask(&guess(0), "hydra", HERE).await, 401);
        assert_eq!(ask(&owner, DOCKER, HERE).await, 401, "being right brings no new guesses");
    })
    .await;
}

/// More at once are not compared before they are counted.
#[tokio::test]
async fn guesses_that_come_together_gain_no_more() {
    on_each_engine(async |app| {
        let (owner, guess) = at_a_door(&app).await;
        assert_eq!(ask(&owner, DOCKER, HERE).await, 200);
        assert_eq!(ask(&guess(0), "hydra", HERE).await, 401);
        let guesses: Vec<_> = (0..60).map(|n| if n < 40 { guess(n) } else { owner.clone() }).collect();
        let asked = guesses.iter().map(|client| ask(client, DOCKER, HERE));
        let answers = futures::future::join_all(asked).await;
        assert!(answers.iter().all(|status| *status == 401), "{answers:?}");
    })
    .await;
}

#[tokio::test]
async fn what_is_remembered_is_of_one_network_and_one_password() {
    on_each_engine(async |app| {
        drop(app.person("ann").await);
        let (owner, _) = at_a_door(&app).await;
        let (ann, wrong) = (owner.with_password("ann", "Harbor12345"), owner.with_password("ann", "wrong"));
        assert_eq!(ask(&ann, DOCKER, HERE).await, 200);
        assert_eq!(ask(&ann, DOCKER, "192.0.2.10").await, 200, "without a check, a moment later");
        for address in [HERE, "192.0.2.10", "192.0.2.11"] {
            assert_eq!(ask(&wrong, "hydra", address).await, 401);
        }
        assert_eq!(ask(&ann, DOCKER, "192.0.2.10").await, 200);
        assert_eq!(ask(&ann, DOCKER, "192.0.2.11").await, 401, "it was never right there");
        let changed = "UPDATE user_account SET version = version + 1 WHERE username = $1";
        app.db().execute(changed, params!["ann"]).await.unwrap();
        assert_eq!(ask(&ann, DOCKER, HERE).await, 401, "the password is another one");
    })
    .await;
}
