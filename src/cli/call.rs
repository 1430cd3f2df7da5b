//! `cartback call`: the numbers texts show, and the calls that came in on them.

use std::fmt::Write;

use anyhow::bail;
use serde_json::json;

use super::{Form, Missing, Said, Wrong, chosen_shop, table};
use crate::{
    domain::{
        id::{CallId, CallNumberId, ShopId},
        time::{DAY, Time},
    },
    pipeline::{
        Core,
        call::{self, NotAdded},
    },
    store,
};

#[derive(clap::Subcommand)]
pub enum Command {
    /// The calls that came in, newest first, and what counts of them by sequence
    List {
        /// Days back
        #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=731))]
        days: u32,
        /// Rows, at most
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        limit: u32,
        /// Whose; left out, the only shop's
        #[arg(long)]
        shop: Option<ShopId>,
        #[command(flatten)]
        form: Form,
    },
    /// The numbers of the pool, and where Twilio tells of calls
    Numbers {
        /// Whose; left out, the only shop's
        #[arg(long)]
        shop: Option<ShopId>,
        #[command(flatten)]
        form: Form,
    },
    /// Put a rented number into the pool
    #[command(after_help = "Example: cartback call add +38615550001 +38615559999 --sequence eu")]
    Add {
        /// The rented number, with its country
        number: String,
        /// The number the shop answers on
        answers: String,
        /// The id of the sequence whose texts show it [default: every other]
        #[arg(long, default_value = "")]
        sequence: String,
        /// Whose; left out, the only shop's
        #[arg(long)]
        shop: Option<ShopId>,
        #[command(flatten)]
        form: Form,
    },
    /// Take a number out of the pool; its calls stay
    Remove {
        /// As `call numbers` names it: tel_…
        id: CallNumberId,
        /// Whose; left out, the only shop's
        #[arg(long)]
        shop: Option<ShopId>,
        #[command(flatten)]
        form: Form,
    },
    /// Say what counts, and which key Twilio signs calls with
    Set {
        /// Seconds a call must have been talked to count: 0 to 3600
        #[arg(long)]
        least_seconds: Option<u32>,
        /// The auth token of the account the numbers are rented in; "" for that of the Twilio gateway
        #[arg(long)]
        token: Option<String>,
        /// Whose; left out, the only shop's
        #[arg(long)]
        shop: Option<ShopId>,
        #[command(flatten)]
        form: Form,
    },
}

pub async fn run(core: &Core, command: &Command) -> anyhow::Result<(Said, Form)> {
    match command {
        Command::List { days, limit, shop, form } => {
            Ok((list(core, chosen_shop(core, *shop).await?, *days, *limit).await?, *form))
        }
        Command::Numbers { shop, form } => Ok((numbers(core, chosen_shop(core, *shop).await?).await?, *form)),
        Command::Add { number, answers, sequence, shop, form } => {
            let shop = chosen_shop(core, *shop).await?;
            let id = call::add(core, shop, number, answers, sequence).await.map_err(wrong)?;
            Ok((Said::new(format!("{id} is in the pool."), json!({ "id": id })), *form))
        }
        Command::Remove { id, shop, form } => {
            if !call::remove(core, chosen_shop(core, *shop).await?, *id).await? {
                bail!(Missing(format!("there is no number {id} in the pool")));
            }
            Ok((Said::new("Removed. Its calls stay.".to_owned(), json!({ "id": id })), *form))
        }
        Command::Set { least_seconds, token, shop, form } => {
            let shop = chosen_shop(core, *shop).await?;
            call::set(core, shop, *least_seconds, token.as_deref()).await.map_err(wrong)?;
            let mut read = core.db.read().await?;
            let keys = core.vault.keys(&mut read, shop).await?;
            let desk = store::call::desk(&mut read, &keys).await?;
            let json = json!({ "least_seconds": desk.least_seconds, "own_token": desk.token.is_some() });
            Ok((Said::new(format!("A call counts from {} seconds on.", desk.least_seconds), json), *form))
        }
    }
}

