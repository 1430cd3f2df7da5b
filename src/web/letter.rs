//! Letters: an issue of a digest as its reader sees it. Fills the letter's view from the same figures the pages show, in
//! the reader's language; and what somebody is told about their own account. It reads nothing and sends nothing.

use askama::Template;

use super::{
    page::figures::{self, Figures, count},
    view::{
        Days,
        funnel::Funnel,
        letter::{Group, Letter},
        notice::Notice,
        silence::{Alarm, Quiet},
        takings::Takings,
        words::{self, Language},
    },
};
use crate::pipeline::{
    digest::{Edition, Written},
    second::Reset,
    watch::Told,
};

/// Writes an issue. An error means that a template is broken.
pub fn write(edition: &Edition) -> Result<Written, String> {
    let language = Language::parse(&edition.language).unwrap_or_default();
    words::written_in(language, || {
        let letter = letter(edition);
        let html = letter.render().map_err(|why| why.to_string())?;
        Ok(Written { subject: letter.subject(), text: letter.text(), html })
    })
}

/// Writes to whoever lost their second proof to somebody else's decision.
pub fn tell_reset(reset: &Reset) -> Result<Written, String> {
    let language = Language::parse(&reset.language).unwrap_or_default();
    words::written_in(language, || {
        let notice = Notice { by: reset.by.clone(), account_url: format!("{}/account", reset.public_url) };
        let html = notice.render().map_err(|why| why.to_string())?;
        Ok(Written { subject: notice.subject(), text: notice.text(), html })
    })
}

/// Writes to owners that something is silent.
pub fn tell_silence(told: &Told) -> Result<Written, String> {
    let language = Language::parse(&told.language).unwrap_or_default();
    words::written_in(language, || {
        let silences = told.silences.iter().map(Quiet::of).collect();
        let alarm = Alarm { silences, now: told.now, overview_url: format!("{}/", told.public_url) };
        let html = alarm.render().map_err(|why| why.to_string())?;
        Ok(Written { subject: alarm.subject(), text: alarm.text(), html })
    })
}

fn letter(edition: &Edition) -> Letter {
    let shop = &edition.shop;
    let figures = Figures { report: edition.report.clone(), before: edition.before.clone(), funnel: Funnel::default() };
    let (total, before) = (&figures.report.total, figures.before.as_ref().map(|before| &before.total));
    let groups = figures.takings(shop).into_iter().map(|takings| {
        let currency = takings.net.currency;
        Group {
            sums: figures::sums(total, currency),
            before: before.map(|before| figures::sums(before, currency)),
            takings: Takings { days: Vec::new(), ..takings },
        }
    });
    let (from, to) = (edition.span.from, edition.span.to);
    let at = |path: &str| {
        let asked = format!("shop={}&from={from}&to={to}", shop.id);
        format!("{}{path}?{asked}", edition.public_url)
    };
    Letter {
        shop: shop.name.clone(),
        zone: shop.zone.clone(),
        days: Days::Between(from, to),
        rhythm: edition.rhythm.clone(),
        groups: groups.collect(),
        costs: figures::cost(total),
        costs_before: before.map(figures::cost),
        carts: (count(total.counts.abandoned), before.map(|before| count(before.counts.abandoned))),
        texts: (count(total.counts.texts), before.map(|before| count(before.counts.texts))),
        opt_outs: (count(total.counts.opt_outs), before.map(|before| count(before.counts.opt_outs))),
        alarms: edition.alarms,
        overview_url: at("/"),
        report_url: at("/report"),
        manage_url: format!("{}/digest?shop={}", edition.public_url, shop.id),
        stop_url: edition.stop_url.clone(),
    }
}
