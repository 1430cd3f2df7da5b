//! `cartback digest`: figures by mail. Who gets those of which shop and how often, and a letter at once as a proof.

use anyhow::{anyhow, bail};
use serde_json::{Value, json};

use super::{Form, Missing, Said, Wrong, chosen_shop, table};
use crate::{
    domain::{
        digest::Rhythm,
        id::{ShopId, UserId},
    },
    pipeline::{
        Core,
        digest::{self, NotDone},
        team, zone_of,
    },
    store::{self, digest::Issue},
};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Who gets a shop's figures by mail, how often, and what became of the last one
    List {
        /// Whose figures; left out, the only shop's
        #[arg(long)]
        shop: Option<ShopId>,
        #[command(flatten)]
        form: Form,
    },
    /// Mail somebody of the team a shop's figures from now on, or in another rhythm
    Set {
        /// Their e-mail address, as they sign in
        email: String,
        /// daily, weekly (Mondays), monthly (on the first), all at 8:00 of the shop's own time; or own
        #[arg(value_parser = word)]
        rhythm: String,
        /// With own: a cron expression of five fields, the day of the week by its name, as in '30 7 * * Mon-Fri'
        #[arg(long, default_value = "")]
        schedule: String,
        /// Whose figures; left out, the only shop's
        #[arg(long)]
        shop: Option<ShopId>,
        #[command(flatten)]
        form: Form,
    },
    /// Mail them no more
    Stop {
        /// Their e-mail address
        email: String,
        /// Whose figures; left out, the only shop's
        #[arg(long)]
        shop: Option<ShopId>,
        #[command(flatten)]
        form: Form,
    },
    /// Send one at once, of the newest full period, and say what the mail server answered
    Send {
        /// Their e-mail address
        email: String,
        /// Whose figures; left out, the only shop's
        #[arg(long)]
        shop: Option<ShopId>,
        #[command(flatten)]
        form: Form,
    },
}

fn word(typed: &str) -> Result<String, String> {
    match Rhythm::NAMES.contains(&typed) {
        true => Ok(typed.to_owned()),
        false => Err("must be daily, weekly, monthly or own".into()),
    }
}

pub async fn run(core: &Core, command: &Command) -> anyhow::Result<(Said, Form)> {
    match command {
        Command::List { shop, form } => Ok((list(core, chosen_shop(core, *shop).await?).await?, *form)),
        Command::Set { email, rhythm, schedule, shop, form } => {
            let (shop, reader) = (chosen_shop(core, *shop).await?, named(core, email).await?);
            let rhythm = Rhythm::parse(rhythm, schedule).map_err(|why| anyhow!(Wrong(why.to_string())))?;
            let digest = digest::set(core, shop, reader, rhythm, "").await.map_err(problem)?;
            let mut read = core.db.read().await?;
            let zone = core.shop(&mut read, shop).await?.map(|(shop, _)| zone_of(&shop));
            let next = zone.and_then(|zone| digest.rhythm.next(&zone, core.now())).map(|next| next.at.to_string());
            let words = format!("The next one goes out at {}.", next.as_deref().unwrap_or("no time"));
            let json =
                json!({ "shop": shop, "reader": reader.to_string(), "rhythm": digest.rhythm.name(), "next_at": next });
            Ok((Said::new(words, json), *form))
        }
        Command::Stop { email, shop, form } => {
            let (shop, reader) = (chosen_shop(core, *shop).await?, named(core, email).await?);
            if !digest::stop(core, shop, reader).await? {
                bail!(Missing("they get no digest of this shop".into()));
            }
            Ok((Said::new("They get no more of them.", json!({ "shop": shop, "stopped": reader.to_string() })), *form))
        }
        Command::Send { email, shop, form } => {
            let (shop, reader) = (chosen_shop(core, *shop).await?, named(core, email).await?);
            digest::send_now(core, shop, reader, "").await.map_err(problem)?;
            Ok((Said::new("The mail server took it.", json!({ "shop": shop, "sent_to": reader.to_string() })), *form))
        }
    }
}

async fn named(core: &Core, email: &str) -> anyhow::Result<UserId> {
    match team::by_email(core, email).await? {
        Some(id) => Ok(id),
        None => bail!(Missing("nobody of the team has this e-mail address; see cartback user list".into())),
    }
}

fn problem(not_done: NotDone) -> anyhow::Error {
    match not_done {
        NotDone::Store(error) => error.into(),
        NotDone::NoServer => {
            anyhow!(Wrong("no mail server is set up: set CARTBACK_SMTP_URL and CARTBACK_MAIL_FROM".into()))
        }
        NotDone::NotSent(why) => anyhow!("it was not sent: {why}"),
        other => anyhow!(Wrong(other.to_string())),
    }
}

fn state(issue: &Issue) -> &'static str {
    match () {
        () if issue.sent_at.is_some() => "sent",
        () if issue.refused_at.is_some() => "not sent",
        () if issue.unknown_at.is_some() => "may have arrived",
        () => "tried again",
    }
}

async fn list(core: &Core, shop: ShopId) -> anyhow::Result<Said> {
    let members = team::list(core).await?;
    let mut read = core.db.read().await?;
    let zone = core.shop(&mut read, shop).await?.map(|(shop, _)| zone_of(&shop)).unwrap_or(jiff::tz::TimeZone::UTC);
    let mut lines = table(&["reader", "how often", "next", "last", "", "why"]);
    let mut json: Vec<Value> = Vec::new();
    for digest in store::digest::list(&mut read, shop).await? {
        let email = members.iter().find(|member| member.id == digest.reader).map(|member| member.email.clone());
        let last = store::digest::issues(&mut read, shop, digest.reader, 1).await?.pop();
        let next = digest.rhythm.next(&zone, core.now()).map(|next| next.at.to_string());
        let often = format!("{} {}", digest.rhythm.name(), digest.rhythm.typed());
        lines.add_row([
            email.clone().unwrap_or_else(|| "left the team".to_owned()),
            often.trim_end().to_owned(),
            next.clone().unwrap_or_default(),
            last.as_ref().map(|last| last.due_at.to_string()).unwrap_or_default(),
            last.as_ref().map(state).unwrap_or_default().to_owned(),
            last.as_ref().map(|last| last.why.clone()).unwrap_or_default(),
        ]);
        json.push(json!({
            "reader": digest.reader.to_string(),
            "email": email,
            "rhythm": digest.rhythm.name(),
            "schedule": digest.rhythm.typed(),
            "next_at": next,
            "last": last.map(|last| json!({
                "due_at": last.due_at.to_string(),
                "state": state(&last),
                "tries": last.tries,
                "why": last.why,
            })),
        }));
    }
    let words = if json.is_empty() { "Nobody gets one.".to_owned() } else { lines.to_string() };
    Ok(Said::new(words, Value::Array(json)))
}
