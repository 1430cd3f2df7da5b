//! `cartback consent` and `cartback opt-out`: lists in and out as files. A list is taken as a whole: one bad line and
//! nothing is, unless bad lines are to be left out.

use std::{fmt::Write, path::PathBuf};

use anyhow::bail;
use serde_json::json;

use super::{Form, Said, Wrong, chosen_shop, file, no_shop, person, progress};
use crate::{
    domain::id::ShopId,
    pipeline::{
        Core,
        people::{
            import::{self, CONSENT_SOURCE, OPT_OUT_SOURCE, Statement, TypedOptOut},
            sheet::{self, Sheet},
        },
    },
    store::shop::Shop,
};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Consents from a CSV file: phone, given_at, and what proves them (text, version, url, ip, agent, language, level, source)
    Import(Import),
}

#[derive(clap::Subcommand)]
pub enum OptOut {
    /// Opt-outs from a CSV file: phone, and at and source where they are known
    Import(Import),
    /// Opt one number out, from now on
    Add {
        /// With its +, or as it is written in the shop's country
        phone: String,
        /// Whose; left out, the only shop's
        #[arg(long)]
        shop: Option<ShopId>,
        #[command(flatten)]
        form: Form,
    },
    /// The whole opt-out list as CSV
    Export {
        /// Whose; left out, the only shop's
        #[arg(long)]
        shop: Option<ShopId>,
        /// Write it to this file, readable by you alone
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

#[derive(clap::Args)]
pub struct Import {
    /// A CSV file with a heading; columns in any order
    file: PathBuf,
    /// Whose; left out, the only shop's
    #[arg(long)]
    shop: Option<ShopId>,
    /// Leave bad lines out instead of refusing the file
    #[arg(long)]
    skip_bad: bool,
    /// Only say what would be recorded
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    form: Form,
}

pub async fn run(core: &Core, command: &Command) -> anyhow::Result<(Said, Form)> {
    let Command::Import(args) = command;
    let sheet = sheet::consents(&file::bytes(&args.file)?).map_err(Wrong)?;
    let read = |shop: &Shop, typed: &import::TypedConsent| typed.read(shop, CONSENT_SOURCE, core.now());
    Ok((take(core, args, sheet, read, "consents").await?, args.form))
}

pub async fn run_opt_out(core: &Core, command: &OptOut) -> anyhow::Result<(Said, Form)> {
    match command {
        OptOut::Import(args) => {
            let sheet = sheet::opt_outs(&file::bytes(&args.file)?).map_err(Wrong)?;
            let read = |shop: &Shop, typed: &TypedOptOut| typed.read(shop, OPT_OUT_SOURCE, core.now());
            Ok((take(core, args, sheet, read, "opt-outs").await?, args.form))
        }
        OptOut::Add { phone, shop, form } => {
            let shop = opened(core, *shop).await?;
            let typed = TypedOptOut { phone: phone.clone(), ..TypedOptOut::default() };
            let statement = typed.read(&shop, OPT_OUT_SOURCE, core.now()).map_err(Wrong)?;
            let taken = import::take(core, shop.id, &[statement]).await?.unwrap_or_default();
            let words = if taken.recorded > 0 { "Opted out: no text follows." } else { "Was opted out already." };
            Ok((Said::new(words, json!({ "recorded": taken.recorded, "known": taken.known })), *form))
        }
        OptOut::Export { shop, out } => {
            let shop = opened(core, *shop).await?;
            let lines = import::opt_outs(core, shop.id).await?.unwrap_or_default();
            let what = format!("The list of {} opt-outs", lines.len());
            Ok((person::handed_over(sheet::opt_out_sheet(&lines), out.as_deref(), &what)?, Form::default()))
        }
    }
}

async fn opened(core: &Core, named: Option<ShopId>) -> anyhow::Result<Shop> {
    let id = chosen_shop(core, named).await?;
    let shop = core.shop(&mut core.db.read().await?, id).await?.map(|(shop, _)| shop);
    shop.filter(|_| id != ShopId::HOUSE).ok_or_else(|| no_shop(id))
}

/// Bad lines told in full; of more there is only the number.
const TOLD_MOST: usize = 50;

async fn take<T>(
    core: &Core,
    args: &Import,
    sheet: Sheet<T>,
    read: impl Fn(&Shop, &T) -> Result<Statement, String>,
    what: &str,
) -> anyhow::Result<Said> {
    let shop = opened(core, args.shop).await?;
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for (line, typed) in &sheet.rows {
        match read(&shop, typed) {
            Ok(statement) => good.push(statement),
            Err(problem) => bad.push((*line, problem)),
        }
    }
    let mut words = String::new();
    for (line, problem) in bad.iter().take(TOLD_MOST) {
        let _ = writeln!(words, "line {line}: {problem}");
    }
    if bad.len() > TOLD_MOST {
        let _ = writeln!(words, "and {} more bad lines", bad.len() - TOLD_MOST);
    }
    if !sheet.ignored.is_empty() {
        let _ = writeln!(words, "columns left out: {}", sheet.ignored.join(", "));
    }
    if !bad.is_empty() && !args.skip_bad {
        bail!(Wrong(format!("{words}{} of {} lines are bad; nothing was recorded", bad.len(), sheet.rows.len())));
    }
    let taken = match args.dry_run {
        true => None,
        false => {
            let bar = progress::bar(good.len() as u64, "Recording");
            let taken = import::take_watched(core, shop.id, &good, |count| bar.inc(count)).await;
            bar.finish_and_clear();
            Some(taken?.unwrap_or_default())
        }
    };
    let _ = match taken {
        None => write!(words, "{} {what} would be recorded or are known. Nothing was changed.", good.len()),
        Some(taken) => write!(words, "{} {what} recorded, {} known before.", taken.recorded, taken.known),
    };
    let problems: Vec<_> = bad.iter().map(|(line, problem)| json!({ "line": line, "problem": problem })).collect();
    let json = json!({
        "dry_run": args.dry_run,
        "good": good.len(),
        "recorded": taken.map(|taken| taken.recorded),
        "known": taken.map(|taken| taken.known),
        "bad": problems,
        "ignored_columns": sheet.ignored,
    });
    Ok(Said { well: bad.is_empty(), ..Said::new(words, json) })
}
