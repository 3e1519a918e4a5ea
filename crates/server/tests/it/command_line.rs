//! `haven user …`: the program itself, on a database that nobody serves.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use crate::buckets::push_and_pull;
use crate::processes::Haven;
use crate::starts::folder_with_key;
use haven_db::testing::{empty, engines, fresh};
use haven_db::{Db, Engine, Options, SqliteOptions};
use serde_json::{Value, json};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const ANN: [&str; 6] = ["user", "create", "ann", "--email", "ann@example.com", "--json"];
const BOB: [&str; 9] =
    ["user", "create", "bob", "--email", "b@example.com", "--realname", "Bob B", "--admin", "--json"];

/// Runs the program with this on its standard input.
fn haven(folder: &Path, database: &Options, arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_haven"));
    command.args(arguments).arg("--data-dir").arg(folder);
    command.env_clear().env("NO_COLOR", "1");
    match database {
        Options::Sqlite(options) => {
            command.env("HAVEN_DATABASE__URL", format!("sqlite:{}", options.path.display()))
        }
        Options::Postgres(options) => command.env("HAVEN_DATABASE__URL", &options.url),
    };
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A program that has no use for it may be gone already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn told(output: &Output) -> Value {
    serde_json::from_str(&said(output)).unwrap()
}

async fn story(engine: Engine) {
    let (db, folder) = (fresh(engine).await.unwrap(), folder_with_key());
    let (path, options) = (folder.path().to_owned(), db.options());
    let run = async |arguments: &'static [&'static str], input: &'static str| {
        let (path, options) = (path.clone(), options.clone());
        tokio::task::spawn_blocking(move || haven(&path, &options, arguments, input)).await.unwrap()
    };
    assert_eq!(told(&run(&ANN, "Harbor12345\n").await), json!({ "user_id": 3, "username": "ann" }));
    let again = run(&ANN, "Harbor12345").await;
    assert!(!again.status.success() && again.stdout.is_empty());
    let words = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(words.contains("user ann or email ann@example.com already exists"), "{words}");
    let weak = run(&["user", "create", "bob", "--email", "b@example.com"], "short").await;
    assert!(String::from_utf8_lossy(&weak.stderr).contains("the password or secret must be 8-128"));
    let made = told(&run(&BOB, "").await);
    assert_eq!((&made["user_id"], made["password"].as_str().unwrap().len()), (&json!(4), 24));
    let listed = lines(&said(&run(&["user", "list", "--json"], "").await));
    let seen: Vec<_> = listed.iter().map(|user| (&user["username"], &user["sysadmin_flag"])).collect();
    assert_eq!(seen, [(&json!("ann"), &json!(false)), (&json!("bob"), &json!(true))]);
    let text = said(&run(&["user", "list"], "").await);
    assert!(
        text.contains("     3  ann  <ann@example.com>\n")
            && text.contains("bob  <b@example.com>  administrator")
    );
    assert_eq!(
        said(&run(&["user", "passwd", "ann"], "Harbor54321").await),
        "the password of ann is changed\n"
    );
    assert!(said(&run(&["user", "passwd", "admin"], "").await).contains(", with the password "));
    assert!(!run(&["user", "passwd", "nobody"], "Harbor54321").await.status.success());
    assert_eq!(told(&run(&["user", "delete", "ann", "--json"], "").await)["user_id"], 3);
    assert!(!run(&["user", "delete", "admin"], "").await.status.success());
    assert_eq!(lines(&said(&run(&["user", "list", "--json"], "").await)).len(), 1);
}

#[tokio::test]
async fn accounts_are_made_listed_changed_and_deleted() {
    for engine in engines() {
        story(engine).await;
    }
}

