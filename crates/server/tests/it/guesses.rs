//! Guessing at passwords: slow, on however many replicas, and a nuisance to nobody else.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use crate::on_each_engine;
use haven_core::identity;
use haven_testkit::{Answer, Client, TestApp};
use haven_web::conn::Network;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use tokio::time::timeout;

const CURRENT: &str = "/api/v2.0/users/current";
const PASSWORD: &str = "Harbor12345";
/// Long enough that nothing but a wait takes it, short enough to wait for.
const DELAY: Duration = Duration::from_millis(400);
/// Longer than anything takes that does not wait.
const LONG: Duration = Duration::from_secs(240);

async fn status(client: &Client) -> u16 {
    client.get(CURRENT).await.status
}

async fn failures(app: &TestApp) -> (i64, i64) {
    let all = "SELECT COUNT(*), COALESCE(MAX(failures), 0) FROM login_failure";
    let row = app.db().query_one(all, &[]).await.unwrap();
    (row.get(0).unwrap(), row.get(1).unwrap())
}

/// Time goes by for the application too.
async fn wait(app: &TestApp, time: Duration) {
    app.clock.advance(time);
    tokio::task::yield_now().await;
}

#[tokio::test]
async fn a_wrong_password_makes_the_next_wait_on_every_replica() {
    on_each_engine(async |app| {
        let (one, two) = (app.patient_replica(DELAY).await, app.patient_replica(DELAY).await);
        assert_eq!(
            (status(&one).await, failures(&app).await),
            (200, (0, 0)),
            "nothing is written when all is well"
        );
        let started = Instant::now();
        assert_eq!(status(&one.with_password("admin", "wrong")).await, 401);
        assert!(started.elapsed() >= DELAY, "the refusal comes late");
        assert_eq!(failures(&app).await, (1, 1));
        let started = Instant::now();
        assert_eq!(status(&two).await, 401, "not looked at, right as it is");
        assert!(started.elapsed() >= DELAY, "it waited for its turn");
        assert_eq!(failures(&app).await, (1, 1), "and did not make it worse");
        wait(&app, DELAY).await;
        assert_eq!((status(&two).await, failures(&app).await), (200, (0, 0)), "forgiven");
        assert_eq!(status(&one).await, 200);
    })
    .await;
}

#[tokio::test]
async fn who_mistyped_gets_in_when_the_wait_is_over() {
    on_each_engine(async |app| {
        let client = app.patient_replica(DELAY).await;
        assert_eq!(status(&client.with_password("admin", "wrong")).await, 401);
        let asked: Vec<_> = (0..4)
            .map(|_| {
                let client = client.clone();
                tokio::spawn(async move { status(&client).await })
            })
            .collect();
        tokio::time::sleep(DELAY / 4).await;
        wait(&app, DELAY).await;
        for asked in asked {
            assert_eq!(asked.await.unwrap(), 200, "however many of theirs come together");
        }
    })
    .await;
}

#[tokio::test]
async fn guesses_that_come_together_count_as_few() {
    on_each_engine(async |app| {
        let replicas = [app.patient_replica(DELAY).await, app.patient_replica(DELAY).await];
        assert_eq!(status(&replicas[0]).await, 200);
        let asked: Vec<_> = (0..60)
            .map(|n| {
                let guess = if n == 59 { PASSWORD.to_owned() } else { format!("Wrong{n}") };
                let client = replicas[n % 2].with_password("admin", &guess);
                tokio::spawn(async move { status(&client).await })
            })
            .collect();
        for asked in asked {
            assert_eq!(asked.await.unwrap(), 401, "the sixtieth guess is not looked at");
        }
        let (rows, count) = failures(&app).await;
        assert!(rows == 1 && count <= 4, "{count} were looked at");
    })
    .await;
}

/// A request waits for another one with the same credentials, and learns nothing from one that was not looked at.
#[tokio::test]
async fn guesses_that_come_in_pairs_are_no_better() {
    on_each_engine(async |app| {
        let client = app.patient_replica(DELAY).await;
        assert_eq!(status(&client).await, 200);
        let asked: Vec<_> = (0..160)
            .map(|n| {
                let guess = if n / 2 == 12 { PASSWORD.to_owned() } else { format!("Wrong{}", n / 2) };
                let client = client.with_password("admin", &guess);
                tokio::spawn(async move { status(&client).await })
            })
            .collect();
        for asked in asked {
            assert_eq!(asked.await.unwrap(), 401, "the right one is not looked at");
        }
    })
    .await;
}

