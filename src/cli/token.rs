//! `cartback token`: who may act for a shop through the API. A token is shown once, when it is made.

use anyhow::bail;
use serde_json::json;

use super::{Form, Missing, Said, Wrong, chosen_shop, table};
use crate::{
    domain::id::ShopId,
    pipeline::{
        Core,
        people::token::{self, NotMade},
    },
    store::{self, token::Scope},
};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Make a token for one shop; it is shown only now
    Create {
        /// Whose; left out, the only shop's
        #[arg(long)]
        shop: Option<ShopId>,
        /// What it is for; given once per shop
        #[arg(long)]
        name: String,
        /// people: consents, opt-outs, exports, erasures and proofs; read: exports and proofs only
        #[arg(long, value_parser = scope)]
        scope: Scope,
        #[command(flatten)]
        form: Form,
    },
    /// All tokens of a shop, without what they are
    List {
        /// Whose; left out, the only shop's
        #[arg(long)]
        shop: Option<ShopId>,
        #[command(flatten)]
        form: Form,
    },
    /// From now on this token opens nothing
    Revoke {
        /// As token list shows it
        name: String,
        /// Whose; left out, the only shop's
        #[arg(long)]
        shop: Option<ShopId>,
        #[command(flatten)]
        form: Form,
    },
}

fn scope(typed: &str) -> Result<Scope, String> {
    Scope::ALL.into_iter().find(|scope| scope.name() == typed).ok_or_else(|| "must be people or read".into())
}

pub async fn run(core: &Core, command: &Command) -> anyhow::Result<(Said, Form)> {
    match command {
        Command::Create { shop, name, scope, form } => {
            let shop = chosen_shop(core, *shop).await?;
            let token = match token::create(core, shop, name, *scope).await {
                Ok(token) => token,
                Err(NotMade::Store(error)) => return Err(error.into()),
                Err(problem) => bail!(Wrong(problem.to_string())),
            };
            let words = format!("{token}\nShown only now. It is for shop {shop}: Authorization: Bearer …");
            Ok((Said::new(words, json!({ "token": token, "shop": shop, "scope": scope.name() })), *form))
        }
        Command::List { shop, form } => Ok((list(core, chosen_shop(core, *shop).await?).await?, *form)),
        Command::Revoke { name, shop, form } => {
            let shop = chosen_shop(core, *shop).await?;
            if !token::revoke(core, shop, name).await? {
                bail!(Missing(format!("shop {shop} has no such token, or it was revoked before")));
            }
            Ok((Said::new("It opens nothing any more.", json!({ "revoked": name })), *form))
        }
    }
}

async fn list(core: &Core, shop: ShopId) -> anyhow::Result<Said> {
    let tokens = store::token::list(&mut core.db.read().await?, shop).await?;
    let mut lines = table(&["name", "scope", "made", "last used", ""]);
    for token in &tokens {
        lines.add_row([
            token.name.clone(),
            token.scope.name().to_owned(),
            token.created_at.to_string(),
            token.used_at.map_or_else(|| "never".to_owned(), |at| at.to_string()),
            token.revoked_at.map_or_else(String::new, |at| format!("revoked {at}")),
        ]);
    }
    let words = if tokens.is_empty() { "There is none.".to_owned() } else { lines.to_string() };
    let json = tokens.iter().map(|token| {
        json!({
            "name": token.name,
            "scope": token.scope.name(),
            "created_at": token.created_at.to_string(),
            "used_at": token.used_at.map(|at| at.to_string()),
            "revoked_at": token.revoked_at.map(|at| at.to_string()),
        })
    });
    Ok(Said::new(words, json.collect()))
}
