//! The log on both engines: what is written, what is kept of its number, what goes out to a syslog server.

use super::record::{Entry, record, record_all};
use super::{Act, Purge, count, forward, lines, list, of_project, purge, visible};
use crate::access::{self, Caller, Person};
use crate::testing::{Place, places};
use haven_db::list::{Page, Query, Sort, parse_q, parse_sort};
use haven_db::{Engine, Timestamp, params};
use serde_json::json;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpSocket, UdpSocket};

const MINUTE: Duration = Duration::from_secs(60);

async fn tell(place: &Place, entry: Entry) {
    let mut tx = place.app.db.begin().await.unwrap();
    record(&place.app, &mut tx, entry).await.unwrap();
    tx.commit().await.unwrap();
}

async fn told(place: &Place) -> Vec<String> {
    place
        .texts("SELECT operation || ' ' || resource_type || ' ' || resource FROM audit_log_ext ORDER BY id")
        .await
}

fn administrator() -> Caller {
    Caller::Person(Person {
        id: 1,
        username: "admin".into(),
        sysadmin: true,
        auth_admin: false,
        groups: Vec::new(),
    })
}

#[tokio::test]
async fn a_line_is_there_exactly_when_its_cause_is() {
    for place in places().await {
        let mut tx = place.app.db.begin().await.unwrap();
        record(&place.app, &mut tx, Entry::new(Act::CreateUser, "admin", "ann")).await.unwrap();
        drop(tx);
        assert_eq!(told(&place).await, [""; 0]);
        tell(&place, Entry::new(Act::UpdateUser, "admin", "ann").with("change user password")).await;
        assert_eq!(told(&place).await, ["update user ann"]);
        let told = place.texts("SELECT description FROM audit_log_ext").await;
        assert_eq!(told, ["update user: ann, change user password"]);
        tell(&place, Entry::new(Act::LoginUser, &"é".repeat(300), "").refused()).await;
        let name = place.texts("SELECT username FROM audit_log_ext WHERE NOT succeeded").await;
        assert_eq!(name, ["é".repeat(255)]);
    }
}

#[tokio::test]
async fn what_the_settings_exclude_is_not_written() {
    for place in places().await {
        let pull = || Entry::new(Act::PullArtifact, "", "library/app:v1");
        let disabled = "create_tag, delete_tag,update_configuration,nothing";
        place.set(json!({ "disabled_audit_log_event_types": disabled })).await;
        tell(&place, Entry::new(Act::CreateTag, "ann", "library/app:v1")).await;
        tell(&place, pull()).await;
        assert_eq!(
            told(&place).await,
            ["update configuration configuration", "pull artifact library/app:v1"]
        );
        let other = json!({
            "disabled_audit_log_event_types": "update_configuration", "pull_audit_log_disable": true,
        });
        place.set(other).await;
        tell(&place, pull()).await;
        tell(&place, Entry::new(Act::CreateTag, "ann", "library/app:v2")).await;
        assert_eq!(told(&place).await[2..], ["create tag library/app:v2"]);
    }
}

/// Many lines: of projects 1 to 4 in turn, a microsecond apart, every hundredth by ann.
async fn fill(place: &Place, many: i64) {
    let fill = "INSERT INTO audit_log_ext
        (project_id, username, operation, resource_type, resource, description, succeeded, happened_at)
        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < CAST($1 AS BIGINT))
        SELECT i % 4 + 1, CASE WHEN i % 100 = 0 THEN 'ann' ELSE 'bob' END,
            CASE WHEN i % 10 = 0 THEN 'delete' ELSE 'pull' END, 'artifact', 'team/app:v' || i, '', TRUE, i FROM n";
    place.db.execute(fill, params![many]).await.unwrap();
}

async fn total(place: &Place, q: &str) -> i64 {
    let scope = visible(&place.app, &administrator()).await.unwrap();
    let query = Query { terms: parse_q(q).unwrap(), page: Page { number: 1, size: 5 }, ..Query::default() };
    lines(&place.app, &scope, query).await.unwrap().1
}

#[tokio::test]
async fn the_number_of_lines_is_kept_and_right_at_any_time() {
    for place in places().await {
        fill(&place, 50_000).await;
        assert_eq!(total(&place, "").await, 50_000, "all are counted");
        assert_eq!(count(&place.app).await.unwrap(), 0, "first it looks where the log ends");
        place.clock.advance(MINUTE);
        fill(&place, 7).await;
        assert_eq!(count(&place.app).await.unwrap(), 0, "these may not all be there yet");
        place.clock.advance(MINUTE);
        assert_eq!(count(&place.app).await.unwrap(), 50_000);
        assert_eq!(place.number("SELECT lines FROM audit_count WHERE project_id = -1").await, 50_000);
        assert_eq!(place.number("SELECT lines FROM audit_count WHERE project_id = 2").await, 12_500);
        assert_eq!(total(&place, "").await, 50_007);
        let project = crate::projects::by_id(&place.app, 1).await.unwrap().unwrap();
        let grant = access::require(&place.app, &administrator(), &project.name).await.unwrap();
        let page = Query { page: Page { number: 2, size: 5 }, ..Query::default() };
        let (found, total_of) = lines(&place.app, &of_project(&grant), page).await.unwrap();
        assert_eq!((found.len(), total_of), (5, 12_501));
        assert_eq!(total(&place, "username=ann").await, 500);
        assert_eq!(total(&place, "username=bob").await, 10_005, "as far as somebody may look ahead");
        assert_eq!(total(&place, "colour=red").await, 50_007, "no filter");
    }
}

