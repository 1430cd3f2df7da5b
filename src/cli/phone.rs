//! `cartback phone`: what a shop has on record about one number's consent, opting it out, and the replies that wait to be
//! read. What is printed here is personal: it is for whoever has the key anyway.

use std::fmt::Write;

use anyhow::{anyhow, bail};
use serde_json::{Value, json};

use super::{Form, Missing, Said, Wrong, chosen_shop, no_shop, table};
use crate::{
    domain::{
        id::{ReplyId, ShopId},
        phone::Phone,
        seal::ShopKeys,
    },
    pipeline::{Core, ledger, reply},
    store::{self, reply::How, shop::Shop},
};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Where a number stands: its consents, opt-outs and replies, with what stands behind each
    Show {
        #[command(flatten)]
        whose: Whose,
        #[command(flatten)]
        form: Form,
    },
    /// Opt a number out, for somebody who asked in another way. There is no command for the opposite
    OptOut {
        #[command(flatten)]
        whose: Whose,
        /// How they asked
        #[arg(long, default_value = "")]
        why: String,
        #[command(flatten)]
        form: Form,
    },
    /// Replies that wait for a person to read them: the same as reply list
    Replies {
        /// Whose; left out, the only shop's
        #[arg(long)]
        shop: Option<ShopId>,
        #[command(flatten)]
        form: Form,
    },
    /// Say how a reply is to be read: the same as reply settle
    Settle(Settle),
}

/// `cartback reply`.
#[derive(clap::Subcommand)]
pub enum Reply {
    /// Replies that wait for a person to read them, or all of the last ones
    List {
        /// Whose; left out, the only shop's
        #[arg(long)]
        shop: Option<ShopId>,
        /// Those too that were understood or settled
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        form: Form,
    },
    /// Say how a reply is to be read
    #[command(after_help = "Example: cartback reply settle rep_01… opted_out")]
    Settle(Settle),
}

#[derive(clap::Args)]
pub struct Settle {
    /// As reply list shows it: rep_…
    id: ReplyId,
    /// opted_out (they want no texts), carry_on, or answered
    #[arg(value_parser = how)]
    how: How,
    /// Whose; left out, the only shop's
    #[arg(long)]
    shop: Option<ShopId>,
    #[command(flatten)]
    form: Form,
}

#[derive(clap::Args)]
pub struct Whose {
    /// With its +, or as it is written in the shop's country
    phone: String,
    /// Whose; left out, the only shop's
    #[arg(long)]
    shop: Option<ShopId>,
}

fn how(typed: &str) -> Result<How, String> {
    let known = How::by_name(typed).filter(|how| *how != How::Heeded);
    known.ok_or_else(|| "must be opted_out, carry_on or answered".to_owned())
}

/// Replies shown by one command.
const REPLIES_MOST: u32 = 200;
/// Who settles from here.
const BY: &str = "command line";

pub async fn run(core: &Core, command: &Command) -> anyhow::Result<(Said, Form)> {
    match command {
        Command::Show { whose, form } => Ok((show(core, whose).await?, *form)),
        Command::OptOut { whose, why, form } => Ok((opt_out(core, whose, why).await?, *form)),
        Command::Replies { shop, form } => Ok((replies(core, chosen_shop(core, *shop).await?, false).await?, *form)),
        Command::Settle(args) => settle(core, args).await,
    }
}

pub async fn run_reply(core: &Core, command: &Reply) -> anyhow::Result<(Said, Form)> {
    match command {
        Reply::List { shop, all, form } => Ok((replies(core, chosen_shop(core, *shop).await?, *all).await?, *form)),
        Reply::Settle(args) => settle(core, args).await,
    }
}

async fn settle(core: &Core, Settle { id, how, shop, form }: &Settle) -> anyhow::Result<(Said, Form)> {
    let shop = chosen_shop(core, *shop).await?;
    if !reply::settle(core, shop, *id, *how, BY).await? {
        bail!(Missing(format!("no reply {id} of shop {shop} waits to be read")));
    }
    Ok((Said::new(format!("{id} is settled: {}.", how.name()), json!({ "settled": id, "how": how })), *form))
}

