//! `cartback sequence`: whom a shop texts, when and in which order. Every change is checked as a whole and becomes a new
//! version of the shop's rules; carts under way go on under the version they began with.

use std::{fmt::Write, io::Read as _, path::PathBuf};

use anyhow::{Context, bail};
use serde_json::json;

use super::{Form, Said, Wrong, chosen_shop, pair, table};
use crate::{
    domain::{
        id::ShopId,
        rules::Rules,
        sequence::{KEYS, PRESETS, Sequence, preset, span},
        time::{MINUTE, Time},
    },
    pipeline::{Core, connect, zone_of},
};

#[derive(clap::Subcommand)]
pub enum Command {
    /// All sequences of a shop, in the order they are tried
    List {
        #[command(flatten)]
        of: Of,
    },
    /// One sequence: for whom, when, what ends it
    Show {
        /// Its id
        id: String,
        #[command(flatten)]
        of: Of,
    },
    /// The ready-made ones, or one of them whole
    Preset {
        /// us, eu, gentle or three-step
        name: Option<String>,
        #[command(flatten)]
        form: Form,
    },
    /// Add one, switched off, behind the others: a ready-made one or one written as JSON
    Add(Add),
    /// Change fields of one, or all of it from JSON
    Set(Set),
    /// Remove one; its carts get no further text
    Remove {
        /// Its id
        id: String,
        #[command(flatten)]
        of: Of,
    },
    /// Switch one on, for carts abandoned from now on
    On {
        /// Its id
        id: String,
        #[command(flatten)]
        of: Of,
    },
    /// Switch one off; its carts get no further text
    Off {
        /// Its id
        id: String,
        #[command(flatten)]
        of: Of,
    },
    /// Change when it is tried: a cart gets the first that fits
    Move {
        /// Its id
        id: String,
        /// Its new place, 1 is the first
        place: usize,
        #[command(flatten)]
        of: Of,
    },
}

/// Whose, and how to answer.
#[derive(clap::Args, Clone, Copy, Debug)]
pub struct Of {
    /// The shop's number, if there are several
    #[arg(long)]
    shop: Option<ShopId>,
    #[command(flatten)]
    form: Form,
}

#[derive(clap::Args)]
pub struct Add {
    /// us, eu, gentle or three-step
    #[arg(required_unless_present = "from")]
    preset: Option<String>,
    /// A JSON file as `sequence show --json` writes it; - for standard input
    #[arg(long, conflicts_with = "preset")]
    from: Option<PathBuf>,
    /// Another id than its own: 1 to 32 of a-z, 0-9 and -
    #[arg(long)]
    id: Option<String>,
    /// Fields to change at once
    #[arg(long = "set", value_parser = pair, value_name = "KEY=VALUE")]
    set: Vec<(String, String)>,
    #[command(flatten)]
    of: Of,
}

#[derive(clap::Args)]
#[command(after_long_help = keys())]
pub struct Set {
    /// Its id
    id: String,
    /// key=value, as often as needed; --help lists the keys
    #[arg(required_unless_present = "from", value_parser = pair, value_name = "KEY=VALUE")]
    changes: Vec<(String, String)>,
    /// All of it from a JSON file; - for standard input
    #[arg(long, conflicts_with = "changes")]
    from: Option<PathBuf>,
    #[command(flatten)]
    of: Of,
}

fn keys() -> String {
    let mut words = "Keys:\n".to_owned();
    for (key, about) in KEYS {
        let _ = writeln!(words, "  {key:<32} {about}");
    }
    words
}

pub async fn run(core: &Core, command: &Command) -> anyhow::Result<(Said, Form)> {
    match command {
        Command::List { of } => Ok((list(core, of).await?, of.form)),
        Command::Show { id, of } => Ok((show(core, of, id).await?, of.form)),
        Command::Preset { name, form } => Ok((presets(name.as_deref())?, *form)),
        Command::Add(args) => Ok((add(core, args).await?, args.of.form)),
        Command::Set(args) => Ok((set(core, args).await?, args.of.form)),
        Command::Remove { id, of } => {
            change(core, of, |rules, _| {
                at(rules, id)?;
                rules.sequences.retain(|sequence| sequence.id != *id);
                Ok(())
            })
            .await?;
            Ok((list(core, of).await?, of.form))
        }
        Command::On { id, of } => {
            change(core, of, |rules, now| found(rules, id).map(|sequence| sequence.switch_on(now))).await?;
            Ok((show(core, of, id).await?, of.form))
        }
        Command::Off { id, of } => {
            change(core, of, |rules, _| found(rules, id).map(|sequence| sequence.on_since = None)).await?;
            Ok((show(core, of, id).await?, of.form))
        }
        Command::Move { id, place, of } => {
            change(core, of, |rules, _| {
                let from = at(rules, id)?;
                let sequence = rules.sequences.remove(from);
                let to = place.saturating_sub(1).min(rules.sequences.len());
                rules.sequences.insert(to, sequence);
                Ok(())
            })
            .await?;
            Ok((list(core, of).await?, of.form))
        }
    }
}