#[tokio::test]
async fn waits_grow_with_stubbornness_and_never_end_an_account() {
    on_each_engine(async |app| {
        let client = app.patient_replica(DELAY).await;
        let wrong = client.with_password("admin", "wrong");
        for _ in 0..8 {
            assert_eq!(status(&wrong).await, 401);
            wait(&app, DELAY * 8).await;
        }
        assert_eq!(failures(&app).await, (1, 8));
        assert_eq!(status(&wrong).await, 401);
        let until = app.db().query_one("SELECT wait_until FROM login_failure", &[]).await.unwrap();
        let until: haven_db::Timestamp = until.get(0).unwrap();
        assert_eq!(until.since(app.clock.now()), DELAY * 8, "and not longer than that");
        wait(&app, DELAY * 8).await;
        assert_eq!(status(&client).await, 200);
        assert_eq!(status(&wrong).await, 401);
        assert_eq!(failures(&app).await, (1, 1), "it begins again");
    })
    .await;
}

#[tokio::test]
async fn nobody_waits_for_the_guesses_of_others() {
    on_each_engine(async |app| {
        app.person("ann").await;
        let client = app.patient_replica(DELAY).await;
        assert_eq!(status(&client.with_password("ann", "wrong")).await, 401);
        assert_eq!(status(&client).await, 200, "another account");
        let from = async |address: &str, secret: &str| {
            let ann = client.with_password("ann", secret);
            let headers = [("x-forwarded-for", address)];
            ann.request(http::Method::GET, CURRENT, &headers, "").await.status
        };
        // Loopback is no trusted proxy here, so the header is a mere claim.
        assert_eq!(from("192.0.2.9", PASSWORD).await, 401);
        let network = Network { trusted: vec!["127.0.0.0/8".parse().unwrap()], ..Network::default() };
        let trusted = app.replica_within(network, DELAY).await;
        let ann = trusted.with_password("ann", PASSWORD);
        let other = [("x-forwarded-for", "192.0.2.9")];
        assert_eq!(ann.request(http::Method::GET, CURRENT, &other, "").await.status, 200, "another network");
        let wrong = trusted.with_password("ann", "wrong");
        for address in ["2001:db8:1:2::a", "2001:db8:1:2::b"] {
            let headers = [("x-forwarded-for", address)];
            let started = Instant::now();
            assert_eq!(wrong.request(http::Method::GET, CURRENT, &headers, "").await.status, 401);
            assert!(started.elapsed() >= DELAY);
        }
        assert_eq!(failures(&app).await.0, 2, "addresses of one IPv6 network are one");
    })
    .await;
}

#[tokio::test]
async fn names_that_nobody_has_are_damped_like_others() {
    on_each_engine(async |app| {
        let client = app.patient_replica(DELAY).await;
        for name in ["nobody", "admin@", "a\u{7f}b"] {
            assert_eq!(status(&client.with_password(name, "wrong")).await, 401);
        }
        assert_eq!(failures(&app).await, (3, 1));
        let keys = app.db().query("SELECT key FROM login_failure", &[]).await.unwrap();
        assert!(
            keys.iter().all(|row| row.get::<Vec<u8>>(0).unwrap().len() == 32),
            "without the names themselves"
        );
        wait(&app, Duration::from_secs(16 * 60)).await;
        assert_eq!(identity::forget_failures(&app.app).await.unwrap(), 3);
        assert_eq!(failures(&app).await, (0, 0));
    })
    .await;
}

#[tokio::test]
async fn every_door_is_damped_alike() {
    on_each_engine(async |app| {
        let client = app.patient_replica(DELAY).await;
        let browser = haven_testkit::Browser::at(&client);
        assert_eq!(browser.log_in("admin", "wrong").await.status, 401);
        assert_eq!(failures(&app).await, (1, 1));
        assert_eq!(status(&client).await, 401, "the API knows of the form");
        wait(&app, DELAY).await;
        assert_eq!(browser.log_in("admin", PASSWORD).await.status, 200);
        let guess = serde_json::json!({ "old_password": "wrong", "new_password": "Harbor54321" });
        assert_eq!(browser.put("/api/v2.0/users/1/password", &guess).await.status, 403);
        assert_eq!(failures(&app).await, (1, 1), "a stolen session is no place to guess either");
        // Tokens cannot be guessed: a wrong one delays nobody, also where a delay is long.
        let slow = app.patient_replica(LONG).await;
        let token = slow.with_password("admin", &format!("haven_pat_{}", "x".repeat(44)));
        let answered = timeout(LONG / 2, status(&token)).await;
        assert_eq!((answered, failures(&app).await), (Ok(401), (1, 1)));
    })
    .await;
}

