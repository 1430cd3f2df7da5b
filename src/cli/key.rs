//! `cartback key`: a fresh operator's key, to keep in a secret store and hand over as `CARTBACK_KEY`. Opens nothing.

use serde_json::json;

use super::{Form, Said};
use crate::config::key;

#[derive(clap::Subcommand)]
pub enum Command {
    /// Print a fresh key. For CARTBACK_KEY: the newest first, older ones after a comma
    New {
        #[command(flatten)]
        form: Form,
    },
}

pub fn run(command: &Command) -> (Said, Form) {
    match command {
        Command::New { form } => {
            let fresh = key::fresh();
            (Said::new(fresh.as_str(), json!({ "key": fresh.as_str() })), *form)
        }
    }
}
