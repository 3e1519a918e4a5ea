//! `haven robot`: robot accounts from the command line, for whoever may run the program on its database.

use crate::cli::{Common, Failure, say};
use crate::command;
use clap::{Args, Subcommand};
use haven_core::access::{self, permissions::ReadProject};
use haven_core::projects;
use haven_core::robots::{self, Access, Created, NewRobot, Permission, RobotAccount};
use haven_db::Timestamp;
use haven_db::list::{Match, Page, Query, Term};
use serde_json::{Value, json};

/// What is done to robots.
#[derive(Subcommand)]
pub(crate) enum RobotCommand {
    /// Make a robot, and tell its secret this once.
    ///
    /// `haven robot create ci --project team --can repository:pull,push` makes one that belongs to a project.
    /// `haven robot create ops --can '/user:list' --can '*/repository:pull' --can 'team/repository:pull,push'` makes one
    /// of the system.
    Create(Create),
    /// List the robots of the system, or of a project.
    List(List),
    /// Give a robot another secret, and tell it this once. The old one ends at once.
    Refresh(One),
    /// Delete a robot.
    Delete(One),
}

/// What `create` is told.
#[derive(Args)]
pub(crate) struct Create {
    #[command(flatten)]
    common: Common,
    /// Lower-case letters and digits, with single dots, dashes or underscores between them.
    name: String,
    /// The project that it is to belong to; without one it belongs to the system.
    #[arg(long)]
    project: Option<String>,
    /// What it may do: RESOURCE:ACTION[,ACTION]; may be repeated. At system level the place comes before it: `/` the
    /// system, `*/` every project, `NAME/` one. A `*` is every resource, or every action.
    #[arg(long, required = true, value_name = "PERMISSION")]
    can: Vec<String>,
    /// What it is for.
    #[arg(long, default_value = "")]
    description: String,
    /// After how many days it ends; -1 for never [default: the setting robot_token_duration].
    #[arg(long, allow_negative_numbers = true)]
    days: Option<i64>,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// What `list` is told.
#[derive(Args)]
pub(crate) struct List {
    #[command(flatten)]
    common: Common,
    /// The robots of this project.
    #[arg(long)]
    project: Option<String>,
    /// One JSON object to a line.
    #[arg(long)]
    json: bool,
}

/// Which robot is meant.
#[derive(Args)]
pub(crate) struct One {
    #[command(flatten)]
    common: Common,
    /// Its full name, such as `robot$team+ci`.
    name: String,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// Does what is asked.
pub(crate) async fn run(command: RobotCommand) -> Result<(), Failure> {
    match command {
        RobotCommand::Create(create) => self::create(create).await,
        RobotCommand::List(list) => self::list(list).await,
        RobotCommand::Refresh(one) => refresh(one).await,
        RobotCommand::Delete(one) => delete(one).await,
    }
}

async fn create(create: Create) -> Result<(), Failure> {
    let Create { common, name, project, can, description, days, json } = create;
    let mut permissions = Vec::with_capacity(can.len());
    for text in &can {
        add(&mut permissions, &permission(text, project.as_deref())?);
    }
    let level = if project.is_some() { "project" } else { "system" }.to_owned();
    let made = command::as_operator(common, async |app, operator| {
        let duration = match days {
            Some(days) => days,
            None => haven_core::settings::get(app).await?.robot_token_duration,
        };
        let new = NewRobot { name, description, level, duration, permissions };
        Ok(robots::create(app, operator, new).await?)
    });
    let made = made.await?;
    say(&if json {
        created_json(&made).to_string()
    } else {
        format!("{}\nsecret: {}", made.name, made.secret)
    });
    Ok(())
}

/// Reads `[PLACE/]RESOURCE:ACTION[,ACTION]`.
fn permission(text: &str, project: Option<&str>) -> Result<Permission, Failure> {
    let (place, rest) = match (project, text.split_once('/')) {
        (Some(project), None) => (project, text),
        (Some(_), Some(_)) => {
            return Err(format!("`{text}`: with --project no place comes before the resource").into());
        }
        (None, Some(("", rest))) => ("/", rest),
        (None, Some((place, rest))) => (place, rest),
        (None, None) => {
            return Err(format!("`{text}`: begin with `/`, `*/` or the name of a project and `/`").into());
        }
    };
    let kind = if place == "/" { "system" } else { "project" };
    let (resource, actions) =
        rest.split_once(':').ok_or_else(|| format!("`{text}` is not RESOURCE:ACTION[,ACTION]"))?;
    let known: Vec<(&str, &str)> = match kind {
        "system" => access::system_grantable().map(|(of, action)| (of.as_str(), action.as_str())).collect(),
        _ => access::grantable().map(|(of, action)| (of.as_str(), action.as_str())).collect(),
    };
    let mut granted = Vec::new();
    for action in actions.split(',') {
        let fits = |(of, does): &&(&str, &str)| {
            (resource == "*" || *of == resource) && (action == "*" || *does == action)
        };
        let found: Vec<Access> = known.iter().filter(fits).map(|(of, does)| access_of(of, does)).collect();
        if found.is_empty() {
            return Err(format!("`{text}`: a robot cannot be granted {resource}:{action} there").into());
        }
        granted.extend(found);
    }
    Ok(Permission { kind: kind.to_owned(), namespace: place.to_owned(), access: granted })
}

fn access_of(resource: &str, action: &str) -> Access {
    Access { resource: resource.to_owned(), action: action.to_owned(), effect: String::new() }
}

/// A robot of a project has all its permissions in one.
fn add(permissions: &mut Vec<Permission>, new: &Permission) {
    let same = |known: &&mut Permission| known.kind == new.kind && known.namespace == new.namespace;
    match permissions.iter_mut().find(same) {
        Some(known) => known.access.extend(new.access.iter().cloned()),
        None => permissions.push(new.clone()),
    }
}

async fn list(list: List) -> Result<(), Failure> {
    let List { common, project, json } = list;
    command::as_operator(common, async |app, operator| {
        let mut query = Query { page: Page::ALL, ..Query::default() };
        if let Some(name) = project {
            let name = projects::parse_name(&name)?;
            let found = access::require::<ReadProject>(app, operator, &name).await?.project;
            let exact = |key: &str, value: String| Term { key: key.to_owned(), value: Match::Exact(value) };
            query.terms =
                vec![exact("level", "project".to_owned()), exact("project_id", found.id.to_string())];
        }
        let (found, _) = robots::list(app, operator, query).await?;
        for robot in found {
            say(&if json { robot_json(&robot).to_string() } else { line(&robot, app.clock().now()) });
        }
        Ok(())
    })
    .await
}

async fn refresh(one: One) -> Result<(), Failure> {
    let refreshed = command::as_operator(one.common, async |app, operator| {
        let robot = robots::named(app, operator, &one.name).await?;
        let secret = robots::refresh(app, operator, robot.id, "").await?.unwrap_or_default();
        Ok((robot, secret))
    });
    let (robot, secret) = refreshed.await?;
    say(&if one.json {
        json!({ "id": robot.id, "name": robot.name, "secret": secret }).to_string()
    } else {
        format!("{}\nsecret: {secret}", robot.name)
    });
    Ok(())
}

async fn delete(one: One) -> Result<(), Failure> {
    let deleted = command::as_operator(one.common, async |app, operator| {
        let robot = robots::named(app, operator, &one.name).await?;
        robots::delete(app, operator, robot.id).await?;
        Ok(robot)
    });
    let robot = deleted.await?;
    say(&if one.json {
        json!({ "id": robot.id, "name": robot.name, "deleted": true }).to_string()
    } else {
        format!("{} is deleted", robot.name)
    });
    Ok(())
}

fn line(robot: &RobotAccount, now: Timestamp) -> String {
    let ends = match robot.expires_at {
        None => "never ends".to_owned(),
        Some(time) if time <= now => format!("ended {time}"),
        Some(time) => format!("ends {time}"),
    };
    let off = if robot.disabled { ", disabled" } else { "" };
    format!("{}  {ends}{off}", robot.name)
}

fn created_json(made: &Created) -> Value {
    json!({
        "id": made.id,
        "name": made.name,
        "secret": made.secret,
        "creation_time": made.created_at.rfc3339_millis(),
        "expires_at": made.expires_at.map_or(-1, Timestamp::as_secs),
    })
}

fn robot_json(robot: &RobotAccount) -> Value {
    let permission = |permission: &Permission| {
        json!({
            "kind": permission.kind,
            "namespace": permission.namespace,
            "access": permission.access,
        })
    };
    json!({
        "id": robot.id,
        "name": robot.name,
        "description": robot.description,
        "level": robot.level.as_str(),
        "duration": robot.duration,
        "disable": robot.disabled,
        "expires_at": robot.expires_at.map_or(-1, Timestamp::as_secs),
        "permissions": robot.permissions.iter().map(permission).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, project: Option<&str>) -> Option<(String, String, Vec<String>)> {
        let read = permission(text, project).ok()?;
        let access = read.access.iter().map(|access| format!("{}:{}", access.resource, access.action));
        Some((read.kind, read.namespace, access.collect()))
    }

    #[test]
    fn a_permission_is_a_place_and_what_may_be_done_there() {
        let is = |kind: &str, namespace: &str, access: &[&str]| {
            let access = access.iter().map(|access| (*access).to_owned()).collect();
            Some((kind.to_owned(), namespace.to_owned(), access))
        };
        let both = ["repository:pull", "repository:push"];
        assert_eq!(read("repository:pull,push", Some("team")), is("project", "team", &both));
        assert_eq!(read("team/repository:pull,push", None), is("project", "team", &both));
        assert_eq!(read("*/quota:read", None), is("project", "*", &["quota:read"]));
        assert_eq!(read("/ldap-user:*", None), is("system", "/", &["ldap-user:create", "ldap-user:list"]));
        let all = read("*/*:*", None).unwrap().2;
        assert_eq!(all.len(), access::grantable().count());
    }

    #[test]
    fn what_is_none_is_refused() {
        for (text, project) in [
            ("repository:pull", None),
            ("team/repository:pull", Some("team")),
            ("team/repository", None),
            ("team/repository:fly", None),
            ("team/user:list", None),
            ("/repository:pull", None),
            ("/configuration:read", None),
            ("repository:pull,", Some("team")),
            ("", Some("team")),
        ] {
            assert_eq!(read(text, project), None, "{text}");
        }
    }
}