#[tokio::test]
async fn a_clock_that_is_turned_back_keeps_nobody_waiting() {
    on_each_engine(async |app| {
        let client = app.patient_replica(DELAY).await;
        assert_eq!(status(&client.with_password("admin", "wrong")).await, 401);
        app.clock.turn_back(Duration::from_secs(3600));
        assert_eq!(status(&client).await, 200);
    })
    .await;
}

/// A replica that believes what a proxy on this machine says of addresses, and that refuses at once.
async fn behind_a_proxy(app: &TestApp) -> Client {
    let network = Network { trusted: vec!["127.0.0.0/8".parse().unwrap()], ..Network::default() };
    app.replica_within(network, Duration::from_millis(1)).await
}

/// Asks beside others, as from this address.
fn ask_from(address: impl Into<String>, client: Client, path: &'static str) -> JoinHandle<Answer> {
    let address = address.into();
    tokio::spawn(async move {
        client.request(http::Method::GET, path, &[("x-forwarded-for", &address)], "").await
    })
}

#[tokio::test]
async fn a_flood_is_sent_away_and_keeps_nobody_else_waiting() {
    on_each_engine(async |app| {
        app.person("ann").await;
        let client = behind_a_proxy(&app).await;
        let doors = [CURRENT, "/v2/", "/service/token?service=harbor-registry", "/api/v2.0/projects"];
        let guess = |n: usize| client.with_password(&format!("name{n}"), "wrong");
        let flood: Vec<_> = (0..400).map(|n| ask_from("192.0.2.9", guess(n), doors[n % 4])).collect();
        // By now they stand in line.
        for _ in 0..1000 {
            tokio::task::yield_now().await;
        }
        let ann = client.with_password("ann", PASSWORD);
        let ann = ask_from("192.0.2.10", ann, CURRENT).await.unwrap();
        assert_eq!(ann.status, 200, "{}", ann.text());
        let (mut looked_at, mut sent_away) = (0, 0);
        for answer in flood {
            let answer = answer.await.unwrap();
            if answer.status == 503 {
                assert_eq!((answer.header("retry-after"), answer.code().as_str()), ("5", "UNAVAILABLE"));
                sent_away += 1;
            } else {
                looked_at += 1;
            }
        }
        assert!(sent_away > 100 && looked_at >= 128, "{sent_away} sent away, {looked_at} looked at");
        assert_eq!(failures(&app).await.0, looked_at, "only what was looked at counts");
        assert_eq!(status(&client).await, 200);
    })
    .await;
}

/// As when a deployment starts everywhere with the same pull secret, while the line is long.
#[tokio::test]
async fn a_crowd_with_the_same_password_is_no_flood() {
    on_each_engine(async |app| {
        app.person("ann").await;
        let client = behind_a_proxy(&app).await;
        let guess = |n| client.with_password(&format!("name{n}"), "wrong");
        let flood: Vec<_> = (0..120).map(|n| ask_from("192.0.2.9", guess(n), CURRENT)).collect();
        let ann = client.with_password("ann", PASSWORD);
        let crowd: Vec<_> = (0..200).map(|_| ask_from("192.0.2.10", ann.clone(), CURRENT)).collect();
        for one in crowd {
            assert_eq!(one.await.unwrap().status, 200);
        }
        for one in flood {
            assert_eq!(one.await.unwrap().status, 401);
        }
    })
    .await;
}

/// Turns go round the networks, and a full line makes room for who has fewer in it.
#[tokio::test]
async fn a_flood_from_many_addresses_keeps_nobody_else_waiting() {
    on_each_engine(async |app| {
        app.person("ann").await;
        let client = behind_a_proxy(&app).await;
        let three = ["192.0.2.9", "198.51.100.9", "203.0.113.9"].map(str::to_owned).to_vec();
        let one_site = (0..40).map(|n| format!("2001:db8:7:{n:x}::1")).collect();
        for (round, addresses) in [three, one_site].iter().enumerate() {
            let guess = |n| client.with_password(&format!("name{round}-{n}"), "wrong");
            let flood: Vec<_> = (0..500)
                .map(|n| ask_from(addresses[n % addresses.len()].as_str(), guess(n), CURRENT))
                .collect();
            // The line takes 256, and others have been sent away.
            while flood.iter().filter(|asked| asked.is_finished()).count() < 240 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            let (before, _) = failures(&app).await;
            let ann = client.with_password("ann", PASSWORD);
            let ann = ask_from(format!("192.0.2.1{round}"), ann, "/v2/").await.unwrap();
            assert_eq!(ann.status, 200, "{}", ann.text());
            let turns = failures(&app).await.0 - before;
            assert!(turns < 30, "{turns} were looked at before");
            for asked in flood {
                asked.abort();
            }
        }
    })
    .await;
}