async fn change(
    core: &Core,
    of: &Of,
    change: impl Fn(&mut Rules, Time) -> Result<(), Vec<String>>,
) -> anyhow::Result<()> {
    connect::change_rules(core, chosen_shop(core, of.shop).await?, change).await?;
    core.wake.notify_one();
    Ok(())
}

/// Where it stands in the list.
fn at(rules: &Rules, id: &str) -> Result<usize, Vec<String>> {
    let place = rules.sequences.iter().position(|sequence| sequence.id == id);
    let known: Vec<&str> = rules.sequences.iter().map(|sequence| sequence.id.as_str()).collect();
    place.ok_or_else(|| vec![format!("there is no sequence {id}; there are: {}", known.join(", "))])
}

fn found<'r>(rules: &'r mut Rules, id: &str) -> Result<&'r mut Sequence, Vec<String>> {
    let place = at(rules, id)?;
    rules.sequences.get_mut(place).ok_or_else(Vec::new)
}

async fn add(core: &Core, args: &Add) -> anyhow::Result<Said> {
    let mut made = match (&args.preset, &args.from) {
        (Some(name), _) => ready_made(name)?,
        (None, Some(path)) => read(path)?,
        (None, None) => bail!(Wrong("name a preset, or --from a file".into())),
    };
    // Whoever adds one looks at it before it texts anybody.
    made.on_since = None;
    if let Some(id) = &args.id {
        made.id.clone_from(id);
    }
    let pairs = args.set.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    made.set_all(pairs).map_err(|problems| Wrong(problems.join("\n")))?;
    change(core, &args.of, |rules, _| {
        rules.sequences.push(made.clone());
        Ok(())
    })
    .await?;
    let mut said = show(core, &args.of, &made.id).await?;
    let _ = write!(said.words, "\nIt is switched off. Once it is as you want it: cartback sequence on {}", made.id);
    Ok(said)
}

async fn set(core: &Core, args: &Set) -> anyhow::Result<Said> {
    let whole = args.from.as_ref().map(read).transpose()?;
    change(core, &args.of, |rules, _| {
        let sequence = found(rules, &args.id)?;
        if let Some(whole) = &whole {
            // Neither its id nor since when it is on is anybody's to write: a cart of before would be texted by it.
            *sequence = Sequence { id: sequence.id.clone(), on_since: sequence.on_since, ..whole.clone() };
        }
        sequence.set_all(args.changes.iter().map(|(key, value)| (key.as_str(), value.as_str())))
    })
    .await?;
    show(core, &args.of, &args.id).await
}

fn ready_made(name: &str) -> anyhow::Result<Sequence> {
    let known: Vec<&str> = PRESETS.iter().map(|(name, ..)| *name).collect();
    preset(name).ok_or_else(|| Wrong(format!("there is no preset {name}; there are: {}", known.join(", "))).into())
}

/// A sequence is a few thousand characters.
const FILE_BYTES_MOST: u64 = 256 * 1024;

fn read(path: &PathBuf) -> anyhow::Result<Sequence> {
    let mut text = String::new();
    if path.as_os_str() == "-" {
        std::io::stdin().take(FILE_BYTES_MOST).read_to_string(&mut text).context("standard input")?;
    } else {
        let file = std::fs::File::open(path).with_context(|| path.display().to_string())?;
        file.take(FILE_BYTES_MOST).read_to_string(&mut text).with_context(|| path.display().to_string())?;
    }
    serde_json::from_str(&text).map_err(|why| Wrong(format!("{}: {why}", path.display())).into())
}