/// Why it failed.
fn complaint(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stderr.clone()).unwrap().trim_end().to_owned()
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn projects_are_made_and_listed() {
    for engine in engines() {
        let (db, folder) = (fresh(engine).await.unwrap(), folder_with_key());
        let run = |arguments: &[&str]| haven(folder.path(), &db.options(), arguments, "");
        let table = said(&run(&["project", "list"]));
        let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(rows[0], ["ID", "NAME", "ACCESS", "REPOSITORIES", "OWNER"]);
        assert_eq!(rows[1..], [["1", "library", "public", "0", "admin"]]);
        assert_eq!(
            said(&run(&["project", "create", "team"])).trim_end(),
            "the project team is made, with the number 2"
        );
        let made = lines(&said(&run(&["project", "create", "open", "--public", "--json"])));
        assert_eq!(
            (&made[0]["name"], &made[0]["public"], &made[0]["project_id"]),
            (&json!("open"), &json!(true), &json!(3))
        );
        assert_eq!((&made[0]["owner_name"], &made[0]["repo_count"]), (&json!("admin"), &json!(0)));
        let all = lines(&said(&run(&["project", "list", "--json"])));
        let names: Vec<&str> = all.iter().map(|one| one["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["library", "open", "team"]);
        assert_eq!(all[1], made[0]);
        let some = lines(&said(&run(&["project", "list", "--json", "--name", "EA"])));
        assert_eq!((some.len(), &some[0]["public"]), (1, &json!(false)));
        assert_eq!(said(&run(&["project", "list", "--json", "--name", "%"])), "");
    }
}

#[tokio::test]
async fn what_is_refused_is_told_and_leaves_nothing() {
    for engine in engines() {
        let (db, folder) = (fresh(engine).await.unwrap(), folder_with_key());
        let run = |arguments: &[&str]| haven(folder.path(), &db.options(), arguments, "");
        let taken = complaint(&run(&["project", "create", "library"]));
        assert_eq!(taken, "haven: The project named library already exists");
        let bad = complaint(&run(&["project", "create", "Team", "--json"]));
        assert_eq!(bad, "haven: project name is not in lower case or contains illegal characters");
        assert_eq!(run(&["project", "create"]).status.code(), Some(2), "a name is needed");
        assert_eq!(lines(&said(&run(&["project", "list", "--json"]))).len(), 1);
    }
}

/// Every command that concerns rows.
const ON_ROWS: [&[&str]; 13] = [
    &["project", "list"],
    &["project", "create", "team"],
    &["user", "list"],
    &["user", "create", "ann", "--email", "ann@example.com"],
    &["user", "passwd", "admin"],
    &["user", "delete", "ann"],
    &["robot", "list"],
    &["robot", "create", "ci", "--can", "/user:list"],
    &["settings", "list"],
    &["settings", "set", "read_only=true"],
    &["quota", "recount"],
    &["admin", "reset-password"],
    &["admin", "events"],
];

#[tokio::test]
async fn a_database_that_is_not_there_is_not_made() {
    let db = empty(Engine::Sqlite).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let Options::Sqlite(mut options) = db.options() else { return };
    options.path = folder.path().join("none.db");
    let options = Options::Sqlite(options);
    for arguments in ON_ROWS {
        let told = complaint(&haven(folder.path(), &options, arguments, ""));
        assert!(
            told.starts_with("haven: there is no database at ") && told.ends_with("`haven serve` makes it"),
            "{arguments:?}: {told}"
        );
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "{arguments:?}");
    }
}

#[tokio::test]
async fn a_schema_of_another_version_is_told_and_left_alone() {
    for engine in engines() {
        let (new, folder) = (empty(engine).await.unwrap(), folder_with_key());
        let none = complaint(&haven(folder.path(), &new.options(), &["user", "list"], ""));
        assert!(none.starts_with("haven: the database has no schema of this program"), "{none}");

        let old = fresh(engine).await.unwrap();
        let versions = "SELECT COUNT(*) FROM schema_migration";
        let newest: i64 = old.query_one(versions, &[]).await.unwrap().get(0).unwrap();
        old.execute("DELETE FROM schema_migration WHERE version = $1", &[newest.into()]).await.unwrap();
        let words = format!("haven: the database has schema version {}, and this program needs", newest - 1);
        for arguments in ON_ROWS {
            let told = complaint(&haven(folder.path(), &old.options(), arguments, ""));
            assert!(
                told.starts_with(&words) && told.ends_with("`haven serve` brings it up to date"),
                "{told}"
            );
        }
        let left: i64 = old.query_one(versions, &[]).await.unwrap().get(0).unwrap();
        assert_eq!(left, newest - 1);
    }
}

#[tokio::test]
async fn a_secret_key_that_is_not_there_is_not_made() {
    let (db, folder) = (fresh(Engine::Sqlite).await.unwrap(), tempfile::tempdir().unwrap());
    let told = complaint(&haven(folder.path(), &db.options(), &["user", "list"], ""));
    assert!(told.starts_with("haven: there is no secret key at "), "{told}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_ended_leaves_the_whole_database_in_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options::Sqlite(SqliteOptions::new(folder.path().join("haven.db")));
    let is_whole = |after: &str| {
        let left = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
        let log: Vec<_> = left.filter(|name| name.to_string_lossy().starts_with("haven.db-")).collect();
        assert!(log.is_empty(), "after {after} there is {log:?}");
    };
    for start in 0..4 {
        Haven::start(folder.path(), &options).await.stop().await;
        is_whole("haven serve");
        let (name, email) = (format!("ann{start}"), format!("ann{start}@example.com"));
        said(&haven(folder.path(), &options, &["user", "create", &name, "--email", &email], ""));
        is_whole("haven user");
        haven(folder.path(), &options, &["user", "delete", "nobody"], "");
        is_whole("a command that failed");
        said(&haven(folder.path(), &options, &["fsck", "--quiet"], ""));
        is_whole("haven fsck");
    }
}

#[tokio::test]
async fn a_secret_that_could_not_be_told_is_no_success() {
    let (db, folder) = (fresh(Engine::Sqlite).await.unwrap(), folder_with_key());
    let Options::Sqlite(options) = db.options() else { return };
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_haven"));
    command.args(["robot", "create", "ci", "--can", "/user:list", "--data-dir"]).arg(folder.path());
    command.env_clear().env("HAVEN_DATABASE__URL", format!("sqlite:{}", options.path.display()));
    let output = command.stdout(full).output().unwrap();
    let told = complaint(&output);
    assert!(told.starts_with("haven: standard output cannot be written: "), "{told}");
}

/// Runs `haven fsck` with a folder that is mounted for reading only; none where nobody may mount anything.
async fn looks_at(folder: &Path, arguments: &[&'static str]) -> Option<(Option<i32>, String)> {
    let mount = r#"mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@""#;
    let mounted = |program: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(["-r", "-m", "sh", "-c", mount]).arg(folder).args(program);
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("NO_COLOR", "1");
        command.output()
    };
    if !mounted(&["true"]).is_ok_and(|output| output.status.success()) {
        return None;
    }
    let data_dir = ["fsck", "--quiet", "--data-dir", folder.to_str().unwrap()];
    let output = mounted(&[&[env!("CARGO_BIN_EXE_haven")], &data_dir[..], arguments].concat()).unwrap();
    let said = [output.stdout, output.stderr].concat();
    Some((output.status.code(), String::from_utf8_lossy(&said).into_owned()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_written_can_be_looked_at() {
    let folder = tempfile::Builder::new().prefix("100% of #1 ").tempdir().unwrap();
    let options = Options::Sqlite(SqliteOptions::new(folder.path().join("haven.db")));
    let haven = Haven::start(folder.path(), &options).await;
    push_and_pull(&haven).await;
    let Some((status, said)) = looks_at(folder.path(), &[]).await else { return };
    assert_eq!(
        (status, said.contains("clean: 3 blobs")),
        (Some(0), true),
        "what is in the log counts: {said}"
    );

    let copy = tempfile::tempdir().unwrap();
    for name in ["haven.db", "haven.db-wal"] {
        std::fs::copy(folder.path().join(name), copy.path().join(name)).unwrap();
    }
    std::fs::create_dir(copy.path().join("registry")).unwrap();
    let (status, said) = looks_at(copy.path(), &[]).await.unwrap();
    assert_eq!((status, said.contains("haven.db-wal cannot be read")), (Some(2), true), "{said}");

    haven.stop().await;
    let (status, said) = looks_at(folder.path(), &[]).await.unwrap();
    assert_eq!((status, said.contains("clean: 3 blobs")), (Some(0), true), "{said}");
    // Whoever closes the database last writes what is in the log to its place.
    Db::open(options).await.unwrap().close().await;
    assert!(!folder.path().join("haven.db-wal").exists());
    let (status, said) = looks_at(folder.path(), &[]).await.unwrap();
    assert_eq!((status, said.contains("clean: 3 blobs")), (Some(0), true), "{said}");
    let (status, said) = looks_at(folder.path(), &["--repair"]).await.unwrap();
    assert_eq!((status, said.contains("cannot create")), (Some(2), true), "{said}");
}

#[test]
fn the_check_of_the_configuration_refuses_what_would_not_start() {
    for (overwrite, words) in [
        (r#"{"registry_url":"x"}"#, "this version has no setting registry_url"),
        (r#"{"token_expiration":0}"#, "item name token_expiration: 0 is out of range"),
        (r#"{"auth_mode":"oidc_auth"}"#, "item name auth_mode: this version has no oidc_auth, only db_auth"),
        (r#"{"skip_audit_log_database":true}"#, "audit log forward endpoint should be configured"),
        (r#"{"token_expiration":5,"auth_mode":"db_auth"}"#, ""),
    ] {
        for arguments in [&["config", "check"][..], &["serve"][..]] {
            if words.is_empty() && arguments == ["serve"] {
                continue;
            }
            let folder = tempfile::tempdir().unwrap();
            let mut command = Command::new(env!("CARGO_BIN_EXE_haven"));
            command.args(arguments).arg("--data-dir").arg(folder.path()).env_clear();
            let output = command.env("CONFIG_OVERWRITE_JSON", overwrite).output().unwrap();
            let told = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.success(), words.is_empty(), "{overwrite} {arguments:?}: {told}");
            assert!(told.contains(words), "{overwrite} {arguments:?}: {told}");
        }
    }
}
