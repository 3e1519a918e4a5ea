//! Making, changing, deleting and listing labels. Whose permission that takes follows from the label's scope, so it is
//! asked for here.

use super::{Label, Scope, by_id, sql, unknown};
use crate::access::{self, Caller, Permission, SystemPermission, permissions};
use crate::{App, Code, Error, Result};
use haven_db::list::{Column, Kind, Match, Query, Select, Term};
use haven_db::params;

/// What somebody says of a label.
#[derive(Clone, Debug, Default)]
pub struct Text {
    pub name: String,
    pub description: String,
    pub color: String,
}

/// A label to be made.
#[derive(Clone, Debug, Default)]
pub struct NewLabel {
    pub text: Text,
    /// `g` or `p`.
    pub scope: String,
    /// Counts for `p` only.
    pub project: i64,
}

/// Which labels a list is about, beside the query language.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// `g` or `p`.
    pub scope: String,
    pub project: Option<i64>,
    /// A part of the name.
    pub name: Option<String>,
}

const MAX_NAME: usize = 128;
const MAX_DESCRIPTION: usize = 4 << 10;
const MAX_COLOR: usize = 16;

const COLUMNS: &[Column] = &[
    Column { key: "id", sql: "l.id", kind: Kind::Int, sortable: true },
    Column { key: "name", sql: "l.name", kind: Kind::Text, sortable: true },
    Column { key: "description", sql: "l.description", kind: Kind::Text, sortable: false },
    Column { key: "color", sql: "l.color", kind: Kind::Text, sortable: true },
    Column { key: "creation_time", sql: "l.created_at", kind: Kind::Time, sortable: true },
    Column { key: "update_time", sql: "l.updated_at", kind: Kind::Time, sortable: true },
];

/// The labels of a scope with their number: those of the registry for everybody, those of a project for who may list
/// them.
///
/// # Errors
/// `BadRequest` for a scope that is none, or a project that is not named; as [`access::require`].
pub async fn list(app: &App, caller: &Caller, wanted: Wanted, mut query: Query) -> Result<(Vec<Label>, i64)> {
    let scope = match (wanted.scope.as_str(), wanted.project.filter(|id| *id != 0)) {
        ("g", _) => Scope::Global,
        ("p", Some(project)) => {
            access::require_by_id::<permissions::ListLabels>(app, caller, project).await?;
            Scope::Project(project)
        }
        ("p", None) => {
            return Err(Error::bad_request("must with project ID when to query project labels"));
        }
        (other, _) => return Err(Error::bad_request(format!("invalid scope: {other}"))),
    };
    if let Some(name) = wanted.name {
        query.terms.push(Term { key: "name".into(), value: Match::Fuzzy(name) });
    }
    let select = Select::new(sql::COLUMNS, "FROM label l")
        .filter("l.scope = ?", scope.letter())
        .filter("l.project_id = ?", scope.project());
    let (rows, total) = select.apply(COLUMNS, &query).default_order("l.id ASC").fetch_page(&app.db).await?;
    Ok((rows.iter().map(sql::label).collect::<Result<_>>()?, total))
}

/// Makes a label and returns its id.
///
/// # Errors
/// `BadRequest` for a scope that is none or a text that is too long, `Conflict` when the scope has a label of that name;
/// as [`access::require`].
pub async fn create(app: &App, caller: &Caller, new: NewLabel) -> Result<i64> {
    let scope = match new.scope.as_str() {
        "g" => Scope::Global,
        "p" => Scope::Project(new.project),
        _ => return Err(Error::bad_request("unsupported label scope")),
    };
    require::<permissions::CreateLabel>(app, caller, scope).await?;
    check(&new.text)?;
    let Text { name, description, color } = &new.text;
    let row = params![name, description, color, scope.letter(), scope.project(), app.clock.now()];
    match app.db.query_opt(sql::INSERT, row).await? {
        Some(row) => Ok(row.get(0)?),
        None => Err(taken(name)),
    }
}

/// One label.
///
/// # Errors
/// `NotFound`; as [`access::require`].
pub async fn get(app: &App, caller: &Caller, id: i64) -> Result<Label> {
    find::<permissions::ReadLabel>(app, caller, id).await
}

/// Changes a label's texts; it stays where it is.
///
/// # Errors
/// `NotFound`, `BadRequest` for a text that is too long, `Conflict` when the scope has another label of that name; as
/// [`access::require`].
pub async fn update(app: &App, caller: &Caller, id: i64, text: &Text) -> Result<()> {
    find::<permissions::UpdateLabel>(app, caller, id).await?;
    check(text)?;
    let Text { name, description, color } = text;
    match app.db.execute(sql::UPDATE, params![id, name, description, color, app.clock.now()]).await {
        Ok(0) => Err(unknown(id)),
        Ok(_) => Ok(()),
        Err(error) if error.kind == haven_db::Kind::Conflict => Err(taken(name).because(error)),
        Err(error) => Err(error.into()),
    }
}

/// Deletes a label, also from everything that carries it.
///
/// # Errors
/// `NotFound`; as [`access::require`].
pub async fn delete(app: &App, caller: &Caller, id: i64) -> Result<()> {
    find::<permissions::DeleteLabel>(app, caller, id).await?;
    match app.db.execute(sql::DELETE, params![id]).await? {
        0 => Err(unknown(id)),
        _ => Ok(()),
    }
}

/// The label, for somebody who may. Nobody without a name learns whether there is one.
async fn find<P: Permission + SystemPermission>(app: &App, caller: &Caller, id: i64) -> Result<Label> {
    let label = by_id(app, id).await?;
    let Some(label) = label else {
        return Err(if matches!(caller, Caller::Anonymous) { caller.refusal() } else { unknown(id) });
    };
    require::<P>(app, caller, label.scope).await?;
    Ok(label)
}

async fn require<P: Permission + SystemPermission>(app: &App, caller: &Caller, scope: Scope) -> Result<()> {
    match scope {
        Scope::Global => access::require_system::<P>(caller).map(drop),
        Scope::Project(project) => access::require_by_id::<P>(app, caller, project).await.map(drop),
    }
}

fn taken(name: &str) -> Error {
    Error::new(Code::Conflict, format!("label {name} already exists"))
}

fn check(text: &Text) -> Result<()> {
    let length = text.name.chars().count();
    if !(1..=MAX_NAME).contains(&length) {
        return Err(Error::bad_request("label name must be 1 to 128 characters long"));
    }
    if text.description.len() > MAX_DESCRIPTION || text.color.len() > MAX_COLOR {
        return Err(Error::bad_request("the label's description or color is too long"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_bounded() {
        let text = |name: &str, description: &str, color: &str| Text {
            name: name.into(),
            description: description.into(),
            color: color.into(),
        };
        let x = |count: usize| "é".repeat(count);
        assert!(check(&text("a", "", "")).is_ok() && check(&text(&x(128), "why", "#00AB9A")).is_ok());
        for bad in [text("", "", ""), text(&x(129), "", ""), text("a", &x(3000), ""), text("a", "", &x(9))] {
            assert_eq!(check(&bad).unwrap_err().code, Code::BadRequest);
        }
    }
}
