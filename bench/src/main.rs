//! The load program behind `bench/run.sh`: puts servers under load in turn and says what came out as lines of JSON.
//!
//! It fails when an answer is wrong, and never because one was slow.

mod auth;
mod blob;
mod client;
mod estate;
mod growth;
mod measures;
mod noise;
mod peer;
mod report;
mod rows;
mod sample;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::measures::{images, lists, manifests, memory, pull, push, tokens, yardstick};

/// Whatever went wrong, in words.
type Error = Box<dyn std::error::Error + Send + Sync>;
type Result<T> = std::result::Result<T, Error>;

#[derive(Parser)]
#[command(about = "Load and reports for measurements side by side")]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Pulls of one blob, several at once.
    Pull(pull::Options),
    /// Pushes of one blob, as docker does it.
    Push(push::Options),
    /// What the hash and the disk alone can do with the bytes of a push.
    Yardstick(yardstick::Options),
    /// Manifests by tag over connections that stay open.
    Manifests(manifests::Options),
    /// Tokens for somebody with a password.
    Tokens(tokens::Options),
    /// Many small images by many clients.
    Images(images::Options),
    /// Memory of the server while it is pushed to and pulled from.
    Memory(memory::Options),
    /// Lists and searches over the REST API.
    Lists(lists::Options),
    /// Fills an empty database of Haven with projects, repositories, artifacts, tags, labels and audit records.
    Estate(estate::Options),
    /// Fills an empty database of Haven with artifacts.
    Fill(growth::Options),
    /// Makes the tables of the samples and puts them into a page.
    Report(report::Options),
    /// Says something about the machine, for the report.
    Machine {
        /// A folder on the disk that the measurements use.
        folder: PathBuf,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    let done = match Arguments::parse().what {
        What::Pull(options) => pull::run(&options).await,
        What::Push(options) => push::run(&options).await,
        What::Yardstick(options) => yardstick::run(&options).await,
        What::Manifests(options) => manifests::run(&options).await,
        What::Tokens(options) => tokens::run(&options).await,
        What::Images(options) => images::run(&options).await,
        What::Memory(options) => memory::run(&options).await,
        What::Lists(options) => lists::run(&options).await,
        What::Estate(options) => estate::run(&options).await,
        What::Fill(options) => growth::run(&options).await,
        What::Report(options) => report::run(&options),
        What::Machine { folder } => noise::machine(&folder),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            sample::complain(&error.to_string());
            ExitCode::FAILURE
        }
    }
}