impl Whose {
    async fn read(&self, core: &Core) -> anyhow::Result<(Shop, ShopKeys, Phone)> {
        let id = chosen_shop(core, self.shop).await?;
        let found = core.shop(&mut core.db.read().await?, id).await?;
        let (shop, keys) = found.ok_or_else(|| no_shop(id))?;
        let phone = Phone::read(&self.phone, &[shop.country.as_str()]);
        let phone = phone.map_err(|problem| anyhow!(Wrong(format!("the number: {problem}"))))?;
        Ok((shop, keys, phone))
    }
}

async fn show(core: &Core, whose: &Whose) -> anyhow::Result<Said> {
    let (shop, keys, phone) = whose.read(core).await?;
    let index = store::consent::phone_index(&keys, &phone);
    let mut read = core.db.read().await?;
    let facts = ledger::facts(&mut read, &shop, &keys, &index, Some(&phone), core.now()).await?;
    let (consents, _) = store::consent::of_phone(&mut read, &keys, &index).await?;
    let outs = store::consent::opt_outs_of(&mut read, &keys, &index).await?;
    let replies = store::reply::of_phone(&mut read, &keys, &index, REPLIES_MOST).await?;
    let may = if facts.may_text() { "may be texted" } else { "is not to be texted" };
    let mut words = format!("{} {may} by {}: {}.\n", phone.e164(), shop.name, facts.standing.words());
    if let Some(since) = facts.held_since {
        let _ = writeln!(words, "A reply of {since} waits to be read and holds every text.");
    }
    let mut lines = table(&["when", "what", "source", "level or rule"]);
    for entry in &consents {
        let what = store::consent::state_name(entry.state);
        lines.add_row([&entry.at.to_string(), what, &entry.proof.source, entry.level().name()]);
    }
    for (out, proof) in &outs {
        let rule = proof.as_ref().and_then(|proof| proof.rule).map_or("", |rule| rule.words());
        lines.add_row([&out.at.to_string(), "opted out", &out.source, rule]);
    }
    for reply in &replies {
        let rule = reply.words.heard.rule.map_or("", |rule| rule.words());
        let what = format!("reply: {}", reply.words.heard.meaning.words());
        lines.add_row([&reply.at.to_string(), &what, "", rule]);
    }
    let _ = write!(words, "{lines}");
    let outs: Vec<Value> = outs
        .iter()
        .map(|(out, proof)| json!({ "at": out.at.to_string(), "source": out.source, "proof": proof }))
        .collect();
    let replies: Vec<Value> = replies.iter().map(told).collect();
    let json = json!({
        "phone": phone.e164(), "shop": shop.id, "may_be_texted": facts.may_text(), "facts": facts, "consents": consents,
        "opt_outs": outs, "replies": replies,
    });
    Ok(Said::new(words, json))
}

fn told(reply: &store::reply::Reply) -> Value {
    json!({
        "reply": reply.id, "at": reply.at.to_string(), "text": reply.words.text, "heard": reply.words.heard,
        "settled": reply.settled.as_ref().map(|settled| json!({ "how": settled.how, "by": settled.by })),
    })
}

async fn opt_out(core: &Core, whose: &Whose, why: &str) -> anyhow::Result<Said> {
    let (shop, _, phone) = whose.read(core).await?;
    if !reply::opt_out_by_hand(core, shop.id, &phone, why, BY).await? {
        return Err(no_shop(shop.id));
    }
    let words = format!("{} gets no more texts from {}.", phone.e164(), shop.name);
    Ok(Said::new(words, json!({ "opted_out": phone.e164(), "shop": shop.id })))
}

async fn replies(core: &Core, shop: ShopId, all: bool) -> anyhow::Result<Said> {
    let mut read = core.db.read().await?;
    let keys = core.vault.keys(&mut read, shop).await?;
    let waiting = if all {
        store::reply::list(&mut read, &keys, ReplyId::new(i64::MAX), REPLIES_MOST).await?
    } else {
        store::reply::open(&mut read, &keys, REPLIES_MOST).await?
    };
    let mut lines = table(&["reply", "when", "from", "read as", "text"]);
    for reply in &waiting {
        let from = Phone::restored(reply.words.from.clone()).masked();
        let read_as = reply.words.heard.meaning.words();
        lines.add_row([&reply.id.to_string(), &reply.at.to_string(), &from, read_as, &reply.words.text]);
    }
    let words = if waiting.is_empty() { "Nothing waits to be read.".to_owned() } else { lines.to_string() };
    Ok(Said::new(words, waiting.iter().map(told).collect()))
}
