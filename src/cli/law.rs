//! `cartback law`: the rules for texts of every country and state, each with its source and how sure it is; with `--shop`,
//! what they come to for one shop. Nobody's legal advice, and it says so.

use std::fmt::Write;

use anyhow::bail;
use serde_json::{Value, json};

use super::{Form, Said, Wrong, chosen_shop, no_shop, table};
use crate::{
    domain::{
        hours::Hours,
        id::ShopId,
        law::{self, Effective, Pack, Row},
        time::Time,
    },
    pipeline::Core,
};

#[derive(clap::Args)]
pub struct Args {
    /// A country or a state, as in FR or US-FL; left out, all of them
    code: Option<String>,
    /// What the rules come to for this shop and the countries it texts
    #[arg(long)]
    pub shop: Option<ShopId>,
    #[command(flatten)]
    pub form: Form,
}

const NO_ADVICE: &str = "Not legal advice: what public sources say, each marked with how sure it is (C the law itself or a \
checked quote, S second hand, X sources disagree, G unconfirmed). Ask a lawyer about your own case.";

/// For a shop of this installation.
pub async fn run(core: &Core, args: &Args) -> anyhow::Result<Said> {
    let now = core.now();
    if args.shop.is_none() {
        return told(args, now);
    }
    let id = chosen_shop(core, args.shop).await?;
    let mut read = core.db.read().await?;
    let (shop, _) = core.shop(&mut read, id).await?.ok_or_else(|| no_shop(id))?;
    let codes = match &args.code {
        Some(code) => vec![code.clone()],
        None => Pack::countries_of(&shop.rules, &shop.country),
    };
    let pack = law::current();
    let mut found = Vec::new();
    for code in &codes {
        found.push(pack.effective(code, &shop.rules, &shop.country, now).ok_or_else(|| nowhere(code))?);
    }
    let mut words = format!("{} (shop {id}), law of version {}\n", shop.name, pack.version());
    for effective in &found {
        let _ = write!(words, "\n{}", for_shop(effective));
    }
    let _ = write!(words, "\n{NO_ADVICE}");
    let json = json!({ "shop": id, "version": pack.version(), "not_legal_advice": true, "effective": found });
    Ok(Said::new(words, json))
}

/// What the pack says by itself; needs no database.
pub fn told(args: &Args, now: Time) -> anyhow::Result<Said> {
    match &args.code {
        Some(code) => one(code, now),
        None => Ok(all(now)),
    }
}

fn nowhere(code: &str) -> anyhow::Error {
    anyhow::Error::new(Wrong(format!("{code}: is no country or state the rules know; write FR or US-FL")))
}

fn all(now: Time) -> Said {
    let pack = law::current();
    let mut lines = table(&["", "country", "texts", "by law", "usually", "consent", "a cart", "sure"]);
    let current = |rows: Vec<&'static Row>| rows.into_iter().filter(move |row| row.is_current(now));
    for row in current(pack.countries()) {
        let found = pack.bare(&row.code, now);
        lines.add_row([
            row.code.clone(),
            row.name.clone(),
            if row.on { "on" } else { "off" }.to_owned(),
            row.legal.as_ref().map_or("-".to_owned(), |bound| bound.hours.to_string()),
            found.as_ref().map(|found| found.usual.to_string()).unwrap_or_default(),
            found.as_ref().map(|found| found.consent.words().to_owned()).unwrap_or_default(),
            found.as_ref().and_then(|found| found.per_cart).map_or("-".to_owned(), |cap| cap.to_string()),
            row.confidence().words().to_owned(),
        ]);
    }
    let mut states = table(&["", "state", "by law", "sure"]);
    for row in current(pack.states()) {
        let hours = row.legal.as_ref().map(|bound| bound.hours.to_string()).unwrap_or_default();
        states.add_row([row.code.clone(), row.name.clone(), hours, row.confidence().words().to_owned()]);
    }
    let words = format!(
        "The law's data, version {}\n\n{lines}\n\n{states}\n\nAny other country is held until a shop names it among its \
         countries.\nOne of them with every source: cartback law FR, cartback law US-FL. For a shop: cartback law --shop 1\
         \n\n{NO_ADVICE}",
        pack.version()
    );
    let json = json!({
        "version": pack.version(),
        "not_legal_advice": true,
        "countries": current(pack.countries()).map(row_json).collect::<Vec<_>>(),
        "states": current(pack.states()).map(row_json).collect::<Vec<_>>(),
    });
    Said::new(words, json)
}

