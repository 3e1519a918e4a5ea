//! `haven project`: projects for whoever holds the configuration, whether or not the server runs.

use crate::cli::{Common, Failure, say};
use crate::command;
use clap::{Args, Subcommand};
use haven_core::App;
use haven_core::access::Caller;
use haven_core::projects::{self, Detail, Metadata, NewProject, Visible};
use haven_db::list::{Page, Query};
use serde_json::json;

/// Projects of one statement.
const PAGE: i64 = 500;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Tell which projects there are.
    List(List),
    /// Make a project, which belongs to the first administrator.
    Create(Create),
}

#[derive(Args)]
pub(crate) struct List {
    #[command(flatten)]
    common: Common,
    /// Only those whose name contains this.
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// One JSON object to a line.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(crate) struct Create {
    #[command(flatten)]
    common: Common,
    /// Lower-case letters and digits, with single dots, dashes or underscores between them.
    name: String,
    /// Everybody may pull from it.
    #[arg(long)]
    public: bool,
    /// Tell about the new project as a JSON object.
    #[arg(long)]
    json: bool,
}

/// Does what was asked for.
pub(crate) async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::List(List { common, name, json }) => {
            command::as_operator(common, async |app, operator| list(app, operator, name, json).await).await
        }
        Command::Create(Create { common, name, public, json }) => {
            command::as_operator(common, async |app, operator| {
                create(app, operator, name, public, json).await
            })
            .await
        }
    }
}

async fn list(app: &App, operator: &Caller, name: Option<String>, json: bool) -> Result<(), Failure> {
    if !json {
        say(&line("ID", "NAME", "ACCESS", "REPOSITORIES", "OWNER"));
    }
    for number in 1.. {
        let query = Query { page: Page { number, size: PAGE }, ..Query::default() };
        let visible = Visible { name: name.clone(), ..Visible::default() };
        let (found, _) = projects::list(app, operator, visible, query).await?;
        let last = found.len() < usize::try_from(PAGE)?;
        for project in projects::details(app, operator, found, projects::Telling::Listed).await? {
            tell(&project, json);
        }
        if last {
            break;
        }
    }
    Ok(())
}

async fn create(app: &App, operator: &Caller, name: String, public: bool, json: bool) -> Result<(), Failure> {
    let metadata = Metadata::from([("public".to_owned(), public.to_string())]);
    let id =
        projects::create(app, operator, NewProject { name: name.clone(), metadata, ..NewProject::default() });
    let id = id.await?;
    if !json {
        say(&format!("the project {name} is made, with the number {id}"));
        return Ok(());
    }
    let name = projects::parse_name(&name)?;
    let grant = haven_core::access::require(app, operator, &name).await?;
    tell(&projects::get(app, operator, &grant).await?, json);
    Ok(())
}

fn tell(detail: &Detail, as_json: bool) {
    let project = &detail.project;
    let owner = detail.more.as_ref().map_or("", |more| more.owner_name.as_str());
    if as_json {
        let shape = json!({
            "project_id": project.id,
            "name": project.name.as_str(),
            "public": project.public,
            "repo_count": detail.repositories,
            "owner_name": owner,
            "creation_time": project.created_at.rfc3339_millis(),
        });
        say(&shape.to_string());
        return;
    }
    let access = if project.public { "public" } else { "private" };
    let (id, repositories) = (project.id.to_string(), detail.repositories.to_string());
    say(&line(&id, project.name.as_str(), access, &repositories, owner));
}

fn line(id: &str, name: &str, access: &str, repositories: &str, owner: &str) -> String {
    format!("{id:<6} {name:<32} {access:<8} {repositories:>12}  {owner}")
}
