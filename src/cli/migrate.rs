//! `cartback migrate`: the schema brought up to date, which opening the database has done by now; with `--citus` also spread
//! over several machines.

use serde_json::json;

use super::{Form, Said};
use crate::{
    config::Config,
    pipeline::Core,
    store::{
        migration,
        spread::{self, Spread},
    },
};

#[derive(clap::Args)]
pub struct Args {
    /// Spread every table over the workers of a Citus cluster, by the shop; nothing may be running meanwhile
    #[arg(long)]
    citus: bool,
    #[command(flatten)]
    pub form: Form,
}

pub async fn run(core: &Core, config: &Config, args: &Args) -> anyhow::Result<Said> {
    let version = migration::ALL.last().map_or(0, |(version, _, _)| *version);
    let at = format!("{}: the schema is at version {version}", config.place());
    if !args.citus {
        return Ok(Said::new(at, json!({ "version": version })));
    }
    let Spread { spread, copied, known } = spread::spread(&core.db).await?;
    let words = format!(
        "{at}.\nSpread by the shop: {}. Copied to every worker: {}. As they were: {known}.",
        spread.len(),
        copied.len()
    );
    Ok(Said::new(words, json!({ "version": version, "spread": spread, "copied": copied, "known": known })))
}
