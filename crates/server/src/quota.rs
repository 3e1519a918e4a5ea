//! `haven quota`: counting again.

use crate::cli::{Common, Failure, block_on, say};
use crate::command;
use clap::Args;
use haven_core::{access, quota};
use serde_json::json;

/// `haven quota recount`.
#[derive(Args)]
pub(crate) struct Recount {
    /// One JSON object to a line.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: Common,
}

/// Prints every project that was counted wrong, with the bytes before and after.
pub(crate) fn recount(arguments: Recount) -> Result<(), Failure> {
    let config = arguments.common.load()?;
    let wrong =
        block_on(command::on_rows(&config, async |app| Ok(quota::recount(app, &access::operator()).await?)))?;
    for project in &wrong {
        if arguments.json {
            let (name, before, after) = (&project.project, project.before, project.after);
            say(&json!({ "project": name, "before": before, "after": after }).to_string());
        } else {
            say(&format!("{}: {} bytes, not {}", project.project, project.after, project.before));
        }
    }
    if wrong.is_empty() && !arguments.json {
        say("every project was counted right");
    }
    Ok(())
}