#[tokio::test]
async fn old_lines_go_and_are_no_longer_counted() {
    for place in places().await {
        fill(&place, 5_000).await;
        for _ in 0..2 {
            count(&place.app).await.unwrap();
            place.clock.advance(2 * MINUTE);
        }
        assert_eq!(place.number("SELECT lines FROM audit_count WHERE project_id = -1").await, 5_000);
        fill(&place, 100).await;
        let earlier =
            "INSERT INTO audit_log (project_id, username, operation, resource_type, resource, happened_at)
            VALUES (1, 'ann', 'delete', 'artifact', 'a/b:c', 5), (1, 'ann', 'create', 'project', 'a', 6000)";
        place.db.execute(earlier, &[]).await.unwrap();
        let what =
            |types: &str, dry_run| Purge { before: Timestamp(3_001), event_types: types.to_owned(), dry_run };
        assert_eq!(purge(&place.app, &what("other", false)).await.unwrap(), 0);
        assert_eq!(purge(&place.app, &what("create_artifact,delete_artifact", true)).await.unwrap(), 311);
        assert_eq!(total(&place, "").await, 5_100, "nothing yet");
        assert_eq!(purge(&place.app, &what("create_artifact,delete_artifact", false)).await.unwrap(), 311);
        assert_eq!(total(&place, "").await, 5_100 - 310);
        assert_eq!(place.number("SELECT lines FROM audit_count WHERE project_id = -1").await, 5_000 - 300);
        assert_eq!(place.number("SELECT COUNT(*) FROM audit_log").await, 1);
        assert_eq!(purge(&place.app, &what("pull_artifact,other", false)).await.unwrap(), 2_790);
        assert_eq!(total(&place, "").await, 2_000);
    }
}

/// What the engine does for a page of the log.
async fn plan(place: &Place, projects: Option<Vec<i64>>, q: &str, sort: &str) -> String {
    let query = Query { terms: parse_q(q).unwrap(), sort: parse_sort(sort), page: Page::default() };
    list::plan(&place.app, projects, query).await
}

#[tokio::test]
async fn the_first_page_of_a_long_log_comes_from_an_index() {
    for place in places().await {
        fill(&place, 100_000).await;
        if place.db.engine() == Engine::Postgres {
            place.db.execute("ANALYZE audit_log_ext", &[]).await.unwrap();
        }
        for (projects, q, sort, index) in [
            (None, "", "", "audit_log_ext_time"),
            (None, "", "-op_time", "audit_log_ext_time"),
            (None, "", "op_time,username", "audit_log_ext_time"),
            (None, "", "-creation_time", "audit_log_ext_time"),
            (None, "op_time=[2024-01-01T00:00:00~]", "", "audit_log_ext_time"),
            (None, "username=ann", "", "audit_log_ext_username"),
            (Some(vec![3]), "", "", "audit_log_ext_project"),
            (Some(vec![3]), "", "op_time", "audit_log_ext_project"),
        ] {
            let plan = plan(&place, projects, q, sort).await;
            let words = plan.to_lowercase();
            assert!(words.contains(index), "{q} {sort}\n{plan}");
            assert!(!words.contains("sort") && !words.contains("temp b-tree"), "{q} {sort}\n{plan}");
        }
        let sorted =
            Query { sort: vec![Sort { key: "op_time".into(), descending: false }], ..Query::default() };
        let scope = visible(&place.app, &administrator()).await.unwrap();
        let (found, _) = lines(&place.app, &scope, sorted).await.unwrap();
        assert_eq!(found[0].happened_at, Timestamp(1));
    }
}

/// A syslog server that takes one connection, and what came over it.
async fn taken(listener: &TcpListener) -> Vec<String> {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert!(text.ends_with('\n'), "{text}");
    text.lines().map(str::to_owned).collect()
}

async fn endpoint(place: &Place, endpoint: &str, skip: bool) {
    let change = json!({
        "audit_log_forward_endpoint": endpoint, "skip_audit_log_database": skip,
        "disabled_audit_log_event_types": "update_configuration",
    });
    place.set(change).await;
}

