//! `cartback offline`: sales made at a till, with a loyalty card or by phone, matched to people who were texted.

use std::{collections::BTreeMap, fmt::Write, path::PathBuf};

use anyhow::anyhow;
use serde_json::{Value, json};

use super::{
    Form, Missing, Said, Wrong, chosen_shop,
    file::{self, HowRead},
    moment, no_shop, progress, table,
};
use crate::{
    domain::{
        id::{ShopId, UploadId},
        money::Money,
        offline::{Channel, Outcome, WITHIN_CHOICES, WITHIN_DAYS},
        time::{DAY, Time},
    },
    pipeline::{
        Core,
        offline::{self, Brought, sheet},
    },
    store::{
        self,
        offline::{Source, Upload, sale},
    },
};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Read sales from a CSV file and match them to people who were texted before
    #[command(after_help = "Examples:
  cartback offline import till.csv
  cartback offline import kasse.csv --column total=Summe --days day-first --channel pos
A line needs when it was sold, how much was paid, and a phone or an e-mail, plain or as SHA-256. Told twice is told once.
Exit code 1 when lines could not be read.")]
    Import(Import),
    /// The files and calls so far, and what was sold after texts
    List {
        /// Whose; left out, the only shop's
        #[arg(long)]
        shop: Option<ShopId>,
        /// What was sold within so many days of a text: 7, 14 or 30
        #[arg(long, default_value_t = WITHIN_DAYS, value_parser = within)]
        within: u32,
        /// Sold from this moment on, as 2026-03-01; left out, in the last 30 days
        #[arg(long, value_parser = moment)]
        from: Option<Time>,
        /// Sold before this moment; left out, until now
        #[arg(long, value_parser = moment)]
        to: Option<Time>,
        #[command(flatten)]
        form: Form,
    },
    /// What became of a file line by line: those that cannot be read, were told before, or are nobody's
    Show {
        /// upl_…
        upload: UploadId,
        /// Every line, not only those with something to say
        #[arg(long)]
        all: bool,
        /// Whose; left out, the only shop's
        #[arg(long)]
        shop: Option<ShopId>,
        #[command(flatten)]
        form: Form,
    },
    /// Take a whole file back: its sales go, but for those that other files tell too
    #[command(after_help = "Example: cartback offline undo upl_01…")]
    Undo {
        /// upl_…
        upload: UploadId,
        /// Whose; left out, the only shop's
        #[arg(long)]
        shop: Option<ShopId>,
        #[command(flatten)]
        form: Form,
    },
}

#[derive(clap::Args)]
pub struct Import {
    /// The file; the encoding, the separator and the columns are found out and told
    file: PathBuf,
    /// Whose; left out, the only shop's
    #[arg(long)]
    shop: Option<ShopId>,
    /// Of lines that tell none: pos, loyalty, phone or other
    #[arg(long, default_value = "pos", value_parser = channel)]
    channel: Channel,
    #[command(flatten)]
    how: HowRead,
    /// Only say how the file is read; nothing is kept
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    form: Form,
}

fn channel(typed: &str) -> Result<Channel, String> {
    Channel::parse(typed).ok_or_else(|| "must be pos, loyalty, phone or other".to_owned())
}

fn within(typed: &str) -> Result<u32, String> {
    let days = typed.parse().ok().filter(|days| WITHIN_CHOICES.contains(days));
    days.ok_or_else(|| "must be 7, 14 or 30".to_owned())
}

/// Lines told in full; of more there is only the number.
const TOLD_MOST: usize = 50;
const UPLOADS_MOST: u32 = 60;
const PAGE: u32 = 1_000;
/// Who it was, where no page was used.
const BY: &str = "command line";

pub async fn run(core: &Core, command: &Command) -> anyhow::Result<(Said, Form)> {
    match command {
        Command::Import(args) => Ok((import(core, args).await?, args.form)),
        Command::List { shop, within, from, to, form } => {
            let id = chosen_shop(core, *shop).await?;
            Ok((list(core, id, *within, (*from, *to)).await?, *form))
        }
        Command::Show { upload, all, shop, form } => {
            Ok((show(core, chosen_shop(core, *shop).await?, *upload, *all).await?, *form))
        }
        Command::Undo { upload, shop, form } => {
            Ok((undo(core, chosen_shop(core, *shop).await?, *upload).await?, *form))
        }
    }
}

