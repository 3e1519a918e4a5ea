//! Accounts: who may make, see, change and delete them, and what they may hold.

use super::{API, refusal, told};
use crate::on_each_engine;
use haven_core::access::Role;
use haven_testkit::{Answer, Client, TestApp};
use serde_json::{Value, json};

const USERS: &str = "/api/v2.0/users";
const PASSWORD: &str = "Harbor12345";
const RULE: &str = "the password or secret must be 8-128, inclusively, characters long with at least 1 uppercase letter, 1 \
                    lowercase letter and 1 number";

fn body(name: &str) -> Value {
    json!({ "username": name, "email": format!("{name}@example.com"), "realname": name, "password": PASSWORD })
}

fn with(mut body: Value, member: &str, value: impl Into<Value>) -> Value {
    body[member] = value.into();
    body
}

/// Makes an account over the API, and gives its number.
pub(crate) async fn make(app: &TestApp, name: &str) -> i64 {
    let made = app.admin().post(USERS, &body(name)).await;
    assert_eq!(made.status, 201, "{}", made.text());
    made.header("location").rsplit('/').next().unwrap().parse().unwrap()
}

fn usernames(page: &Answer) -> Vec<String> {
    assert_eq!(page.status, 200, "{}", page.text());
    let items = page.json();
    items.as_array().unwrap().iter().map(|user| user["username"].as_str().unwrap().to_owned()).collect()
}

async fn works(client: &Client) -> bool {
    client.get(&format!("{USERS}/current")).await.status == 200
}

#[tokio::test]
async fn an_administrator_makes_accounts_that_work_at_once() {
    on_each_engine(async |app| {
        // Members that are not ours do no harm.
        let extra = with(with(body("ann"), "sysadmin_flag", true), "newpassword", "x");
        let made = app.admin().post(USERS, &with(extra, "comment", "a tester")).await;
        assert_eq!((made.status, made.text().as_str(), made.header("content-type")), (201, "", ""));
        assert_eq!(made.header("location"), "/api/v2.0/users/3", "1 and 2 are taken");
        let ann = app.with_password("ann", PASSWORD);
        let shown = ann.get(&format!("{USERS}/3")).await.json();
        let expected = json!({
            "user_id": 3, "username": "ann", "email": "ann@example.com", "realname": "ann", "comment": "a tester",
            "sysadmin_flag": false, "admin_role_in_auth": false,
            "creation_time": "2023-11-14T22:13:20.000Z", "update_time": "2023-11-14T22:13:20.000Z",
        });
        assert_eq!(shown, expected);
        assert_eq!(ann.get(&format!("{USERS}/current")).await.json(), expected);
        assert_eq!(app.admin().get(&format!("{USERS}/3/")).await.json(), expected);
        assert_eq!(ann.fetch_token(&[]).await.matches('.').count(), 2);
    })
    .await;
}

#[tokio::test]
async fn names_and_addresses_are_unique_and_neither_is_the_other() {
    on_each_engine(async |app| {
        make(&app, "ann").await;
        let admin = app.admin();
        for (name, email) in [
            ("ann", "new@example.com"),
            ("new", "ann@example.com"),
            ("ann@example.com", "new@example.com"),
            ("admin", "new@example.com"),
            ("anonymous", "new@example.com"),
            ("new", "admin@example.com"),
        ] {
            let taken = admin.post(USERS, &with(with(body("x"), "username", name), "email", email)).await;
            let words = format!("user {name} or email {email} already exists");
            assert_eq!(refusal(&taken), told(409, "CONFLICT", &words));
        }
        assert_eq!(
            admin.post(USERS, &with(body("x"), "username", "ANN")).await.status,
            201,
            "letters have cases"
        );
    })
    .await;
}

#[tokio::test]
async fn of_many_who_take_a_name_at_once_one_gets_it() {
    on_each_engine(async |app| {
        let (admin, replica) = (app.admin(), app.replica().await);
        let asked: Vec<_> = (0..6)
            .map(|n| {
                let client = if n % 2 == 0 { admin.clone() } else { replica.clone() };
                let body = with(body("ann"), "email", format!("ann{n}@example.com"));
                tokio::spawn(async move { client.post(USERS, &body).await.status })
            })
            .collect();
        let mut statuses = Vec::new();
        for asked in asked {
            statuses.push(asked.await.unwrap());
        }
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 409, 409, 409, 409, 409]);
    })
    .await;
}

