//! The binary `haven`.

mod admin;
mod cli;
mod fsck;
mod handles;
mod project;
mod secrets;
mod serve;
mod storage;

use clap::Parser as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    cli::Cli::parse().run()
}