async fn import(core: &Core, args: &Import) -> anyhow::Result<Said> {
    let id = chosen_shop(core, args.shop).await?;
    let shop = core.shop(&mut core.db.read().await?, id).await?.map(|(shop, _)| shop).ok_or_else(|| no_shop(id))?;
    let read = sheet::read(&file::bytes(&args.file)?, &args.how.wish()?, &shop, args.channel)
        .map_err(|why| anyhow!(Wrong(why)))?;
    let mut words = String::new();
    for (name, heading) in &read.columns {
        let _ = writeln!(words, "{name:<14} {heading}");
    }
    if !read.ignored.is_empty() {
        let _ = writeln!(words, "left out       {}", read.ignored.join(", "));
    }
    let _ = writeln!(
        words,
        "read as        {}, cells end with {:?}, decimal sign {:?}, days {}\n",
        read.letters,
        read.separator,
        read.decimal,
        read.days.name()
    );
    let how = json!({
        "columns": read.columns.iter().map(|(name, heading)| (*name, heading)).collect::<BTreeMap<_, _>>(),
        "ignored_columns": read.ignored,
        "encoding": read.letters,
        "decimal": read.decimal,
        "days": read.days.name(),
        "lines": read.lines.len(),
    });
    let lines = read.lines;
    let bad: Vec<(u64, String)> =
        lines.iter().filter_map(|(line, told)| Some((*line, told.as_ref().err()?.clone()))).collect();
    if args.dry_run {
        tell_lines(&mut words, bad.iter().map(|(line, why)| format!("line {line}: {why}")));
        let _ = writeln!(words, "{} lines, {} cannot be read. Nothing was kept.", lines.len(), bad.len());
        let bad: Vec<Value> = bad.iter().map(|(line, why)| json!({ "line": line, "why": why })).collect();
        let json = json!({ "dry_run": true, "read": how, "bad": bad });
        return Ok(Said { well: bad.is_empty(), ..Said::new(words, json) });
    }
    let total = lines.len() as u64;
    let name = args.file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let brought = Brought { name: &name, source: Source::CommandLine, by: BY };
    let upload = offline::begin(core, id, lines, brought).await?.ok_or_else(|| no_shop(id))?;
    let told = followed(core, id, upload, total).await?;
    let mut odd = Vec::new();
    for line in lines_of(core, id, upload, false, TOLD_MOST + 1).await? {
        odd.push(line_words(&line));
    }
    tell_lines(&mut words, odd.into_iter());
    words.push_str(&outcome_words(&told));
    let _ =
        writeln!(words, "Line by line: cartback offline show {upload}. Take it back: cartback offline undo {upload}");
    let json = json!({ "read": how, "upload": upload_json(&told) });
    Ok(Said { well: told.counts.of(Outcome::Wrong) == 0, ..Said::new(words, json) })
}

/// Does an upload to its end, beside the service where one runs.
async fn followed(core: &Core, shop: ShopId, id: UploadId, total: u64) -> anyhow::Result<Upload> {
    let bar = progress::bar(total, "Matching");
    loop {
        let more = offline::go_on(core, shop, id).await?;
        let told = upload(core, shop, id).await?;
        bar.set_position(told.done);
        if !more {
            bar.finish_and_clear();
            return Ok(told);
        }
    }
}

async fn upload(core: &Core, shop: ShopId, id: UploadId) -> anyhow::Result<Upload> {
    let mut read = core.db.read().await?;
    let keys = core.vault.keys(&mut read, shop).await?;
    let found = store::offline::get(&mut read, &keys, id).await?;
    found.ok_or_else(|| anyhow!(Missing(format!("there is no upload {id}"))))
}

fn tell_lines(words: &mut String, lines: impl Iterator<Item = String>) {
    for (place, line) in lines.enumerate() {
        match place {
            TOLD_MOST => return words.push_str("and more\n"),
            _ => {
                let _ = writeln!(words, "{line}");
            }
        }
    }
}

fn line_words(line: &sale::Line) -> String {
    let why = if line.why.is_empty() { String::new() } else { format!(" ({})", line.why) };
    format!("line {}: {}{why}", line.line, line.outcome.words())
}

fn outcome_words(told: &Upload) -> String {
    let mut words = String::new();
    for outcome in Outcome::ALL {
        let count = told.counts.of(outcome);
        if count > 0 {
            let _ = writeln!(words, "{count:>8}  {}", outcome.words());
        }
    }
    words
}

fn counts_json(told: &Upload) -> Value {
    Outcome::ALL.into_iter().map(|outcome| (outcome.name().to_owned(), json!(told.counts.of(outcome)))).collect()
}

fn upload_json(told: &Upload) -> Value {
    json!({
        "upload": told.id,
        "name": told.name,
        "source": told.source.name(),
        "by": told.by,
        "begun_at": told.begun_at.to_string(),
        "ended_at": told.ended_at.map(|at| at.to_string()),
        "undone_at": told.undone_at.map(|at| at.to_string()),
        "state": state(told),
        "lines": told.total,
        "done": told.done,
        "counts": counts_json(told),
    })
}