fn wrong(error: NotAdded) -> anyhow::Error {
    match error {
        NotAdded::Wrong(problems) => Wrong(problems.join("; ")).into(),
        NotAdded::Store(error) => error.into(),
    }
}

async fn list(core: &Core, shop: ShopId, days: u32, limit: u32) -> anyhow::Result<Said> {
    let now = core.now();
    let mut read = core.db.read().await?;
    let keys = core.vault.keys(&mut read, shop).await?;
    let since = now - DAY * days;
    let numbers = store::call::numbers(&mut read, &keys).await?;
    let sums = store::call::sums(&mut read, &keys, (since, Time::LAST)).await?;
    let calls = store::call::list(&mut read, &keys, since, (Time::LAST, CallId::new(0)), limit).await?;
    let number = |id| numbers.iter().find(|known| known.id == id).map_or("", |known| known.number.as_str());
    let mut words = String::new();
    for sum in &sums {
        let sequence = if sum.sequence.is_empty() { "of no sequence" } else { &sum.sequence };
        let _ = writeln!(
            words,
            "{sequence}: {} calls, {} answered, {} count, {} of them by a phone that was texted.",
            sum.calls, sum.answered, sum.counted, sum.by_phone
        );
    }
    let mut lines = table(&["called", "number", "state", "seconds", "known by", "text", "sequence", "counts"]);
    for call in &calls {
        lines.add_row([
            call.called_at.to_string(),
            number(call.number).to_owned(),
            call.state.name().to_owned(),
            call.seconds.to_string(),
            call.tie.name().to_owned(),
            call.message.map(|message| message.to_string()).unwrap_or_default(),
            call.sequence.clone(),
            if call.counted_day.is_some() { "yes" } else { "no" }.to_owned(),
        ]);
    }
    match calls.is_empty() {
        true => words.push_str("No calls yet."),
        false => {
            let _ = write!(words, "{lines}");
        }
    }
    let told = calls.iter().map(|call| {
        json!({
            "id": call.id, "called_at": call.called_at.to_string(), "number": number(call.number),
            "state": call.state.name(), "seconds": call.seconds, "known_by": call.tie.name(),
            "message": call.message, "sequence": call.sequence, "counts": call.counted_day.is_some(),
        })
    });
    Ok(Said::new(words, json!(told.collect::<Vec<_>>())))
}

async fn numbers(core: &Core, shop: ShopId) -> anyhow::Result<Said> {
    let mut read = core.db.read().await?;
    let keys = core.vault.keys(&mut read, shop).await?;
    let numbers = store::call::numbers(&mut read, &keys).await?;
    let pool: Vec<_> = numbers.iter().filter(|number| number.removed_at.is_none()).collect();
    let hook = store::connection::of(&mut read, shop, None).await?;
    let hook = hook.map(|found| format!("{}/hook/call/{}", core.public_url, found.public_id)).unwrap_or_default();
    let mut lines = table(&["id", "number", "put through to", "shown by"]);
    for number in &pool {
        let shown_by = if number.sequence.is_empty() { "every other" } else { &number.sequence };
        lines.add_row([number.id.to_string().as_str(), &number.number, &number.answers, shown_by]);
    }
    let words = match pool.is_empty() {
        true => "No numbers yet. Begin with: cartback call add NUMBER ANSWERS".to_owned(),
        false => format!("{lines}\nTwilio tells of calls at {hook}"),
    };
    let told = pool.iter().map(|number| {
        json!({
            "id": number.id, "number": number.number, "answers": number.answers, "sequence": number.sequence,
            "added_at": number.added_at.to_string(),
        })
    });
    Ok(Said::new(words, json!({ "numbers": told.collect::<Vec<_>>(), "hook": hook })))
}
