//! `haven robot`, on a database that no server has open.

use crate::starts::folder_with_key;
use haven_db::testing::{engines, fresh};
use haven_db::{Db, Options};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

/// The program with this folder and database.
fn haven(folder: &Path, database: &Options, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_haven"));
    command.args(arguments).arg("--data-dir").arg(folder);
    command.env_clear().env("PATH", "/usr/bin:/bin").env("HARBOR_ADMIN_PASSWORD", "Harbor12345");
    match database {
        Options::Sqlite(options) => {
            command.env("HAVEN_DATABASE__URL", format!("sqlite:{}", options.path.display()))
        }
        Options::Postgres(options) => command.env("HAVEN_DATABASE__URL", &options.url),
    };
    command.output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test]
async fn robots_are_made_listed_refreshed_and_deleted() {
    for engine in engines() {
        let (folder, db) = (folder_with_key(), fresh(engine).await.unwrap());
        let run = |arguments: &[&str]| haven(folder.path(), &db.options(), arguments);
        let json = |arguments: &[&str]| {
            let output = run(arguments);
            assert!(output.status.success(), "{output:?}");
            text(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>()
        };
        let can = ["--can", "repository:pull,push", "--can", "tag:*"];
        let create = [&["robot", "create", "ci", "--project", "library", "--json"][..], &can].concat();
        let made = &json(&create)[0];
        assert_eq!((&made["name"], made["secret"].as_str().unwrap().len()), (&"robot$library+ci".into(), 32));
        assert!(!run(&create).status.success(), "the name is taken");
        let output = run(&[
            "robot",
            "create",
            "ops",
            "--can",
            "/user:list",
            "--can",
            "*/repository:pull",
            "--days",
            "-1",
        ]);
        assert!(text(&output).starts_with("robot$ops\nsecret: "), "{output:?}");
        let listed = json(&["robot", "list", "--project", "library", "--json"]);
        let (robot, access) = (&listed[0], &listed[0]["permissions"][0]["access"]);
        assert_eq!((listed.len(), access.as_array().unwrap().len()), (1, 5));
        assert_eq!((&robot["level"], &robot["duration"]), (&"project".into(), &30.into()));
        assert_eq!(text(&run(&["robot", "list"])), "robot$ops  never ends\n");
        let first = stored(&db).await;
        let refreshed = &json(&["robot", "refresh", "robot$library+ci", "--json"])[0];
        assert_eq!((&refreshed["id"], refreshed["secret"].as_str().unwrap().len()), (&made["id"], 32));
        assert_ne!(refreshed["secret"], made["secret"]);
        assert_ne!(stored(&db).await, first);
        assert_eq!(text(&run(&["robot", "delete", "robot$library+ci"])), "robot$library+ci is deleted\n");
        for refused in [
            &["robot", "refresh", "robot$library+ci"][..],
            &["robot", "list", "--project", "nowhere"],
            &["robot", "create", "x", "--can", "repository:pull"],
            &["robot", "create", "x", "--can", "/configuration:update"],
            &["robot", "create", "x", "--project", "library", "--can", "robot:update"],
            &["robot", "create", "X", "--project", "library", "--can", "repository:pull"],
            &["robot", "create", "x", "--project", "library"],
        ] {
            let output = run(refused);
            assert!(!output.status.success() && output.stdout.is_empty(), "{refused:?} {output:?}");
            assert!(!output.stderr.is_empty());
        }
    }
}

/// What is stored of the secret of the robot in a project.
async fn stored(db: &Db) -> String {
    let row = db.query_one("SELECT secret_hash FROM robot WHERE project_id IS NOT NULL", &[]).await;
    row.unwrap().get(0).unwrap()
}
