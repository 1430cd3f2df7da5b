//! People: the latest opt-outs and consents with source and proof, finding one person, and lists in and out.

use actix_web::{HttpRequest, HttpResponse, web::Form};
use serde::Deserialize;

use super::{
    Visit, cart_acts,
    listing::{self, cursor, span},
    phone, show,
};
use crate::{
    domain::{
        consent::{Consent, OutProof},
        event::ConsentState,
        seal::ShopKeys,
    },
    pipeline::people::{
        import::{self, CONSENT_SOURCE, OPT_OUT_SOURCE, Statement},
        sheet,
    },
    store::{
        self, Read,
        consent::list::{Given, Narrow, Out},
        listing::{Counted, Open},
        shop::Shop,
    },
    web::{
        problem::Problem,
        session,
        view::{
            Section, Tone,
            listing::{Control, Field, Listing},
            people::{People, PersonRow, Show},
            words::{say, t},
        },
    },
};

pub async fn get(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::begin(&request, Section::People).await?;
    let may_change = session::visitor(&visit.state, &request).await?.may_change;
    let shown = Show::parse(visit.asked("show"));
    let mut page = People {
        show: shown,
        rows: Vec::new(),
        list: Listing { path: "/people".to_owned(), sheet: true, ..Listing::default() },
        may_change,
        page: visit.page.clone(),
    };
    if let Some((shop, keys)) = visit.shop() {
        let mut read = visit.read().await?;
        let narrow = asked(&visit, shop);
        page.list.fields = fields(&visit, shown);
        let open = listing::open(&visit);
        page.list.count = counted(&mut read, keys, shown, &narrow).await?.into();
        let (rows, on) = match shown {
            Show::OptOuts => {
                let leaf = store::consent::list::outs(&mut read, keys, &narrow, open).await?;
                (leaf.rows.iter().map(|out| (out.phone, opted_out(out))).collect::<Vec<_>>(), leaf.on)
            }
            Show::Consents => {
                let leaf = store::consent::list::given(&mut read, keys, &narrow, open).await?;
                (leaf.rows.iter().map(|given| (given.phone, consented(given))).collect(), leaf.on)
            }
        };
        page.list.on = on.map(cursor);
        for (index, mut row) in rows {
            if let Some(number) = phone::number(&mut read, keys, &index, &[]).await? {
                row.who = number.masked();
            }
            page.rows.push(row);
        }
    }
    show(&page)
}

async fn counted(read: &mut Read, keys: &ShopKeys, shown: Show, narrow: &Narrow) -> Result<Counted, Problem> {
    Ok(match shown {
        Show::OptOuts => store::consent::list::count_outs(read, keys, narrow).await?,
        Show::Consents => store::consent::list::count_given(read, keys, narrow).await?,
    })
}

fn asked(visit: &Visit, shop: &Shop) -> Narrow {
    let (from, to) = span(visit, shop);
    Narrow { from, to }
}

fn fields(visit: &Visit, shown: Show) -> Vec<Field> {
    let (from, to) = listing::days(visit);
    let day = |name, label: &str, day: Option<jiff::civil::Date>| {
        Field::new(name, label, day.map_or(String::new(), |day| day.to_string()), Control::Day)
    };
    vec![
        Field::new("show", t("Ledger"), shown.name(), Control::Tab),
        day("from", t("From"), from),
        day("to", t("To"), to),
    ]
}

/// The beginning of a keyed hash, where no number is known any more.
fn hashed(phone: &[u8; 16]) -> String {
    format!("#{}", phone::named(phone).chars().take(8).collect::<String>())
}

fn opted_out(out: &Out) -> PersonRow {
    PersonRow {
        who: hashed(&out.phone),
        href: phone::href(&out.phone),
        said: t("Opted out").to_owned(),
        tone: Tone::Bad,
        at: out.entry.at,
        source: out.entry.source.clone(),
        proof: out.proof.as_ref().map_or(String::new(), out_proof),
    }
}

fn out_proof(proof: &OutProof) -> String {
    let mut told = Vec::new();
    told.extend(proof.text.as_ref().map(|text| format!("“{text}”")));
    told.extend(proof.code.as_ref().map(|code| say("code {code}", &[("code", code)])));
    told.join(" · ")
}

fn state(state: ConsentState) -> (&'static str, Tone) {
    match state {
        ConsentState::Granted => (t("Given"), Tone::Good),
        ConsentState::Pending => (t("Asked for"), Tone::Live),
        ConsentState::Withdrawn => (t("Taken back"), Tone::Bad),
        ConsentState::NotGiven => (t("Not given"), Tone::Quiet),
        ConsentState::Restored => (t("Back by START"), Tone::Good),
    }
}

fn consented(given: &Given) -> PersonRow {
    let (said, tone) = state(given.entry.state);
    PersonRow {
        who: hashed(&given.phone),
        href: phone::href(&given.phone),
        said: said.to_owned(),
        tone,
        at: given.entry.at,
        source: given.entry.proof.source.clone(),
        proof: consent_proof(&given.entry),
    }
}

