//! Files that commands are given: how large they may be, and what a person says about a CSV that would be guessed wrong.

use std::{collections::BTreeMap, path::Path};

use anyhow::{Context, bail};

use super::{Wrong, pair, pairs};
use crate::{
    domain::{hours, money::Currency},
    pipeline::table::{Days, Wish},
};

/// The largest file read; a list of a million lines is about this long.
const BYTES_MAX: u64 = 256 << 20;

/// A file as it is.
pub fn bytes(file: &Path) -> anyhow::Result<Vec<u8>> {
    let path = file.display();
    let found = std::fs::metadata(file).with_context(|| format!("{path} cannot be read"))?;
    if found.len() > BYTES_MAX {
        bail!(Wrong(format!("{path} is larger than 256 MiB: take it in parts")));
    }
    std::fs::read(file).with_context(|| format!("{path} cannot be read"))
}

/// How days with slashes are written.
#[derive(Clone, Copy, clap::ValueEnum)]
pub enum DayOrder {
    /// 31/12/2026
    DayFirst,
    /// 12/31/2026
    MonthFirst,
}

#[derive(clap::Args)]
pub struct HowRead {
    /// Which heading is which column, as total=Gesamtsumme; may be given several times. An empty heading: there is none
    #[arg(long = "column", value_name = "COLUMN=HEADING", value_parser = pair)]
    columns: Vec<(String, String)>,
    /// The zone of moments without an offset, as Europe/Berlin; left out, the shop's own
    #[arg(long)]
    zone: Option<String>,
    /// How days with slashes are written; left out, as the file tells
    #[arg(long)]
    days: Option<DayOrder>,
    /// The decimal sign: . or ,
    #[arg(long)]
    decimal: Option<char>,
    /// Of lines that name none, as EUR; left out, the shop's own
    #[arg(long)]
    currency: Option<Currency>,
}

impl HowRead {
    pub fn wish(&self) -> anyhow::Result<Wish> {
        let zone = match &self.zone {
            Some(name) => Some(hours::zone(name).ok_or_else(|| Wrong(format!("--zone: there is no zone {name}")))?),
            None => None,
        };
        if self.decimal.is_some_and(|sign| !matches!(sign, '.' | ',')) {
            bail!(Wrong("--decimal: must be . or ,".into()));
        }
        let days = self.days.map(|order| match order {
            DayOrder::DayFirst => Days::DayFirst,
            DayOrder::MonthFirst => Days::MonthFirst,
        });
        let columns: BTreeMap<String, String> = pairs(&self.columns)?;
        Ok(Wish { columns, zone, days, decimal: self.decimal, currency: self.currency })
    }
}
