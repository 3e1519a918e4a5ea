//! The binary `haven`.

mod admin;
mod background;
mod cli;
mod command;
mod database;
mod fsck;
mod handles;
mod memory;
mod project;
mod quota;
mod robot;
mod secrets;
mod serve;
mod settings;
mod storage;
mod users;

use clap::Parser as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    cli::Cli::parse().run()
}