fn one(code: &str, now: Time) -> anyhow::Result<Said> {
    let pack = law::current();
    let code = code.trim().to_ascii_uppercase();
    let Some(found) = pack.bare(&code, now) else { bail!(nowhere(&code)) };
    let rows = pack.rows(&code);
    let mut words = format!("{}  {}\n", found.code, found.name);
    if rows.is_empty() {
        let unlisted = pack.unlisted();
        let _ = writeln!(
            words,
            "\nNobody has looked this country up. It is held until a shop names it among its countries; then {}, {}.",
            unlisted.consent.words(),
            unlisted.hours
        );
    }
    for row in &rows {
        let _ = writeln!(words, "\n{}", row_words(row));
    }
    if found.code == "US" {
        let states: Vec<&str> = pack
            .states()
            .into_iter()
            .filter_map(|row| row.code.strip_prefix("US-"))
            .filter(|code| *code != "*")
            .collect();
        let _ = writeln!(words, "\nStates with rules of their own, as in cartback law US-FL: {}", states.join(" "));
    }
    let _ = write!(words, "\n{NO_ADVICE}");
    let json = json!({
        "version": pack.version(),
        "not_legal_advice": true,
        "code": found.code,
        "listed": !rows.is_empty(),
        "rows": rows.into_iter().map(row_json).collect::<Vec<_>>(),
        "effective": found,
    });
    Ok(Said::new(words, json))
}

fn row_words(row: &Row) -> String {
    let mut words = String::new();
    if let Some(span) = row.span() {
        let _ = writeln!(words, "{span}");
    }
    if !row.on {
        words.push_str("Off until a shop names it among its countries.\n");
    }
    for rule in row.rules() {
        let _ = writeln!(words, "{:<13} {}", rule.about, rule.says);
        let _ = writeln!(words, "{:<13} {} ({:?}: {})", "", rule.source, rule.confidence, rule.confidence.words());
    }
    if !row.note.is_empty() {
        let _ = writeln!(words, "{:<13} {}", "note", row.note);
    }
    words.trim_end().to_owned()
}

fn row_json(row: &Row) -> Value {
    json!({
        "code": row.code,
        "name": row.name,
        "follows": row.follows,
        "on": row.on,
        "valid_from": row.valid_from.map(|day| day.to_string()),
        "valid_to": row.valid_to.map(|day| day.to_string()),
        "note": row.note,
        "confidence": row.confidence(),
        "rules": row.rules(),
    })
}

fn for_shop(found: &Effective) -> String {
    let mut lines = table(&[found.code.as_str(), found.name.as_str()]);
    let mut add = |about: &str, says: String| {
        lines.add_row([about.to_owned(), says]);
    };
    add("texts", found.held.clone().map_or("are sent".to_owned(), |why| format!("are held: {why}")));
    let cut = if found.narrowed { " (the shop's own hours, cut by law)" } else { "" };
    add("hours", format!("{}{cut}", found.hours));
    add("own hours", found.own_hours.map_or("none set".to_owned(), |own| own.to_string()));
    let about = if found.listed { "by law" } else { "no wider" };
    add(about, found.legal.as_ref().map_or("no law found that names hours".to_owned(), Hours::to_string));
    if !found.unknown_holidays.is_empty() {
        add("holidays", format!("not known for {}: none is closed", found.unknown_holidays.join(", ")));
    } else if !found.holidays.is_empty() {
        add("holidays", format!("closed on those of {}", found.holidays.join(", ")));
    }
    add("consent", found.consent.words().to_owned());
    add("at most", found.caps());
    add(
        "between",
        format!(
            "{} minutes and {} hours after the cart was left",
            found.first_after_minutes, found.give_up_after_hours
        ),
    );
    if !found.sender().is_empty() {
        add("sender", found.sender().join("; "));
    }
    add("text has", found.required.join(", "));
    if found.discount_needs_promo_consent {
        add("discount", "only with consent to promotions".to_owned());
    }
    format!("{lines}\n")
}
