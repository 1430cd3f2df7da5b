//! `cartback key`: a fresh operator's key, to keep in a secret store and hand over as `CARTBACK_KEY`; and the change from an
//! old one to it.

use serde_json::json;

use super::{Form, Said};
use crate::{config::key, pipeline::Core, transact};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Print a fresh key. For CARTBACK_KEY: the newest first, older ones after a comma
    New {
        #[command(flatten)]
        form: Form,
    },
    /// Wrap every shop's key with the newest operator key, so that older ones are needed no more; run it beside the service
    Rewrap {
        #[command(flatten)]
        form: Form,
    },
}

/// A fresh key; nothing is opened for it.
pub fn fresh(form: Form) -> (Said, Form) {
    let fresh = key::fresh();
    (Said::new(fresh.as_str(), json!({ "key": fresh.as_str() })), form)
}

/// Killed in the middle it has done nothing: it is one transaction.
pub async fn rewrap(core: &Core, form: Form) -> anyhow::Result<(Said, Form)> {
    let changed = transact!(core.db, |tx| core.vault.rewrap(tx).await?)?;
    let words = match changed {
        0 => "Every key is wrapped by the newest one already.".to_owned(),
        1 => "1 key is wrapped by the newest one now.".to_owned(),
        count => format!("{count} keys are wrapped by the newest one now."),
    };
    Ok((Said::new(words, json!({ "wrapped": changed })), form))
}
