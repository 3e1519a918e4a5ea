//! Sessions of browsers: how they begin, hold and end, and that no other site can use them.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use crate::on_each_engine;
use haven_core::sessions;
use haven_testkit::{Answer, Browser, TestApp};
use http::Method;
use serde_json::json;
use std::time::Duration;

const CURRENT: &str = "/api/v2.0/users/current";
const PROJECTS: &str = "/api/v2.0/projects";
const PASSWORD: &str = "Harbor12345";
const INVALID: &str = "CSRF token invalid";
const MISSING: &str = "CSRF token not found in request";
const MINUTE: Duration = Duration::from_secs(60);

/// Somebody who has logged in.
async fn logged_in(app: &TestApp, name: &str) -> Browser {
    let browser = app.browser();
    assert_eq!(browser.log_in(name, PASSWORD).await.status, 200);
    browser
}

async fn is_in(browser: &Browser) -> bool {
    browser.get(CURRENT).await.status == 200
}

fn cookies(answer: &Answer) -> Vec<String> {
    answer.headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap().to_owned()).collect()
}

fn forbidden(answer: &Answer, message: &str) {
    let told = (answer.status, answer.code(), answer.message());
    assert_eq!(told, (403, "FORBIDDEN".to_owned(), message.to_owned()));
    assert_eq!(answer.headers.get_all("x-harbor-csrf-token").iter().count(), 1, "with which to try again");
}

async fn rows(app: &TestApp) -> i64 {
    app.db().query_one("SELECT COUNT(*) FROM session", &[]).await.unwrap().get(0).unwrap()
}

#[tokio::test]
async fn the_portal_logs_in_works_and_logs_out_on_any_replica() {
    on_each_engine(async |app| {
        app.person("ann").await;
        let (browser, replica) = (app.browser(), app.replica().await);
        let first = browser.get("/api/v2.0/systeminfo").await;
        assert!(!first.header("x-harbor-csrf-token").is_empty() && first.header("vary").contains("Cookie"));
        let given = cookies(&first);
        assert_eq!((given.len(), browser.cookie("_gorilla_csrf").contains('=')), (1, false));
        assert!(given[0].ends_with("; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict"), "{given:?}");
        assert_eq!(browser.get(CURRENT).await.status, 401);
        let browser = browser.moved_to(&replica);
        let entered = browser.log_in("ann", PASSWORD).await;
        assert_eq!((entered.status, entered.text().as_str()), (200, ""));
        let given = cookies(&entered);
        assert!(
            given[0].starts_with("sid=") && given[0].ends_with("; Path=/; HttpOnly; SameSite=Lax"),
            "{given:?}"
        );
        for browser in [browser.clone(), browser.moved_to(&app.anonymous())] {
            let me = browser.get(CURRENT).await;
            assert_eq!(me.json()["username"], "ann");
            assert!(!me.header("x-harbor-csrf-token").is_empty());
            let name = format!("p{}", browser.get(PROJECTS).await.header("x-total-count"));
            let made = browser.post(PROJECTS, &json!({ "project_name": name })).await;
            assert_eq!(made.status, 201, "{}", made.text());
        }
        let (thief, out) = (browser.copy(), browser.get("/c/log_out").await);
        assert_eq!((out.status, out.text().as_str(), rows(&app).await), (200, "", 0));
        assert_eq!(browser.cookie("sid"), "");
        assert!(!is_in(&browser).await && !is_in(&thief).await && !is_in(&thief.moved_to(&replica)).await);
        assert_eq!(browser.get("/c/log_out").await.status, 200, "twice is once");
        assert_eq!(browser.log_in("ann@example.com", PASSWORD).await.status, 200, "and in again");
    })
    .await;
}

