//! `cartback user`: a way in for whoever has a shell on the machine.

use serde_json::json;

use super::{Form, Said};
use crate::{app, pipeline::Core};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Print a fresh link to sign in as the owner; it works once, within 24 hours
    Link {
        #[command(flatten)]
        form: Form,
    },
}

pub async fn run(core: &Core, command: &Command) -> anyhow::Result<(Said, Form)> {
    let Command::Link { form } = command;
    let link = app::sign_in_link(core).await?;
    Ok((Said::new(link.as_str(), json!({ "sign_in_url": link })), *form))
}