fn state(told: &Upload) -> &'static str {
    match (told.undone_at, told.ready_at, told.ended_at) {
        (Some(_), ..) => "undone",
        (None, None, _) => "cut off",
        (None, Some(_), None) => "running",
        (None, Some(_), Some(_)) => "done",
    }
}

/// Days shown when nobody says which.
const DAYS: u32 = 30;

async fn list(core: &Core, id: ShopId, within: u32, span: (Option<Time>, Option<Time>)) -> anyhow::Result<Said> {
    let mut read = core.db.read().await?;
    let keys = core.vault.keys(&mut read, id).await?;
    let to = span.1.unwrap_or(core.now());
    let from = span.0.unwrap_or(to - DAY * DAYS);
    let within_ms = i64::from(within) * i64::try_from(DAY.as_millis()).unwrap_or(i64::MAX);
    let sums = sale::sums(&mut read, &keys, (from, to), within_ms).await?;
    let uploads = store::offline::list(&mut read, &keys, UploadId::new(i64::MAX), UPLOADS_MOST).await?;
    let mut words = String::new();
    for sum in &sums {
        let net = Money::new(sum.after_net_minor, sum.currency);
        let _ = writeln!(
            words,
            "Offline, after a text, within {within} days: {} {} net from {} of {} sales, {} of them after a tap.",
            net.currency,
            net.amount(),
            sum.after,
            sum.sales,
            sum.tapped
        );
    }
    let mut lines = table(&["upload", "begun", "file", "by", "lines", "after a text", "state"]);
    for told in &uploads {
        lines.add_row([
            told.id.to_string(),
            told.begun_at.to_string(),
            told.name.clone(),
            told.by.clone(),
            match told.is_over() {
                true => told.total.to_string(),
                false => format!("{} of {}", told.done, told.total),
            },
            told.counts.of(Outcome::AfterText).to_string(),
            state(told).to_owned(),
        ]);
    }
    match uploads.is_empty() {
        true => words.push_str("Nothing yet. Begin with: cartback offline import till.csv"),
        false => {
            let _ = write!(words, "{lines}");
        }
    }
    let sums = sums.iter().map(|sum| {
        json!({
            "currency": sum.currency,
            "sales": sum.sales,
            "net_minor": sum.net_minor,
            "after_text": sum.after,
            "after_text_net_minor": sum.after_net_minor,
            "after_text_refunded_minor": sum.after_refund_minor,
            "tapped": sum.tapped,
        })
    });
    let json = json!({
        "within_days": within,
        "from": from.to_string(),
        "to": to.to_string(),
        "sums": sums.collect::<Vec<_>>(),
        "uploads": uploads.iter().map(upload_json).collect::<Vec<_>>(),
    });
    Ok(Said::new(words, json))
}

async fn lines_of(core: &Core, shop: ShopId, id: UploadId, all: bool, most: usize) -> anyhow::Result<Vec<sale::Line>> {
    let mut read = core.db.read().await?;
    let keys = core.vault.keys(&mut read, shop).await?;
    let (mut found, mut after) = (Vec::new(), 0);
    while found.len() < most {
        let page = sale::lines(&mut read, &keys, id, after, !all, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.line;
        found.extend(page);
    }
    found.truncate(most);
    Ok(found)
}

async fn show(core: &Core, shop: ShopId, id: UploadId, all: bool) -> anyhow::Result<Said> {
    let told = upload(core, shop, id).await?;
    let lines = lines_of(core, shop, id, all, crate::pipeline::table::LINES_MOST).await?;
    let mut words = outcome_words(&told);
    for line in &lines {
        let _ = writeln!(words, "{}", line_words(line));
    }
    let shown = lines.iter().map(|line| {
        json!({
            "line": line.line,
            "reference": line.reference,
            "outcome": line.outcome.name(),
            "why": line.why,
            "sale": line.sale,
        })
    });
    let shown: Vec<Value> = shown.collect();
    Ok(Said::new(words, json!({ "upload": upload_json(&told), "lines": shown })))
}

async fn undo(core: &Core, shop: ShopId, id: UploadId) -> anyhow::Result<Said> {
    let undone = offline::undo(core, shop, id).await?;
    let undone = undone.ok_or_else(|| anyhow!(Missing(format!("there is no upload {id}"))))?;
    let told = upload(core, shop, id).await?;
    let bar = progress::spinner("Taking it back");
    while offline::go_on(core, shop, id).await? {}
    drop(bar);
    let words = match undone {
        true => format!("Taken back: {} lines. What other files tell too stays.", told.done),
        false => "It was taken back before.".to_owned(),
    };
    Ok(Said::new(words, json!({ "upload": id, "undone": undone })))
}