#[tokio::test]
async fn whoever_is_not_known_gets_no_session() {
    on_each_engine(async |app| {
        app.person("ann").await;
        let browser = app.browser();
        browser.get("/api/v2.0/systeminfo").await;
        let long = "x".repeat(2000);
        for fields in [
            [("principal", "ann"), ("password", "wrong")].as_slice(),
            &[("principal", "bob"), ("password", PASSWORD)],
            &[("principal", "ann")],
            &[("principal", "ann\0"), ("password", PASSWORD)],
            &[("name", "ann"), ("password", PASSWORD)],
            &[("principal", "ann"), ("password", &*long)],
            &[],
        ] {
            let refused = browser.form("/c/login", fields).await;
            assert!(
                refused.status == 401 && refused.text().is_empty() || refused.status == 400,
                "{fields:?}"
            );
            assert!(cookies(&refused).is_empty());
        }
        let json = browser.post("/c/login", &json!({ "principal": "ann", "password": PASSWORD })).await;
        assert_eq!(json.status, 401, "no form");
        let path = format!("/c/login?principal=ann&password={PASSWORD}");
        assert_eq!(browser.form(&path, &[]).await.status, 401, "a password in a URL is none");
        assert_eq!(browser.get("/c/login").await.status, 405);
        assert_eq!(browser.get("/c/nothing").await.status, 404);
        let huge = browser.form("/c/login", &[("principal", &"x".repeat(40_000))]).await;
        assert_eq!(huge.status, 413);
        assert_eq!(rows(&app).await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_log_in_never_takes_over_the_id_that_it_is_given() {
    on_each_engine(async |app| {
        app.person("ann").await;
        let attacker = logged_in(&app, "admin").await;
        let planted = attacker.cookie("sid");
        let victim = app.browser();
        victim.set_cookie("sid", &planted);
        assert_eq!(victim.log_in("ann", PASSWORD).await.status, 200);
        assert_ne!(victim.cookie("sid"), planted);
        assert!(!is_in(&attacker).await, "and the planted one is over");
        let made_up = "A".repeat(43);
        let victim = app.browser();
        victim.set_cookie("sid", &made_up);
        assert_eq!(victim.log_in("ann", PASSWORD).await.status, 200);
        assert_ne!(victim.cookie("sid"), made_up);
        let once = victim.cookie("sid");
        assert_eq!(victim.log_in("ann", PASSWORD).await.status, 200);
        assert_ne!(victim.cookie("sid"), once, "a new one each time");
    })
    .await;
}

#[tokio::test]
async fn only_the_whole_id_opens_a_session() {
    on_each_engine(async |app| {
        let browser = logged_in(&app, "admin").await;
        let sid = browser.cookie("sid");
        assert_eq!(sid.len(), 43);
        let stored = app.db().query_one("SELECT id_hash FROM session", &[]).await.unwrap();
        let hash: Vec<u8> = stored.get(0).unwrap();
        assert!(
            hash.len() == 32 && !hash.windows(4).any(|four| sid.as_bytes().windows(4).any(|id| id == four))
        );
        let flipped = if sid.starts_with('A') { "B" } else { "A" };
        for bad in [
            format!("{flipped}{}", &sid[1..]),
            sid[..42].to_owned(),
            format!("{sid}A"),
            sid.to_uppercase(),
            hash.iter().map(|byte| format!("{byte:02x}")).collect(),
            "x".repeat(5000),
            "\"'--".to_owned(),
        ] {
            let other = browser.copy();
            other.set_cookie("sid", &bad);
            assert_eq!(other.get(CURRENT).await.status, 401, "{bad}");
        }
        assert!(is_in(&browser).await);
        // Basic credentials come first, and bad ones do not end the session.
        let basic = |secret: &str| {
            use base64::Engine as _;
            format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("admin:{secret}")))
        };
        for secret in ["wrong", PASSWORD] {
            let headers = [("authorization", &*basic(secret))];
            assert_eq!(browser.request(Method::GET, CURRENT, &headers, "").await.status, 200, "{secret}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_session_lasts_as_long_as_it_is_used() {
    on_each_engine(async |app| {
        let browser = logged_in(&app, "admin").await;
        app.clock.advance(MINUTE * 59);
        assert!(is_in(&browser).await, "renewed by this");
        app.clock.advance(MINUTE * 59);
        let poll = [("x-harbor-no-session-renewal", "true")];
        assert_eq!(browser.request(Method::GET, CURRENT, &poll, "").await.status, 200);
        app.clock.advance(MINUTE * 2);
        assert!(!is_in(&browser).await, "what polls in the background renews nothing");
        let browser = logged_in(&app, "admin").await;
        let used = async || -> i64 {
            let latest = "SELECT MAX(used_at) FROM session";
            app.db().query_one(latest, &[]).await.unwrap().get(0).unwrap()
        };
        let before = used().await;
        app.clock.advance(MINUTE * 2);
        assert!(is_in(&browser).await);
        assert_eq!(used().await, before, "written down in steps");
        app.clock.advance(MINUTE);
        assert!(is_in(&browser).await);
        assert_ne!(used().await, before);
        let settings = json!({ "session_timeout": 5 });
        let changed = app.admin().put("/api/v2.0/configurations", &settings).await;
        assert_eq!(changed.status, 200);
        app.clock.advance(MINUTE * 6);
        assert!(!is_in(&browser).await, "the setting counts for those that are open");
        assert_eq!(sessions::purge(&app.app).await.unwrap(), 2);
        assert_eq!(rows(&app).await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_clock_that_is_turned_back_opens_no_session_of_the_future() {
    on_each_engine(async |app| {
        let browser = logged_in(&app, "admin").await;
        app.clock.turn_back(MINUTE);
        assert!(is_in(&browser).await, "clocks of replicas may differ");
        app.clock.turn_back(MINUTE * 60);
        assert!(!is_in(&browser).await);
        assert_eq!(browser.log_in("admin", PASSWORD).await.status, 200);
        assert!(is_in(&browser).await);
    })
    .await;
}

#[tokio::test]
async fn a_new_password_ends_every_session_but_the_one_it_was_set_in() {
    on_each_engine(async |app| {
        app.person("ann").await;
        let (here, there) = (logged_in(&app, "ann").await, logged_in(&app, "ann").await);
        let (other, thief) = (logged_in(&app, "admin").await, here.copy());
        let path = "/api/v2.0/users/3/password";
        let wrong = json!({ "old_password": "wrong", "new_password": "Harbor54321" });
        assert_eq!(here.put(path, &wrong).await.status, 403);
        assert!(is_in(&there).await);
        let before = here.cookie("sid");
        let change = json!({ "old_password": PASSWORD, "new_password": "Harbor54321" });
        assert_eq!(here.put(path, &change).await.status, 200);
        assert_ne!(here.cookie("sid"), before, "with another id");
        assert!(is_in(&here).await && is_in(&other).await);
        assert!(!is_in(&there).await && !is_in(&thief).await);
        // An administrator's change ends all of them.
        let reset = app.admin().put(path, &json!({ "new_password": PASSWORD })).await;
        assert_eq!((reset.status, cookies(&reset).len()), (200, 0));
        assert!(!is_in(&here).await && is_in(&other).await);
        assert_eq!(rows(&app).await, 1);
        let again = logged_in(&app, "ann").await;
        haven_core::identity::reset_password(&app.app, &haven_core::access::operator(), 3, "Harbor54321")
            .await
            .unwrap();
        assert!(!is_in(&again).await, "also from the command line");
    })
    .await;
}

#[tokio::test]
async fn a_deleted_account_is_in_no_session_and_a_lost_rank_counts_at_once() {
    on_each_engine(async |app| {
        app.person("ann").await;
        let ann = logged_in(&app, "ann").await;
        let users = "/api/v2.0/users";
        assert_eq!(ann.get(users).await.status, 403);
        let rank = |flag: bool| json!({ "sysadmin_flag": flag });
        app.admin().put("/api/v2.0/users/3/sysadmin", &rank(true)).await;
        assert_eq!(ann.get(users).await.status, 200);
        app.admin().put("/api/v2.0/users/3/sysadmin", &rank(false)).await;
        assert_eq!(ann.get(users).await.status, 403);
        assert_eq!(app.admin().delete("/api/v2.0/users/3").await.status, 200);
        assert!(!is_in(&ann).await);
        assert_eq!(rows(&app).await, 0);
        assert_eq!(ann.log_in("ann", PASSWORD).await.status, 401);
    })
    .await;
}

#[tokio::test]
async fn changes_in_a_session_need_the_token_of_its_browser() {
    on_each_engine(async |app| {
        let (browser, other) = (logged_in(&app, "admin").await, logged_in(&app, "admin").await);
        let make = async |browser: &Browser, name: &str| {
            browser.post(PROJECTS, &json!({ "project_name": name })).await
        };
        let good = browser.token();
        browser.set_token("");
        let refused = make(&browser, "a").await;
        forbidden(&refused, MISSING);
        let retry = browser.copy();
        assert_eq!(make(&retry, "a").await.status, 201, "with the token of the refusal");
        for bad in ["x", "====", &"A".repeat(88), &other.token(), &good[1..]] {
            browser.set_token(bad);
            forbidden(&make(&browser, "b").await, INVALID);
        }
        browser.set_token(&good);
        assert_eq!(make(&browser, "b").await.status, 201, "an earlier mask will do");
        // Without its cookie no token is worth anything, and a new cookie comes.
        let theirs = other.cookie("_gorilla_csrf");
        for (n, cookie) in ["", "x", &"A".repeat(96), &theirs].into_iter().enumerate() {
            let stripped = browser.copy();
            stripped.set_token(&good);
            stripped.set_cookie("_gorilla_csrf", cookie);
            let refused = make(&stripped, "c").await;
            forbidden(&refused, INVALID);
            let renewed = cookies(&refused).iter().any(|line| line.starts_with("_gorilla_csrf="));
            assert_eq!(renewed, cookie != theirs, "{cookie}");
            assert_eq!(make(&stripped, &format!("c{n}")).await.status, 201, "with what the refusal brought");
        }
        // Basic credentials beside the cookie change nothing about it.
        let json =
            [("content-type", "application/json"), ("authorization", "Basic YWRtaW46SGFyYm9yMTIzNDU=")];
        browser.set_token("");
        let with_basic = browser.request(Method::POST, PROJECTS, &json, "{\"project_name\":\"d\"}").await;
        forbidden(&with_basic, MISSING);
        assert_eq!(
            app.admin().post(PROJECTS, &json!({ "project_name": "d" })).await.status,
            201,
            "alone they do"
        );
    })
    .await;
}

#[tokio::test]
async fn a_token_may_come_in_a_form_and_grows_old() {
    on_each_engine(async |app| {
        let browser = app.browser();
        browser.get("/api/v2.0/systeminfo").await;
        let token = browser.token();
        browser.set_token("");
        let plain = [("principal", "admin"), ("password", PASSWORD)];
        forbidden(&browser.form("/c/login", &plain).await, MISSING);
        browser.set_token("");
        let with_field = [plain[0], plain[1], ("gorilla.csrf.Token", token.as_str())];
        assert_eq!(browser.form("/c/login", &with_field).await.status, 200);
        let fresh = app.browser();
        fresh.get("/api/v2.0/systeminfo").await;
        app.clock.advance(Duration::from_secs(43_200));
        let late = fresh.form("/c/login", &plain).await;
        forbidden(&late, INVALID);
        assert_eq!(fresh.form("/c/login", &plain).await.status, 200, "with what the refusal brought");
        let nobody = app.anonymous().request(Method::POST, "/c/login", &[], "").await;
        forbidden(&nobody, MISSING);
    })
    .await;
}

#[tokio::test]
async fn tokens_hold_on_every_replica_and_after_a_restart() {
    on_each_engine(async |app| {
        let browser = logged_in(&app, "admin").await;
        let replica = browser.moved_to(&app.replica().await);
        assert_eq!(replica.post(PROJECTS, &json!({ "project_name": "a" })).await.status, 201);
        let app = app.restart().await;
        let after = browser.moved_to(&app.anonymous());
        assert_eq!(after.post(PROJECTS, &json!({ "project_name": "b" })).await.status, 201);
    })
    .await;
}

#[tokio::test]
async fn programs_without_cookies_never_meet_any_of_it() {
    on_each_engine(async |app| {
        let admin = app.admin();
        for path in [CURRENT, PROJECTS, "/v2/", "/service/token?service=harbor-registry", "/healthz", "/"] {
            let answer = admin.get(path).await;
            assert!(cookies(&answer).is_empty(), "{path}");
            assert_eq!(answer.header("x-harbor-csrf-token"), "", "{path}");
        }
        let token = admin.token(&["repository:library/web:pull,push"]).await;
        assert!(cookies(&token.get("/v2/").await).is_empty());
        assert!(cookies(&app.anonymous().get("/v2/").await).is_empty());
        assert!(cookies(&app.anonymous().post(PROJECTS, &json!({ "project_name": "x" })).await).is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_session_opens_the_registry_as_far_as_harbor_lets_it() {
    on_each_engine(async |app| {
        let browser = logged_in(&app, "admin").await;
        assert_eq!(browser.get("/v2/").await.status, 200);
        let token =
            browser.get("/service/token?service=harbor-registry&scope=repository:library/a:push").await;
        assert_eq!(token.status, 200);
        assert_eq!(browser.get("/v2/library/web/tags/list").await.status, 401, "reading wants a header");
        let uploads = "/v2/library/web/blobs/uploads/";
        assert_eq!(browser.request(Method::POST, uploads, &[], "").await.status, 202);
        browser.set_token("");
        forbidden(&browser.request(Method::POST, uploads, &[], "").await, MISSING);
    })
    .await;
}

#[tokio::test]
async fn visitors_register_on_the_portal_only_and_only_where_they_may() {
    on_each_engine(async |app| {
        let users = "/api/v2.0/users";
        let body =
            json!({ "username": "ann", "email": "ann@example.com", "realname": "Ann", "password": PASSWORD });
        let visitor = app.browser();
        visitor.get("/api/v2.0/systeminfo").await;
        assert_eq!(visitor.post(users, &body).await.status, 401, "nobody is asked to");
        let exists = async |browser: &Browser, target: &str, value: &str| {
            let answer = browser.form("/c/userExists", &[("target", target), ("value", value)]).await;
            (answer.status, answer.text().trim_end().to_owned())
        };
        let off = "self registration deactivated, only sysadmin can check user existence";
        assert_eq!(exists(&visitor, "username", "admin").await, (412, off.to_owned()));
        let admin = logged_in(&app, "admin").await;
        assert_eq!(exists(&admin, "username", "ann").await, (200, "false".to_owned()));
        let settings = "/api/v2.0/configurations";
        assert_eq!(app.admin().put(settings, &json!({ "self_registration": true })).await.status, 200);
        assert_eq!(visitor.get("/api/v2.0/systeminfo").await.json()["self_registration"], true);
        let words = "self-registration cannot be triggered via API";
        for program in [app.anonymous(), app.person("bob").await] {
            let refused = program.post(users, &body).await;
            assert_eq!((refused.status, refused.message().as_str()), (403, words));
        }
        let liar = visitor.copy();
        liar.set_token(&"A".repeat(88));
        assert_eq!(liar.post(users, &body).await.message(), words, "a token that is none");
        assert_eq!(exists(&visitor, "username", "ann").await, (200, "false".to_owned()));
        let made = visitor.post(users, &body).await;
        assert_eq!(made.status, 201, "{}", made.text());
        assert_eq!(exists(&visitor, "username", "ann").await, (200, "true".to_owned()));
        assert_eq!(exists(&visitor, "email", "ann@example.com").await, (200, "true".to_owned()));
        assert_eq!(exists(&visitor, "email", "nobody@example.com").await, (200, "false".to_owned()));
        assert_eq!(exists(&visitor, "id", "1").await.0, 400);
        assert_eq!(visitor.post(users, &body).await.status, 409);
        assert_eq!(visitor.log_in("ann", PASSWORD).await.status, 200);
        assert_eq!(visitor.get(CURRENT).await.json()["sysadmin_flag"], false);
    })
    .await;
}

#[tokio::test]
async fn one_can_log_in_while_nothing_may_change() {
    on_each_engine(async |app| {
        let settings = "/api/v2.0/configurations";
        let freeze = json!({ "read_only": true, "self_registration": true });
        assert_eq!(app.admin().put(settings, &freeze).await.status, 200);
        let browser = logged_in(&app, "admin").await;
        let frozen = browser.post(PROJECTS, &json!({ "project_name": "x" })).await;
        assert_eq!((frozen.status, frozen.code().as_str()), (403, "DENIED"));
        assert_eq!(
            browser.form("/c/userExists", &[("target", "username"), ("value", "x")]).await.status,
            200
        );
        assert_eq!(browser.put(settings, &json!({ "read_only": false })).await.status, 200);
        assert_eq!(browser.get("/c/log_out").await.status, 200);
    })
    .await;
}

#[tokio::test]
async fn cookies_are_for_tls_only_where_clients_use_it() {
    on_each_engine(async |app| {
        let external_url = Some("https://registry.example.com".parse().unwrap());
        let network = haven_web::conn::Network { external_url, ..haven_web::conn::Network::default() };
        let browser = Browser::at(&app.admin_within(network));
        let first = cookies(&browser.get("/api/v2.0/systeminfo").await);
        let entered = cookies(&browser.log_in("admin", PASSWORD).await);
        let out = cookies(&browser.get("/c/log_out").await);
        for line in [&first[0], &entered[0], &out[0]] {
            assert!(line.ends_with("; Secure"), "{line}");
        }
    })
    .await;
}
