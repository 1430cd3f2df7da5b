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
    store::{
        self,
        token::{Scope, Scopes},
    },
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
        /// What it may do, as often as needed: read (look at everything), people (consents, opt-outs, exports, erasures;
        /// includes reading), write (rules, gateways, sequences, texts, replies, replays), send (tests), house (every shop;
        /// with --shop 0)
        #[arg(long, value_parser = scope, required = true)]
        scope: Vec<Scope>,
        /// Days until it opens nothing any more; left out, until it is revoked
        #[arg(long)]
        days: Option<u32>,
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
    Scope::by_name(typed).ok_or_else(|| "must be read, people, write, send or house".into())
}

pub async fn run(core: &Core, command: &Command) -> anyhow::Result<(Said, Form)> {
    match command {
        Command::Create { shop, name, scope, days, form } => {
            let shop = chosen_shop(core, *shop).await?;
            let scopes = Scopes::new(scope.iter().copied());
            let names = scopes.names();
            let token = match token::create(core, shop, name, scopes, *days).await {
                Ok(token) => token,
                Err(NotMade::Store(error)) => return Err(error.into()),
                Err(problem) => bail!(Wrong(problem.to_string())),
            };
            let whose = if shop == ShopId::HOUSE { "every shop".to_owned() } else { format!("shop {shop}") };
            let words = format!("{token}\nShown only now. It is for {whose}: Authorization: Bearer …");
            Ok((Said::new(words, json!({ "token": token, "shop": shop, "scopes": names })), *form))
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
    let mut lines = table(&["name", "scopes", "made", "last used", "ends", ""]);
    for token in &tokens {
        lines.add_row([
            token.name.clone(),
            token.scopes.names().join(" "),
            token.created_at.to_string(),
            token.used_at.map_or_else(|| "never".to_owned(), |at| at.to_string()),
            token.expires_at.map_or_else(|| "never".to_owned(), |at| at.to_string()),
            token.revoked_at.map_or_else(String::new, |at| format!("revoked {at}")),
        ]);
    }
    let words = if tokens.is_empty() { "There is none.".to_owned() } else { lines.to_string() };
    let json = tokens.iter().map(|token| {
        json!({
            "name": token.name,
            "scopes": token.scopes.names(),
            "created_at": token.created_at.to_string(),
            "expires_at": token.expires_at.map(|at| at.to_string()),
            "used_at": token.used_at.map(|at| at.to_string()),
            "revoked_at": token.revoked_at.map(|at| at.to_string()),
        })
    });
    Ok(Said::new(words, json.collect()))
}