#[tokio::test]
async fn lines_wait_for_a_server_that_is_away() {
    for place in places().await {
        // Bound without listening, so that nobody else is given the address while the server is away.
        let held = TcpSocket::new_v4().unwrap();
        held.set_reuseaddr(true).unwrap();
        held.bind(([127, 0, 0, 1], 0).into()).unwrap();
        let address = held.local_addr().unwrap();
        let listener = TcpListener::bind(address).await.unwrap();
        // The settings look whether it is there.
        endpoint(&place, &address.to_string(), false).await;
        drop(listener.accept().await.unwrap());
        drop(listener);
        tell(&place, Entry::new(Act::CreateProject, "ann", "team")).await;
        for _ in 0..3 {
            assert_eq!(forward(&place.app).await.unwrap(), 0, "which is no error");
        }
        tell(&place, Entry::new(Act::DeleteProject, "ann", "team")).await;
        let listener = TcpListener::bind(address).await.unwrap();
        let other = place.replica().await;
        let (sent, lines) = tokio::join!(forward(&other), taken(&listener));
        assert_eq!((sent.unwrap(), lines.len()), (2, 2));
        assert!(lines[0].ends_with("create project: team, operation_result:true"), "{}", lines[0]);
        assert!(lines[1].contains("operator=\"ann\"") && lines[1].contains("action:delete"), "{}", lines[1]);
        assert_eq!(place.number("SELECT COUNT(*) FROM audit_forward").await, 0);
        assert_eq!(forward(&place.app).await.unwrap(), 0);
        let kept = ["update configuration configuration", "create project team", "delete project team"];
        assert_eq!(told(&place).await, kept);
    }
}

#[tokio::test]
async fn a_log_that_is_only_forwarded_is_not_kept() {
    for place in places().await {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        endpoint(&place, &listener.local_addr().unwrap().to_string(), true).await;
        drop(listener.accept().await.unwrap());
        let many = (0..1_500).map(|n| (Timestamp(n), Entry::new(Act::PullArtifact, "", format!("a/b:{n}"))));
        let mut tx = place.app.db.begin().await.unwrap();
        record_all(&place.app, &mut tx, many.collect()).await.unwrap();
        tx.commit().await.unwrap();
        let both = async { (taken(&listener).await.len(), taken(&listener).await.len()) };
        let (sent, (first, second)) = tokio::join!(forward(&place.app), both);
        assert_eq!((sent.unwrap(), first, second), (1_500, 1_000, 500));
        assert_eq!(told(&place).await, ["update configuration configuration"], "only what came before");
        let alone = "UPDATE setting SET value = '' WHERE name = 'audit_log_forward_endpoint'";
        place.db.execute(alone, &[]).await.unwrap();
        let other = Place { app: place.replica().await, ..place };
        tell(&other, Entry::new(Act::CreateProject, "ann", "team")).await;
        assert_eq!(told(&other).await[1..], ["create project team"], "it goes nowhere else");
    }
}

#[tokio::test]
async fn datagrams_are_one_message_each() {
    for place in places().await {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        endpoint(&place, &format!("udp://{}", socket.local_addr().unwrap()), false).await;
        for name in ["one", "two"] {
            tell(&place, Entry::new(Act::CreateProject, "ann", name)).await;
        }
        assert_eq!(forward(&place.app).await.unwrap(), 2);
        for name in ["one", "two"] {
            let mut buffer = [0; 2_000];
            let length = socket.recv(&mut buffer).await.unwrap();
            let message = String::from_utf8_lossy(&buffer[..length]).into_owned();
            assert!(message.starts_with("<110>1 ") && message.contains(name), "{message}");
        }
    }
}

/// Whoever fails to log in chooses the name that is recorded; a datagram that is too long would stop all lines behind it.
#[tokio::test]
async fn a_name_of_any_length_fits_into_a_datagram() {
    for place in places().await {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        endpoint(&place, &format!("udp://{}", socket.local_addr().unwrap()), false).await;
        let long = "\u{10348}".repeat(16 << 10);
        tell(&place, Entry::new(Act::LoginUser, &long, long.as_str()).refused()).await;
        assert_eq!(forward(&place.app).await.unwrap(), 1);
        let kept = place.number("SELECT LENGTH(resource) FROM audit_log_ext WHERE NOT succeeded").await;
        assert_eq!(kept, 1_024);
    }
}

#[tokio::test]
async fn one_replica_sends_and_too_many_lines_do_not_wait() {
    for place in places().await {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        endpoint(&place, &format!("udp://{}", socket.local_addr().unwrap()), false).await;
        let rows =
            "INSERT INTO audit_forward (id, line) VALUES (1, 'old'), (50001, 'older'), (250000, 'new')";
        place.db.execute(rows, &[]).await.unwrap();
        let lease = "UPDATE audit_forward_lease SET holder = 'another', until = $1";
        let until = place.clock.now() + MINUTE;
        place.db.execute(lease, params![until]).await.unwrap();
        assert_eq!(forward(&place.app).await.unwrap(), 0, "another replica sends");
        assert_eq!(place.texts("SELECT line FROM audit_forward ORDER BY id").await, ["older", "new"]);
        place.clock.advance(MINUTE + Duration::from_secs(1));
        assert_eq!(forward(&place.app).await.unwrap(), 2, "it died");
        place.db.execute(rows, &[]).await.unwrap();
        endpoint(&place, "", false).await;
        assert_eq!(forward(&place.app).await.unwrap(), 0);
        assert_eq!(place.number("SELECT COUNT(*) FROM audit_forward").await, 0, "nobody wants them");
    }
}