fn presets(name: Option<&str>) -> anyhow::Result<Said> {
    if let Some(name) = name {
        let sequence = ready_made(name)?;
        return Ok(Said::new(
            told(&sequence, &Rules::default(), &jiff::tz::TimeZone::UTC),
            serde_json::to_value(&sequence)?,
        ));
    }
    let mut rows = table(&["PRESET", "WHAT IT DOES"]);
    for (name, _, about) in PRESETS {
        rows.add_row([*name, *about]);
    }
    let all: Vec<Sequence> = PRESETS.iter().filter_map(|(name, ..)| preset(name)).collect();
    Ok(Said::new(rows.to_string(), serde_json::to_value(all)?))
}

async fn list(core: &Core, of: &Of) -> anyhow::Result<Said> {
    let id = chosen_shop(core, of.shop).await?;
    let mut read = core.db.read().await?;
    let Some((shop, _)) = core.shop(&mut read, id).await? else { bail!(super::no_shop(id)) };
    if shop.rules.sequences.is_empty() {
        let words = "There is no sequence: no cart is texted. Add one: cartback sequence add gentle";
        return Ok(Said::new(words, json!([])));
    }
    let mut rows = table(&["", "ID", "NAME", "", "FOR CARTS", "TEXTS AFTER"]);
    for (place, sequence) in (1..).zip(&shop.rules.sequences) {
        let when = sequence.when.words();
        rows.add_row([
            format!("{place}."),
            sequence.id.clone(),
            sequence.name.clone(),
            if sequence.on_since.is_some() { "on" } else { "off" }.to_owned(),
            if when.is_empty() { "every one".to_owned() } else { when.join("; ") },
            sequence.steps.iter().map(|step| span(MINUTE * step.after_minutes)).collect::<Vec<_>>().join(", "),
        ]);
    }
    let words = format!("{rows}\n\nA cart gets the first that is on and fits.");
    Ok(Said::new(words, serde_json::to_value(&shop.rules.sequences)?))
}

async fn show(core: &Core, of: &Of, id: &str) -> anyhow::Result<Said> {
    let shop = chosen_shop(core, of.shop).await?;
    let mut read = core.db.read().await?;
    let Some((shop, _)) = core.shop(&mut read, shop).await? else { bail!(super::no_shop(shop)) };
    let place = at(&shop.rules, id).map_err(|problems| Wrong(problems.join("\n")))?;
    let Some(sequence) = shop.rules.sequences.get(place) else { bail!(Wrong(format!("there is no sequence {id}"))) };
    Ok(Said::new(told(sequence, &shop.rules, &zone_of(&shop)), serde_json::to_value(sequence)?))
}

fn told(sequence: &Sequence, rules: &Rules, zone: &jiff::tz::TimeZone) -> String {
    let mut words = format!("{} ({})\n", sequence.name, sequence.id);
    let _ = match sequence.on_since {
        Some(at) if at == Time::FIRST => writeln!(words, "on"),
        Some(at) => {
            let at = at.to_timestamp().to_zoned(zone.clone());
            writeln!(words, "on, for carts abandoned since {}", at.strftime("%-d %b %Y, %H:%M"))
        }
        None => writeln!(words, "off"),
    };
    let when = sequence.when.words();
    let _ = writeln!(
        words,
        "for {}",
        if when.is_empty() { "every cart".into() } else { format!("carts {}", when.join("; ")) }
    );
    for (number, step) in (1..).zip(&sequence.steps) {
        let _ = write!(words, "text {number} after {}", span(MINUTE * step.after_minutes));
        if let Some(deadline) = step.deadline() {
            let _ = write!(words, ", at most {} late", span(deadline));
        }
        if step.closed == crate::domain::sequence::Closed::Skip {
            let _ = write!(words, ", skipped in closed hours");
        }
        if let Some(discount) = &step.discount {
            let _ = write!(words, ", with {}", discount.words());
        }
        let when = step.when.words();
        if !when.is_empty() {
            let _ = write!(words, ", for carts {}", when.join("; "));
        }
        let _ = writeln!(words);
    }
    let exits = sequence.exits.typed();
    let _ = writeln!(
        words,
        "ends when bought or opted out{}{}",
        if exits.is_empty() { "" } else { ", " },
        exits.replace(',', ", ")
    );
    if sequence.rest_days > 0 {
        let _ = writeln!(words, "rests {} after a text of another cart’s sequence", span(sequence.rest()));
    }
    for clash in sequence.clashes(rules.rest(), rules.give_up_after()) {
        let _ = writeln!(words, "! {clash}");
    }
    words
}
