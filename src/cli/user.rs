//! `cartback user`: the team, and a way in for whoever has a shell on the machine. A link is shown once.

use anyhow::{anyhow, bail};
use serde_json::json;

use super::{Form, Missing, Said, Wrong, table};
use crate::{
    app,
    domain::{
        id::{ShopId, UserId},
        member::{Reach, Role},
    },
    pipeline::{
        Core, second,
        team::{self, NotDone},
    },
    store::team::Member,
};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Print a fresh link to sign in and choose a password; it works once, within 24 hours
    Link {
        /// Whose; left out, the first owner's
        #[arg(long)]
        email: Option<String>,
        #[command(flatten)]
        form: Form,
    },
    /// Everybody who signs in: role, shops, when they were last seen
    List {
        #[command(flatten)]
        form: Form,
    },
    /// Take somebody in; prints the link with which they choose name and password
    Invite(Invite),
    /// Change what somebody may do, and at which shops
    Role(Change),
    /// Take somebody's second proof away when app and recovery codes are lost; the password is then enough. They are told
    ResetSecond {
        /// Their e-mail address
        email: String,
        #[command(flatten)]
        form: Form,
    },
    /// End every session and every link that was not used; they sign in again
    SignOut {
        /// Their e-mail address
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        email: Option<String>,
        /// Of everybody
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        form: Form,
    },
    /// Take somebody out; their sessions and links end at once
    Remove {
        /// Their e-mail address
        email: String,
        #[command(flatten)]
        form: Form,
    },
}

#[derive(clap::Args)]
pub struct Invite {
    /// Their e-mail address
    email: String,
    #[command(flatten)]
    may: May,
    /// What they are called; they can change it
    #[arg(long, default_value = "")]
    name: String,
    #[command(flatten)]
    form: Form,
}

#[derive(clap::Args)]
pub struct Change {
    /// Their e-mail address
    email: String,
    #[command(flatten)]
    may: May,
    #[command(flatten)]
    form: Form,
}

#[derive(clap::Args)]
struct May {
    /// owner: everything; manager: changes what is their shops'; analyst: looks
    #[arg(long, value_parser = role)]
    role: Role,
    /// At which shop only; may be repeated; left out, at every one
    #[arg(long)]
    shop: Vec<ShopId>,
}

impl May {
    fn reach(&self) -> Reach {
        if self.shop.is_empty() { Reach::Every } else { Reach::These(self.shop.iter().copied().collect()) }
    }
}

fn role(typed: &str) -> Result<Role, String> {
    Role::by_name(typed).ok_or_else(|| "must be owner, manager or analyst".into())
}

pub async fn run(core: &Core, command: &Command) -> anyhow::Result<(Said, Form)> {
    match command {
        Command::Link { email, form } => {
            let link = match email {
                Some(email) => team::link(core, named(core, email).await?).await.map_err(problem)?,
                None => app::sign_in_link(core).await?,
            };
            Ok((Said::new(link.as_str(), json!({ "sign_in_url": link })), *form))
        }
        Command::List { form } => Ok((list(&team::list(core).await?), *form)),
        Command::Invite(Invite { email, may, name, form }) => {
            let (id, link) = team::invite(core, email, name, may.role, &may.reach()).await.map_err(problem)?;
            Ok((Said::new(link.as_str(), json!({ "id": id.to_string(), "sign_in_url": link })), *form))
        }
        Command::Role(Change { email, may, form }) => {
            let id = named(core, email).await?;
            team::change(core, id, may.role, &may.reach()).await.map_err(problem)?;
            let words = format!("From now on they are: {}.", may.role.name());
            Ok((
                Said::new(
                    words,
                    json!({ "id": id.to_string(), "role": may.role.name(), "shops": shops(&may.reach()) }),
                ),
                *form,
            ))
        }
        Command::ResetSecond { email, form } => {
            let id = named(core, email).await?;
            if !second::reset(core, id, "").await? {
                bail!(Missing("they have no second proof".into()));
            }
            let words = "It is gone. From now on their password is enough, until they set up a new one.";
            Ok((Said::new(words, json!({ "reset": id.to_string() })), *form))
        }
        Command::SignOut { email, form, .. } => {
            let who = match email {
                Some(email) => vec![named(core, email).await?],
                None => team::list(core).await?.into_iter().map(|member| member.id).collect(),
            };
            let ended = team::sign_out(core, &who).await?;
            let words = match ended {
                0 => "Nobody was signed in.".to_owned(),
                1 => "1 session has ended.".to_owned(),
                count => format!("{count} sessions have ended."),
            };
            Ok((Said::new(words, json!({ "ended": ended })), *form))
        }
        Command::Remove { email, form } => {
            let id = named(core, email).await?;
            team::remove(core, id).await.map_err(problem)?;
            Ok((
                Said::new("They are out, and every session of theirs has ended.", json!({ "removed": id.to_string() })),
                *form,
            ))
        }
    }
}

async fn named(core: &Core, email: &str) -> anyhow::Result<UserId> {
    match team::by_email(core, email).await? {
        Some(id) => Ok(id),
        None => bail!(Wrong("nobody of the team has this e-mail address; see cartback user list".into())),
    }
}

fn problem(not_done: NotDone) -> anyhow::Error {
    match not_done {
        NotDone::Store(error) => error.into(),
        other => anyhow!(Wrong(other.to_string())),
    }
}

/// Numbers, or `null` for every one.
fn shops(reach: &Reach) -> Option<Vec<i64>> {
    match reach {
        Reach::Every => None,
        Reach::These(shops) => Some(shops.iter().map(|shop| shop.get()).collect()),
    }
}

fn list(members: &[Member]) -> Said {
    let mut lines = table(&["name", "e-mail", "role", "shops", "password", "second proof", "last seen"]);
    for member in members {
        let shops = shops(&member.reach).map(|shops| {
            let shops: Vec<String> = shops.iter().map(ToString::to_string).collect();
            shops.join(", ")
        });
        lines.add_row([
            member.name.clone(),
            member.email.clone(),
            member.role.name().to_owned(),
            shops.unwrap_or_else(|| "every".to_owned()),
            if member.has_password { "chosen" } else { "not yet" }.to_owned(),
            if member.has_second { "on" } else { "off" }.to_owned(),
            member.seen_at.map_or_else(|| "never".to_owned(), |at| at.to_string()),
        ]);
    }
    let words = if members.is_empty() { "There is nobody yet.".to_owned() } else { lines.to_string() };
    let json = members.iter().map(|member| {
        json!({
            "id": member.id.to_string(),
            "name": member.name,
            "email": member.email,
            "role": member.role.name(),
            "shops": shops(&member.reach),
            "has_password": member.has_password,
            "has_second_proof": member.has_second,
            "created_at": member.created_at.to_string(),
            "seen_at": member.seen_at.map(|at| at.to_string()),
        })
    });
    Said::new(words, json.collect())
}