#[tokio::test]
async fn what_breaks_a_rule_is_told_and_makes_nothing() {
    on_each_engine(async |app| {
        let admin = app.admin();
        let refused = async |member: &str, value: Value, message: &str| {
            let refused = admin.post(USERS, &with(body("ann"), member, value.clone())).await;
            assert_eq!(refusal(&refused), told(400, "BAD_REQUEST", message), "{member} {value}");
        };
        for password in ["", "Harbor1", "harbor12345", "HARBOR12345", "HarborHarbor", &"Aa1".repeat(43)] {
            refused("password", password.into(), RULE).await;
        }
        refused("password", Value::Null, RULE).await;
        refused("username", "".into(), "username with illegal length").await;
        refused("username", "ü".repeat(128).into(), "username with illegal length").await;
        for name in ["a,b", "a\"b", "a~b", "a#3", "a%b", "robot$a", "a\nb"] {
            refused("username", name.into(), "username contains illegal characters").await;
            refused("realname", name.into(), "realname contains illegal characters").await;
        }
        refused("realname", "".into(), "realname with illegal length").await;
        refused("comment", "x".repeat(31).into(), "comment with illegal length").await;
        refused("email", "".into(), "email can't be empty").await;
        refused("email", "ann".into(), "email with illegal format").await;
        // The password comes before the rest, and lengths before everything.
        let both = with(with(body("ann"), "password", "x"), "email", "x");
        assert_eq!(admin.post(USERS, &both).await.message(), RULE);
        let long = with(with(body("ann"), "username", "x".repeat(256)), "email", "y".repeat(256));
        let long = app.anonymous().post(USERS, &long).await;
        let words = "validation failure list:\nemail in body should be at most 255 chars long\nusername in body should \
                     be at most 255 chars long";
        assert_eq!(refusal(&long), told(422, "UNPROCESSABLE_ENTITY", words));
        assert_eq!(admin.post(USERS, &with(body("ann"), "username", 7)).await.status, 422);
        assert_eq!(admin.post(USERS, &with(body("ann"), "username", "a\0b")).await.status, 422);
        assert_eq!(admin.get(USERS).await.header("x-total-count"), "0");
    })
    .await;
}

#[tokio::test]
async fn others_make_no_accounts() {
    on_each_engine(async |app| {
        let ann = app.person("ann").await;
        assert_eq!(refusal(&ann.post(USERS, &body("bob")).await), told(403, "FORBIDDEN", "ann"));
        let nobody = app.anonymous().post(USERS, &body("bob")).await;
        assert_eq!(refusal(&nobody), told(401, "UNAUTHORIZED", "unauthorized"));
        for (method, path) in [("GET", ""), ("DELETE", "/1"), ("PUT", "/1/sysadmin"), ("GET", "/1")] {
            let path = format!("{USERS}{path}");
            let json = [("content-type", "application/json")];
            let asked = ann.request(method.parse().unwrap(), &path, &json, "{\"sysadmin_flag\":true}").await;
            assert_eq!(refusal(&asked), told(403, "FORBIDDEN", "ann"), "{method} {path}");
        }
    })
    .await;
}

#[tokio::test]
async fn lists_are_found_sorted_and_paged_without_the_first_administrator() {
    on_each_engine(async |app| {
        let admin = app.admin();
        assert_eq!(
            (usernames(&admin.get(USERS).await), admin.get(USERS).await.text()),
            (vec![], "[]\n".into())
        );
        for name in ["dora", "bob", "carl", "ann"] {
            make(&app, name).await;
        }
        let list = async |query: &str| usernames(&admin.get(&format!("{USERS}?{query}")).await);
        assert_eq!(list("").await, ["ann", "bob", "carl", "dora"]);
        assert_eq!(list("sort=-username").await, ["dora", "carl", "bob", "ann"]);
        assert_eq!(list("sort=user_id,nothing").await, ["dora", "bob", "carl", "ann"]);
        assert_eq!(list("q=username%3Dann").await, ["ann"]);
        assert_eq!(list("q=username%3Dan").await, [""; 0]);
        assert_eq!(list("q=username%3Dadmin").await, [""; 0], "never in a list");
        assert_eq!(list("q=username%3D~A").await, ["ann", "carl", "dora"]);
        assert_eq!(list("username=AR").await, ["carl"]);
        assert_eq!(list("email=example&username=o").await, ["bob", "dora"]);
        assert_eq!(list("q=username_or_email%3Dbob@").await, ["bob"]);
        assert_eq!(list("q=username_or_email%3D~example.com").await.len(), 4);
        assert_eq!(list("q=user_id%3D%7B3+5%7D").await, ["carl", "dora"]);
        assert_eq!(list("q=sysadmin_flag%3Dtrue").await, [""; 0]);
        assert_eq!(list("q=password_hash%3D~x,salt%3Dy&sort=").await.len(), 4, "no key of ours");
        let page = admin.get(&format!("{USERS}?page=2&page_size=2")).await;
        assert_eq!(
            (usernames(&page), page.header("x-total-count")),
            (vec!["carl".into(), "dora".into()], "4")
        );
        assert_eq!(page.header("link"), "</api/v2.0/users?page=1&page_size=2>; rel=\"prev\"");
        assert_eq!(list("page=9").await, [""; 0]);
        assert_eq!(admin.get(&format!("{USERS}?page_size=101")).await.status, 422);
        assert_eq!(admin.get(&format!("{USERS}?q=x")).await.status, 400);
    })
    .await;
}

