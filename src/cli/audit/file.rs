//! `cartback audit csv`: a file of the shop's orders, compared at once.

use std::{collections::BTreeMap, fmt::Write, path::PathBuf};

use anyhow::anyhow;
use serde_json::{Value, json};

use super::{TOLD_MOST, outcome_json, outcome_words};
use crate::{
    cli::{
        Form, Said, Wrong, chosen_shop,
        file::{self, HowRead},
        moment, no_shop,
    },
    domain::{audit::Grade, id::ShopId, time::Time},
    pipeline::{
        Core,
        audit::{self, NotCompared},
    },
};

#[derive(clap::Args)]
pub struct Csv {
    /// The file; the encoding, the separator and the columns are found out and told
    file: PathBuf,
    /// Whose; left out, the only shop's
    #[arg(long)]
    shop: Option<ShopId>,
    #[command(flatten)]
    how: HowRead,
    /// Only orders placed from this moment on, as 2026-03-01; left out, from the file's first day
    #[arg(long, value_parser = moment)]
    from: Option<Time>,
    /// Only orders placed before this moment; left out, to the end of the file's last day
    #[arg(long, value_parser = moment)]
    to: Option<Time>,
    /// Put what is missing or differs into our books, as the file has it
    #[arg(long)]
    fill: bool,
    #[command(flatten)]
    pub form: Form,
}

fn not_compared(id: ShopId, why: NotCompared) -> anyhow::Error {
    match why {
        NotCompared::NoShop => no_shop(id),
        NotCompared::Wrong(why) => anyhow!(Wrong(why)),
        NotCompared::Store(error) => error.into(),
    }
}

pub async fn compare(core: &Core, args: &Csv) -> anyhow::Result<Said> {
    let id = chosen_shop(core, args.shop).await?;
    let compared = audit::compare_sheet(core, id, &file::bytes(&args.file)?, &args.how.wish()?, (args.from, args.to))
        .await
        .map_err(|why| not_compared(id, why))?;
    let sheet = &compared.read;
    let mut words = String::new();
    for (name, heading) in &sheet.columns {
        let _ = writeln!(words, "{name:<14} {heading}");
    }
    if !sheet.ignored.is_empty() {
        let _ = writeln!(words, "left out       {}", sheet.ignored.join(", "));
    }
    let _ = writeln!(
        words,
        "read as        {}, cells end with {:?}, decimal sign {:?}, days {}\n",
        sheet.letters,
        sheet.separator,
        sheet.decimal,
        sheet.days.name()
    );
    for (line, problem) in sheet.problems.iter().take(TOLD_MOST) {
        let _ = writeln!(words, "line {line}: {problem}");
    }
    if sheet.problems.len() > TOLD_MOST {
        let _ = writeln!(words, "and {} more bad lines", sheet.problems.len() - TOLD_MOST);
    }
    if !sheet.unknown_states.is_empty() {
        let states = sheet.unknown_states.join(", ");
        let _ = writeln!(words, "states nobody knows, counted as bought: {states}");
    }
    words.push_str(&outcome_words(&compared.outcome));
    let filled = match args.fill {
        true => Some(audit::file::fill(core, id, &compared).await.map_err(|why| not_compared(id, why))?),
        false => None,
    };
    if let Some(filled) = filled {
        let _ =
            writeln!(words, "\n{} orders put into the inbox; they are read while cartback serve runs.", filled.orders);
        if filled.nameless > 0 {
            let _ = writeln!(
                words,
                "{} left out: without an id, a later webhook would make a second order.",
                filled.nameless
            );
        }
    }
    let problems: Vec<Value> =
        sheet.problems.iter().map(|(line, problem)| json!({ "line": line, "problem": problem })).collect();
    let json = json!({
        "shop": id,
        "from": compared.from.to_string(),
        "to": compared.to.to_string(),
        "columns": sheet.columns.iter().map(|(name, heading)| (*name, heading)).collect::<BTreeMap<_, _>>(),
        "ignored_columns": sheet.ignored,
        "encoding": sheet.letters,
        "decimal": sheet.decimal,
        "days": sheet.days.name(),
        "lines": sheet.lines.len(),
        "further_lines": sheet.further,
        "bad": problems,
        "unknown_states": sheet.unknown_states,
        "outcome": outcome_json(&compared.outcome),
        "filled": filled.map(|filled| filled.orders),
        "nameless": filled.map(|filled| filled.nameless),
    });
    Ok(Said { well: compared.outcome.grade != Grade::Large, ..Said::new(words, json) })
}
