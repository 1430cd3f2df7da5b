//! `cartback migrate`: the schema brought up to date, which opening the database has done by now.

use serde_json::json;

use super::{Form, Said};
use crate::{config::Config, store::migration};

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub form: Form,
}

pub fn run(config: &Config) -> Said {
    let version = migration::ALL.last().map_or(0, |(version, _, _)| *version);
    Said::new(format!("{}: the schema is at version {version}", config.place()), json!({ "version": version }))
}