fn consent_proof(entry: &Consent) -> String {
    let proof = &entry.proof;
    let mut told = Vec::new();
    told.extend(proof.level.as_ref().map(|level| level.replace('_', " ")));
    told.extend(proof.text.as_ref().map(|text| format!("“{text}”")));
    told.extend(proof.version.as_ref().map(|version| say("version {number}", &[("number", version)])));
    told.extend(proof.url.clone());
    told.join(" · ")
}

/// The ledger as a sheet: the opt-out list with the number where it is known, as `cartback opt-out export` has it, or
/// the consents with what proves them.
pub async fn sheet(request: HttpRequest) -> Result<HttpResponse, Problem> {
    const OUTS: &[&str] = &["phone", "number_hash", "at", "source", "recorded_at"];
    const GIVEN: &[&str] =
        &["phone", "number_hash", "given_at", "state", "source", "level", "text", "version", "url", "recorded_at"];
    let (visit, _, _) = cart_acts::actor(&request, Section::People).await?;
    let (shop, keys) = visit.shop().ok_or(Problem::NotFound)?;
    let (narrow, shown) = (asked(&visit, shop), Show::parse(visit.asked("show")));
    let (state, keys) = (visit.state.clone(), keys.clone());
    let (what, heading) = if shown == Show::OptOuts { ("opt-outs", OUTS) } else { ("consents", GIVEN) };
    Ok(listing::sheet(&visit, shop, what, heading, move |open: Open| {
        let (state, keys, narrow) = (state.clone(), keys.clone(), narrow.clone());
        Box::pin(async move {
            let mut read = state.core.db.read().await?;
            let mut lines = Vec::new();
            let on = match shown {
                Show::OptOuts => {
                    let leaf = store::consent::list::outs(&mut read, &keys, &narrow, open).await?;
                    for out in &leaf.rows {
                        let number = phone::number(&mut read, &keys, &out.phone, &[]).await?;
                        lines.push(vec![
                            number.map_or(String::new(), |number| number.e164().to_owned()),
                            phone::named(&out.phone),
                            out.entry.at.to_string(),
                            out.entry.source.clone(),
                            out.recorded_at.to_string(),
                        ]);
                    }
                    leaf.on
                }
                Show::Consents => {
                    let leaf = store::consent::list::given(&mut read, &keys, &narrow, open).await?;
                    for given in &leaf.rows {
                        let number = phone::number(&mut read, &keys, &given.phone, &[]).await?;
                        let proof = &given.entry.proof;
                        lines.push(vec![
                            number.map_or(String::new(), |number| number.e164().to_owned()),
                            phone::named(&given.phone),
                            given.entry.at.to_string(),
                            store::consent::state_name(given.entry.state).to_owned(),
                            proof.source.clone(),
                            proof.level.clone().unwrap_or_default(),
                            proof.text.clone().unwrap_or_default(),
                            proof.version.clone().unwrap_or_default(),
                            proof.url.clone().unwrap_or_default(),
                            given.recorded_at.to_string(),
                        ]);
                    }
                    leaf.on
                }
            };
            Ok((lines, on))
        })
    }))
}

#[derive(Deserialize)]
pub struct Typed {
    what: String,
    sheet: String,
}

/// Bad lines that are told; of more there is only the number.
const TOLD_MOST: usize = 20;

/// Takes a list as a whole or not at all.
pub async fn load(request: HttpRequest, typed: Form<Typed>) -> Result<HttpResponse, Problem> {
    let (visit, id, _) = cart_acts::actor(&request, Section::People).await?;
    let (shop, _) = visit.shop().ok_or(Problem::NotFound)?;
    let (core, now) = (visit.core(), visit.core().now());
    let wrong = |why: String| Problem::Wrong(vec![why]);
    let bytes = typed.sheet.as_bytes();
    let read: Vec<(u64, Result<Statement, String>)> = match typed.what.as_str() {
        "consents" => {
            let rows = sheet::consents(bytes).map_err(wrong)?.rows;
            rows.into_iter().map(|(line, row)| (line, row.read(shop, CONSENT_SOURCE, now))).collect()
        }
        _ => {
            let rows = sheet::opt_outs(bytes).map_err(wrong)?.rows;
            rows.into_iter().map(|(line, row)| (line, row.read(shop, OPT_OUT_SOURCE, now))).collect()
        }
    };
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for (line, statement) in read {
        match statement {
            Ok(statement) => good.push(statement),
            Err(why) => bad.push(say("line {line}: {why}", &[("line", &line), ("why", &why)])),
        }
    }
    if !bad.is_empty() {
        let more = bad.len().saturating_sub(TOLD_MOST);
        bad.truncate(TOLD_MOST);
        if more > 0 {
            bad.push(say("and {count} more bad lines", &[("count", &more)]));
        }
        bad.push(t("nothing was recorded").to_owned());
        return Err(Problem::Wrong(bad));
    }
    import::take(core, id, &good).await?.ok_or(Problem::NotFound)?;
    Ok(cart_acts::led_to(&visit, "/people", "list_taken"))
}