#[tokio::test]
async fn whoever_has_logged_in_finds_others_by_name() {
    on_each_engine(async |app| {
        let ann = app.person("ann").await;
        for name in ["joanna", "anna", "bob"] {
            app.person(name).await;
        }
        let search = async |query: &str| ann.get(&format!("{USERS}/search?{query}")).await;
        let found = search("username=ann").await;
        assert_eq!(usernames(&found), ["ann", "anna", "joanna"], "shortest first");
        assert_eq!(found.json()[0], json!({ "user_id": 3, "username": "ann" }), "and nothing else of them");
        assert_eq!(found.header("x-total-count"), "3");
        let short = search("username=ann&page_size=2&page=2").await;
        assert_eq!(
            (usernames(&short).len(), short.header("x-total-count")),
            (2, "3"),
            "there is no second page"
        );
        assert_eq!(usernames(&search("username=admin").await), [""; 0]);
        assert_eq!(usernames(&search("username=%25").await), [""; 0], "no pattern");
        for query in ["", "username="] {
            let missing = search(query).await;
            assert!(missing.message().contains("username in query is required"), "{}", missing.text());
            assert_eq!(missing.status, 422);
        }
        assert_eq!(app.anonymous().get(&format!("{USERS}/search?username=a")).await.status, 401);
    })
    .await;
}

#[tokio::test]
async fn people_see_and_change_themselves_only() {
    on_each_engine(async |app| {
        let (ann, bob) = (make(&app, "ann").await, make(&app, "bob").await);
        let (me, admin) = (app.with_password("ann", PASSWORD), app.admin());
        let one = |id: i64| format!("{USERS}/{id}");
        assert_eq!(refusal(&me.get(&one(bob)).await), told(403, "FORBIDDEN", "ann"));
        assert_eq!(
            refusal(&me.get(&one(999)).await),
            told(403, "FORBIDDEN", "ann"),
            "whether they exist is not told"
        );
        assert_eq!(refusal(&admin.get(&one(999)).await), told(404, "NOT_FOUND", "user 999 not found"));
        assert_eq!(admin.get(&one(2)).await.status, 404, "anonymous is nobody");
        assert_eq!(app.anonymous().get(&one(ann)).await.status, 401);
        assert_eq!(admin.get(&format!("{USERS}/x")).await.status, 422);
        app.clock.advance(std::time::Duration::from_secs(60));
        let profile = json!({ "email": "lee@example.com", "realname": "Ann Lee", "comment": "moved" });
        let changed = me.put(&one(ann), &profile).await;
        assert_eq!((changed.status, changed.text().as_str(), changed.header("content-type")), (200, "", ""));
        let shown = me.get(&one(ann)).await.json();
        assert_eq!((&shown["email"], &shown["comment"]), (&json!("lee@example.com"), &json!("moved")));
        assert_eq!(shown["update_time"], "2023-11-14T22:14:20.000Z");
        assert_eq!(
            admin.put(&one(ann), &json!({ "email": "lee@example.com", "realname": "A" })).await.status,
            200
        );
        assert!(me.get(&one(ann)).await.json().get("comment").is_none(), "what is absent is emptied");
        assert_eq!(refusal(&me.put(&one(bob), &profile).await), told(403, "FORBIDDEN", "ann"));
        assert_eq!(app.anonymous().put(&one(ann), &profile).await.status, 401);
        assert_eq!(
            refusal(&admin.put(&one(999), &profile).await),
            told(404, "NOT_FOUND", "user 999 not found")
        );
        let taken = json!({ "email": "bob@example.com", "realname": "Ann" });
        assert_eq!(refusal(&me.put(&one(ann), &taken).await).0, 409);
        for (member, value, words) in [
            ("email", "", "email can't be empty"),
            ("email", "x", "email with illegal format"),
            ("realname", "", "realname with illegal length"),
            ("comment", &"x".repeat(31), "comment with illegal length"),
        ] {
            let bad = me.put(&one(ann), &with(profile.clone(), member, value)).await;
            assert_eq!(refusal(&bad), told(400, "BAD_REQUEST", words));
        }
    })
    .await;
}

