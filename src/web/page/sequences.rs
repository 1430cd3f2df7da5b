//! Sequences: the list with what each does, and the form that changes one. Every change is a version of the shop's rules,
//! checked as a whole; what was typed stays in the form until it can be saved.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web::Bytes};

use super::{Visit, back, show};
use crate::{
    domain::{
        rules::Rules,
        sequence::{PRESETS, STEPS_MOST, Sequence as Stored, Step, preset},
        time::Time,
    },
    pipeline::connect::{self, NotConnected},
    store::{self, Error, Read},
    web::{
        problem::Problem,
        view::{
            Section,
            sequences::{Line, Preset, Row, Sequence, Sequences, notes, whom},
            words::t,
        },
    },
};

pub async fn get_all(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::begin(&request, Section::Sequences).await?;
    list(&visit, Vec::new()).await
}

async fn list(visit: &Visit, problems: Vec<String>) -> Result<HttpResponse, Problem> {
    let mut read = visit.read().await?;
    let mut rows = Vec::new();
    let mut presets = Vec::new();
    if let Some((shop, _)) = visit.shop() {
        let all = &shop.rules.sequences;
        for (place, sequence) in all.iter().enumerate() {
            rows.push(Row {
                is_first: place == 0,
                is_last: place + 1 == all.len(),
                ..row(&mut read, visit, sequence).await?
            });
        }
        let taken = |id: &str| all.iter().any(|sequence| sequence.id == id);
        presets.extend(PRESETS.iter().filter(|(id, ..)| !taken(id)).map(|(id, name, about)| Preset {
            id: (*id).to_owned(),
            name: (*name).to_owned(),
            about: (*about).to_owned(),
        }));
    }
    show(&Sequences { rows, presets, problems, page: visit.page.clone() })
}

async fn row(read: &mut Read, visit: &Visit, sequence: &Stored) -> Result<Row, Error> {
    let Some((shop, keys)) = visit.shop() else { return Err(Error::damaged("sequences", "no shop")) };
    let (rest, give_up) = (shop.rules.rest(), shop.rules.give_up_after());
    Ok(Row {
        id: sequence.id.clone(),
        name: sequence.name.clone(),
        on: sequence.on_since,
        for_whom: whom(&sequence.when),
        line: Line::of(sequence, give_up),
        notes: notes(sequence),
        clashes: sequence.clashes(rest, give_up),
        carts: store::cart::following(read, keys, &sequence.id, visit.page.now - give_up).await?,
        is_first: true,
        is_last: true,
    })
}

pub async fn get(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::begin(&request, Section::Sequences).await?;
    let stored = stored(&visit, &request)?;
    one(&visit, &stored, stored.typed().into_iter().collect(), Vec::new()).await
}

fn stored(visit: &Visit, request: &HttpRequest) -> Result<Stored, Problem> {
    let (shop, _) = visit.shop().ok_or(Problem::NotFound)?;
    let id = name(request)?;
    shop.rules.sequences.iter().find(|sequence| sequence.id == id).cloned().ok_or(Problem::NotFound)
}

fn name(request: &HttpRequest) -> Result<String, Problem> {
    request.match_info().get("id").map(str::to_owned).ok_or(Problem::NotFound)
}

async fn one(
    visit: &Visit,
    stored: &Stored,
    fields: BTreeMap<String, String>,
    problems: Vec<String>,
) -> Result<HttpResponse, Problem> {
    let mut read = visit.read().await?;
    let count = stored.steps.len();
    let number = |place: usize| u32::try_from(place).unwrap_or(u32::MAX);
    show(&Sequence {
        row: row(&mut read, visit, stored).await?,
        fields,
        steps: (1..=number(count)).collect(),
        next_step: (count < STEPS_MOST).then(|| number(count + 1)),
        problems,
        page: visit.page.clone(),
    })
}

pub async fn post(request: HttpRequest, body: Bytes) -> Result<HttpResponse, Problem> {
    let visit = Visit::to_change(&request, Section::Sequences).await?;
    let stored = stored(&visit, &request)?;
    let typed = Typed::of(&body);
    let saved = change(&visit, |rules, _| typed.put_into(found(rules, &stored.id)?)).await?;
    match saved {
        Ok(()) => Ok(back(&format!("/sequences/{}", stored.id), &request, "sequence_saved")),
        Err(problems) => one(&visit, &stored, typed.fields(), problems).await,
    }
}

/// What a form said, by the names the fields have in `Sequence::set_all`.
struct Typed(Vec<(String, String)>);

impl Typed {
    fn of(body: &[u8]) -> Typed {
        Typed(url::form_urlencoded::parse(body).into_owned().filter(|(key, _)| key != "csrf").collect())
    }

