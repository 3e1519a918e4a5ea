//! Looking at robots.

use super::{RobotAccount, Row, open, sql};
use crate::access::{self, Caller, Grant, permissions::ListRobots, permissions::ReadRobot};
use crate::{App, Error, Result, projects, settings};
use haven_db::list::{Column, Kind, Match, Query, Select};
use haven_db::params;

const COLUMNS: &[Column] = &[
    Column { key: "id", sql: "r.id", kind: Kind::Int, sortable: true },
    Column { key: "name", sql: "r.name", kind: Kind::Text, sortable: true },
    Column { key: "description", sql: "r.description", kind: Kind::Text, sortable: false },
    Column { key: "duration", sql: "r.duration", kind: Kind::Int, sortable: true },
    Column { key: "disabled", sql: "r.disabled", kind: Kind::Bool, sortable: true },
    Column { key: "expires_at", sql: "r.expires_at", kind: Kind::Time, sortable: true },
    Column { key: "creator_type", sql: "r.creator_type", kind: Kind::Text, sortable: false },
    Column { key: "creator_ref", sql: "r.creator_id", kind: Kind::Int, sortable: false },
    Column { key: "creation_time", sql: "r.created_at", kind: Kind::Time, sortable: true },
    Column { key: "update_time", sql: "r.updated_at", kind: Kind::Time, sortable: true },
];

/// The robots of the system or, with `level=project` and `project_id`, those of a project, with their number.
///
/// # Errors
/// `BadRequest` for another level, or one without its project; and for whoever may not see them.
pub async fn list(app: &App, caller: &Caller, mut query: Query) -> Result<(Vec<RobotAccount>, i64)> {
    let (level, project) = (query.take("level"), query.take("project_id"));
    match level {
        None => {}
        Some(Match::Exact(level)) if level == "system" => {}
        Some(Match::Exact(level)) if level == "project" => {
            let id = match project {
                Some(Match::Exact(id)) => id.parse().ok().filter(|id| *id > 0),
                _ => None,
            };
            let text = "must with project ID when to query project robots";
            let id: i64 = id.ok_or_else(|| Error::bad_request(text))?;
            let grant = access::require_by_id(app, caller, id).await?;
            return list_in(app, &grant, query).await;
        }
        Some(_) => return Err(Error::bad_request("bad request error level input")),
    }
    access::require_system::<ListRobots>(caller)?;
    page(app, select().filter_many("r.project_id IS NULL", Vec::new()), &query).await
}

/// The robots of a project, with their number.
///
/// # Errors
/// When the database fails.
pub async fn list_in(
    app: &App,
    grant: &Grant<ListRobots>,
    mut query: Query,
) -> Result<(Vec<RobotAccount>, i64)> {
    for key in ["level", "project_id"] {
        query.take(key);
    }
    page(app, select().filter("r.project_id = ?", grant.project.id), &query).await
}

/// One robot.
///
/// # Errors
/// `NotFound`, and for whoever may not see it.
pub async fn get(app: &App, caller: &Caller, id: i64) -> Result<RobotAccount> {
    let (robot, _) = open::<ReadRobot>(app, caller, id).await?;
    show_one(app, robot).await
}

/// The robot of a full name.
///
/// # Errors
/// As [`get`].
pub async fn named(app: &App, caller: &Caller, name: &str) -> Result<RobotAccount> {
    let settings = settings::get(app).await?;
    let stored = name.strip_prefix(settings.robot_name_prefix.as_str()).unwrap_or(name);
    match app.db.query_opt(sql::ID_OF, params![stored]).await? {
        Some(row) => get(app, caller, row.get(0)?).await,
        None => Err(Error::not_found(format!("robot {name} not found"))),
    }
}

fn select() -> Select {
    Select::new(sql::COLUMNS, sql::FROM)
}

async fn page(app: &App, select: Select, query: &Query) -> Result<(Vec<RobotAccount>, i64)> {
    let select = select.apply(COLUMNS, query).default_order("r.name ASC");
    let (rows, total) = select.fetch_page(&app.db).await?;
    let rows = rows.iter().map(sql::robot).collect::<Result<_>>()?;
    Ok((show(app, rows).await?, total))
}

pub(super) async fn show_one(app: &App, robot: Row) -> Result<RobotAccount> {
    let mut shown = show(app, vec![robot]).await?;
    shown.pop().ok_or_else(|| Error::internal("a robot that does not show"))
}

/// As they are told: with full names, and with the names of the projects, for all of them in one statement.
async fn show(app: &App, robots: Vec<Row>) -> Result<Vec<RobotAccount>> {
    let prefix = &settings::get(app).await?.robot_name_prefix;
    let ids =
        robots.iter().flat_map(|robot| &robot.permissions).filter_map(super::permissions::Stored::project);
    let names = projects::names_of(app, ids.collect::<std::collections::BTreeSet<_>>()).await?;
    let shown = robots.into_iter().map(|robot| RobotAccount {
        id: robot.id,
        name: format!("{prefix}{}", robot.name),
        level: robot.level(),
        description: robot.description,
        duration: robot.duration,
        disabled: robot.disabled,
        expires_at: robot.expires_at,
        permissions: robot.permissions.iter().filter_map(|permission| permission.shown(&names)).collect(),
        creator_type: robot.creator_type,
        creator_id: robot.creator_id,
        created_at: robot.created_at,
        updated_at: robot.updated_at,
    });
    Ok(shown.collect())
}