#[tokio::test]
async fn passwords_change_by_the_old_one_or_by_an_administrator() {
    on_each_engine(async |app| {
        let (id, bob) = (make(&app, "ann").await, make(&app, "bob").await);
        let (old, new) = (app.with_password("ann", PASSWORD), app.with_password("ann", "Harbor54321"));
        let path = format!("{USERS}/{id}/password");
        let put = async |client: &Client, from: &str, to: &str| {
            client.put(&path, &json!({ "old_password": from, "new_password": to })).await
        };
        let wrong = told(403, "FORBIDDEN", "Current password is incorrect");
        assert_eq!(refusal(&put(&old, "Harbor54321", "x").await), wrong, "before the rule is looked at");
        assert_eq!(refusal(&old.put(&path, &json!({ "new_password": "Harbor54321" })).await), wrong);
        assert_eq!(refusal(&put(&old, PASSWORD, "short").await), told(400, "BAD_REQUEST", RULE));
        let same = told(400, "BAD_REQUEST", "New password is identical to old password");
        assert_eq!(refusal(&put(&old, PASSWORD, PASSWORD).await), same);
        assert!(works(&old).await);
        assert_eq!(put(&old, PASSWORD, "Harbor54321").await.status, 200);
        assert!(works(&new).await && !works(&old).await);
        // An administrator needs no old one, and the same rules hold.
        assert_eq!(refusal(&put(&app.admin(), "", "Harbor54321").await), same);
        assert_eq!(refusal(&put(&app.admin(), "", "x").await), told(400, "BAD_REQUEST", RULE));
        assert_eq!(put(&app.admin(), "", PASSWORD).await.status, 200);
        assert!(works(&old).await && !works(&new).await);
        let theirs = json!({ "old_password": PASSWORD, "new_password": "Harbor54321" });
        let theirs = old.put(&format!("{USERS}/{bob}/password"), &theirs).await;
        assert_eq!(refusal(&theirs), told(403, "FORBIDDEN", "ann"));
        assert_eq!(put(&app.anonymous(), PASSWORD, "Harbor54321").await.status, 401);
        let missing = json!({ "new_password": "Harbor54321" });
        assert_eq!(app.admin().put(&format!("{USERS}/999/password"), &missing).await.status, 404);
        let own = app.admin().put(&format!("{USERS}/1/password"), &missing).await;
        assert_eq!(refusal(&own), wrong, "administrators say the old one of their own");
    })
    .await;
}

#[tokio::test]
async fn a_new_rank_counts_with_the_next_request() {
    on_each_engine(async |app| {
        let id = make(&app, "ann").await;
        let (ann, path) = (app.with_password("ann", PASSWORD), format!("{USERS}/{id}/sysadmin"));
        assert_eq!(ann.get(USERS).await.status, 403);
        assert_eq!(app.admin().put(&path, &json!({ "sysadmin_flag": true })).await.status, 200);
        assert_eq!(ann.get(USERS).await.status, 200);
        assert_eq!(app.replica().await.with_password("ann", PASSWORD).get(USERS).await.status, 200);
        assert_eq!(ann.get(&format!("{USERS}/current")).await.json()["sysadmin_flag"], true);
        assert_eq!(ann.put(&path, &json!({ "sysadmin_flag": false })).await.status, 200, "also of oneself");
        assert_eq!(ann.get(USERS).await.status, 403);
        let last = app.admin().put(&format!("{USERS}/1/sysadmin"), &json!({ "sysadmin_flag": false })).await;
        assert_eq!((last.status, last.code().as_str()), (403, "FORBIDDEN"), "somebody must stay");
        assert_eq!(app.admin().get(USERS).await.status, 200);
        let missing = app.admin().put(&format!("{USERS}/999/sysadmin"), &json!({})).await;
        assert_eq!(refusal(&missing), told(404, "NOT_FOUND", "user 999 not found"));
    })
    .await;
}