    fn value(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == key).map(|(_, value)| value.trim())
    }

    /// Each field once; boxes of one name are one list, and none of them ticked is an empty one.
    fn fields(&self) -> BTreeMap<String, String> {
        let mut fields: BTreeMap<String, String> = BTreeMap::from([("exits".to_owned(), String::new())]);
        for (key, value) in &self.0 {
            let known = fields.entry(key.clone()).or_default();
            if key == "exits" && !known.is_empty() {
                known.push(',');
                known.push_str(value);
            } else {
                known.clone_from(value);
            }
        }
        fields
    }

    /// Steps whose time was emptied go, one more comes where a time was typed for it; then every field is set.
    fn put_into(&self, sequence: &mut Stored) -> Result<(), Vec<String>> {
        let mut changed = sequence.clone();
        let mut places = BTreeMap::new();
        let mut steps = Vec::new();
        for number in 1..=sequence.steps.len() + 1 {
            let kept = sequence.steps.get(number - 1);
            match self.value(&format!("step.{number}.after")) {
                // A form that does not speak of a step leaves it as it is.
                None => steps.extend(kept.cloned()),
                Some("") => continue,
                Some(_) => steps.push(kept.cloned().unwrap_or_else(Step::default)),
            }
            places.insert(number.to_string(), steps.len().to_string());
        }
        changed.steps = steps;
        let mut fields = Vec::new();
        for (key, value) in self.fields() {
            let Some(rest) = key.strip_prefix("step.") else {
                fields.push((key, value));
                continue;
            };
            let Some((number, name)) = rest.split_once('.') else { continue };
            // What belongs to a discount is of no use where there is none; so is what belongs to a step that went.
            let part = name.strip_prefix("discount.");
            let discount = self.value(&format!("step.{number}.discount")).unwrap_or_default();
            let fresh = discount.contains(':') || discount == "free_shipping";
            let useless =
                part.is_some_and(|part| discount.is_empty() || value.is_empty() || !fresh && part != "cool_down_days");
            if let Some(place) = places.get(number).filter(|_| !useless) {
                fields.push((format!("step.{place}.{name}"), value));
            }
        }
        changed.set_all(fields.iter().map(|(key, value)| (key.as_str(), value.as_str())))?;
        *sequence = changed;
        Ok(())
    }
}

/// Changes the chosen shop's rules; what is wrong with them is told, anything else is a problem of the page.
async fn change(
    visit: &Visit,
    change: impl Fn(&mut Rules, Time) -> Result<(), Vec<String>>,
) -> Result<Result<(), Vec<String>>, Problem> {
    let (shop, _) = visit.shop().ok_or(Problem::NotFound)?;
    let core = visit.core();
    match connect::change_rules(core, shop.id, change).await {
        Ok(()) => {
            core.wake.notify_one();
            Ok(Ok(()))
        }
        Err(NotConnected::Wrong(problems)) => {
            let lines = problems.iter().flat_map(|problem| problem.lines()).map(str::to_owned);
            Ok(Err(lines.collect()))
        }
        Err(NotConnected::Store(error)) => Err(error.into()),
    }
}

fn found<'r>(rules: &'r mut Rules, id: &str) -> Result<&'r mut Stored, Vec<String>> {
    rules
        .sequences
        .iter_mut()
        .find(|sequence| sequence.id == id)
        .ok_or_else(|| vec![t("it was removed meanwhile").into()])
}

pub async fn add(request: HttpRequest, body: Bytes) -> Result<HttpResponse, Problem> {
    let visit = Visit::to_change(&request, Section::Sequences).await?;
    let typed = Typed::of(&body);
    let made = typed.value("preset").and_then(preset).ok_or(Problem::NotFound)?;
    let added = change(&visit, |rules, _| {
        rules.sequences.push(made.clone());
        Ok(())
    });
    match added.await? {
        Ok(()) => Ok(back(&format!("/sequences/{}", made.id), &request, "sequence_added")),
        Err(problems) => list(&visit, problems).await,
    }
}

/// A change of one sequence that has nothing to type, and what is said of it on the list.
async fn act(
    request: &HttpRequest,
    done: &str,
    act: impl Fn(&mut Vec<Stored>, usize, Time),
) -> Result<HttpResponse, Problem> {
    let visit = Visit::to_change(request, Section::Sequences).await?;
    let id = stored(&visit, request)?.id;
    let changed = change(&visit, |rules, now| {
        if let Some(place) = rules.sequences.iter().position(|sequence| sequence.id == id) {
            act(&mut rules.sequences, place, now);
        }
        Ok(())
    });
    match changed.await? {
        Ok(()) => Ok(back("/sequences", request, done)),
        Err(problems) => list(&visit, problems).await,
    }
}

pub async fn on(request: HttpRequest) -> Result<HttpResponse, Problem> {
    act(&request, "sequence_on", |all, place, now| {
        if let Some(sequence) = all.get_mut(place) {
            sequence.switch_on(now);
        }
    })
    .await
}

pub async fn off(request: HttpRequest) -> Result<HttpResponse, Problem> {
    act(&request, "sequence_off", |all, place, _| {
        if let Some(sequence) = all.get_mut(place) {
            sequence.on_since = None;
        }
    })
    .await
}

/// One place up; down is another's up.
pub async fn shift(request: HttpRequest, body: Bytes) -> Result<HttpResponse, Problem> {
    let down = Typed::of(&body).value("to") == Some("down");
    act(&request, "sequence_moved", |all, place, _| {
        let other = if down { place + 1 } else { place.saturating_sub(1) };
        if other < all.len() {
            all.swap(place, other);
        }
    })
    .await
}

pub async fn remove(request: HttpRequest) -> Result<HttpResponse, Problem> {
    act(&request, "sequence_removed", |all, place, _| drop(all.remove(place))).await
}