#[tokio::test]
async fn a_robot_that_looks_after_accounts_leaves_administrators_alone() {
    on_each_engine(async |app| {
        let (ann, bob) = (make(&app, "ann").await, make(&app, "bob").await);
        let rank = json!({ "sysadmin_flag": true });
        assert_eq!(app.admin().put(&format!("{USERS}/{bob}/sysadmin"), &rank).await.status, 200);
        let access: Vec<Value> =
            ["update", "delete"].map(|action| json!({ "resource": "user", "action": action })).into();
        let robot = json!({ "name": "people", "level": "system", "duration": 1, "permissions": [
            { "kind": "system", "namespace": "/", "access": access }] });
        let made = app.admin().post("/api/v2.0/robots", &robot).await.json();
        let text = |key: &str| made[key].as_str().unwrap().to_owned();
        let robot = app.with_password(&text("name"), &text("secret"));
        for (id, status) in [(bob, 403), (1, 403), (ann, 200)] {
            let profile = json!({ "email": format!("new{id}@example.com"), "realname": "New" });
            assert_eq!(robot.put(&format!("{USERS}/{id}"), &profile).await.status, status, "{id}");
            let password = json!({ "new_password": "Harbor54321" });
            assert_eq!(robot.put(&format!("{USERS}/{id}/password"), &password).await.status, status, "{id}");
            assert_eq!(robot.delete(&format!("{USERS}/{id}")).await.status, status, "{id}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_deleted_account_leaves_its_names_and_nothing_else() {
    on_each_engine(async |app| {
        let id = make(&app, "ann").await;
        app.project("team", false).await;
        app.db().execute("UPDATE project SET owner_id = $1 WHERE id = 2", &[id.into()]).await.unwrap();
        let join =
            "INSERT INTO project_member (project_id, entity_type, entity_id, role_id, created_at, updated_at)
            VALUES (2, 'u', $1, $2, 1, 1)";
        app.db().execute(join, &[id.into(), Role::ProjectAdmin.id().into()]).await.unwrap();
        let (ann, admin, path) = (app.with_password("ann", PASSWORD), app.admin(), format!("{USERS}/{id}"));
        assert_eq!(ann.get(&format!("{API}/projects/team")).await.status, 200);
        assert_eq!(refusal(&ann.delete(&path).await), told(403, "FORBIDDEN", "ann"), "not by oneself");
        let deleted = admin.delete(&path).await;
        assert_eq!((deleted.status, deleted.text().as_str()), (200, ""));
        assert_eq!(ann.get(&format!("{USERS}/current")).await.status, 401);
        assert_eq!(app.with_password(&format!("ann#{id}"), PASSWORD).get("/v2/").await.status, 401);
        for path in [&path, &format!("{USERS}/search?username=ann"), &format!("{USERS}?q=username%3Dann")] {
            let gone = admin.get(path).await;
            assert!(gone.status == 404 || gone.text() == "[]\n", "{path}: {}", gone.text());
        }
        assert_eq!(
            refusal(&admin.delete(&path).await),
            told(404, "NOT_FOUND", &format!("user {id} not found"))
        );
        assert_eq!(admin.put(&path, &json!({ "email": "a@b.cc", "realname": "A" })).await.status, 404);
        let team = admin.get(&format!("{API}/projects/team")).await.json();
        assert_eq!((team.get("owner_name"), &team["owner_id"]), (None, &json!(id)), "nobody's name now");
        let again = make(&app, "ann").await;
        assert_ne!(again, id, "name and address are free, the number is not");
        assert_eq!(ann.get(&format!("{API}/projects/team")).await.status, 403, "no role is inherited");
        for id in [1, 2, 999, 0, -1] {
            let refused = admin.delete(&format!("{USERS}/{id}")).await;
            assert_eq!(refused.status, if id == 1 { 403 } else { 404 }, "{id}");
        }
        let first = admin.delete(&format!("{USERS}/1")).await;
        assert_eq!(refusal(&first), told(403, "FORBIDDEN", "User with ID 1 cannot be deleted"));
        assert_eq!(
            admin.put(&format!("{USERS}/{again}/sysadmin"), &json!({ "sysadmin_flag": true })).await.status,
            200
        );
        let own = ann.delete(&format!("{USERS}/{again}")).await;
        assert_eq!(refusal(&own), told(403, "FORBIDDEN", &format!("User with ID {again} cannot be deleted")));
        assert_eq!(ann.delete(&format!("{USERS}/1")).await.status, 403);
    })
    .await;
}

#[tokio::test]
async fn accounts_with_a_password_have_no_secret_for_the_command_line() {
    on_each_engine(async |app| {
        let refused = app.admin().put(&format!("{USERS}/1/cli_secret"), &json!({ "secret": PASSWORD })).await;
        let words = "precondition failed: unable to update CLI secret under authmode: db_auth";
        assert_eq!(refusal(&refused), told(412, "PRECONDITION", words));
        assert_eq!(app.anonymous().put(&format!("{USERS}/1/cli_secret"), &json!({})).await.status, 401);
    })
    .await;
}
