//! Sequences: which carts are texted when. Each has an entity tag, so that two programs do not overwrite each other; each
//! change is a version of the shop's rules, checked as a whole.

use std::cell::Cell;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    answer::{Answer, etag_of},
    call::{Call, Window},
    form::{self, Moment},
    sequence_form::SequenceForm,
    shop::{answered, refused},
};
use crate::{
    domain::{
        rules::Rules,
        sequence::{PRESETS, Sequence as Stored, is_slug, preset},
        time::Time,
    },
    pipeline::connect,
    store::shop::Shop,
    web::problem::Problem,
};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SequenceQuery {
    /// Rows of a page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// A sequence of the shop.
#[derive(Serialize, ToSchema)]
pub struct Sequence {
    /// It never changes.
    #[schema(example = "eu")]
    id: String,
    /// Its place: a cart gets the first that is on and fits. 1 is the first.
    position: u32,
    /// `null` while it is switched off. Carts abandoned before this moment never get it.
    #[schema(required)]
    on_since: Option<Moment>,
    /// What would surprise: steps that are due before the shop's own rest between two texts is over.
    clashes: Vec<String>,
    /// What `PUT` takes.
    sequence: SequenceForm,
}

/// A sequence to begin with.
#[derive(Serialize, ToSchema)]
pub struct Preset {
    #[schema(example = "gentle")]
    preset: String,
    name: String,
    about: String,
    sequence: SequenceForm,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSequence {
    /// Of `/sequences/presets`.
    #[schema(example = "gentle")]
    preset: String,
}

/// Where a sequence goes.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Shift {
    /// 1 is the first; beyond the last is the last.
    #[schema(minimum = 1, example = 1)]
    position: u32,
}

fn told(shop: &Shop, place: usize, stored: &Stored) -> Sequence {
    Sequence {
        id: stored.id.clone(),
        position: u32::try_from(place + 1).unwrap_or(u32::MAX),
        on_since: stored.on_since.map(Moment),
        clashes: stored.clashes(shop.rules.rest(), shop.rules.give_up_after()),
        sequence: SequenceForm::of(stored),
    }
}

fn one(shop: &Shop, id: &str) -> Result<Sequence, Problem> {
    let place = place_of(&shop.rules, id).ok_or(Problem::NotFound)?;
    shop.rules.sequences.get(place).map(|stored| told(shop, place, stored)).ok_or(Problem::NotFound)
}

fn place_of(rules: &Rules, id: &str) -> Option<usize> {
    rules.sequences.iter().position(|sequence| sequence.id == id)
}

/// Sequences, in the order they are tried
#[utoipa::path(get, path = "/api/v1/sequences", params(SequenceQuery), responses((status = 200, description = "Sequences, the first that fits first.", body = form::List<Sequence>)))]
pub async fn list(call: &Call) -> Result<Answer, Problem> {
    let asked: SequenceQuery = call.query()?;
    let window = Window::of(asked.limit, asked.after.as_ref())?;
    let (read, shop, _) = call.open().await?;
    drop(read);
    let begins = match &window.after {
        None => 0,
        Some(after) => {
            let wrong = || Problem::Wrong(vec!["after: there is no such sequence".to_owned()]);
            place_of(&shop.rules, after).map(|place| place + 1).ok_or_else(wrong)?
        }
    };
    let all = shop.rules.sequences.iter().enumerate().skip(begins);
    let mut data: Vec<Sequence> = all.map(|(place, stored)| told(&shop, place, stored)).collect();
    let next = window.cut(&mut data, |sequence| sequence.id.clone());
    answered(call, data, next)
}

/// Sequences to begin with
#[utoipa::path(get, path = "/api/v1/sequences/presets", responses((status = 200, description = "Presets.", body = form::List<Preset>)))]
pub async fn presets(_: &Call) -> Result<Answer, Problem> {
    let all = PRESETS.iter().filter_map(|(id, name, about)| {
        Some(Preset {
            preset: (*id).to_owned(),
            name: (*name).to_owned(),
            about: (*about).to_owned(),
            sequence: SequenceForm::of(&preset(id)?),
        })
    });
    Answer::ok(&form::List::new(all.collect(), None))
}

/// Add a preset, switched off
#[utoipa::path(post, path = "/api/v1/sequences", request_body = NewSequence, responses(
    (status = 201, description = "The sequence.", body = Sequence),
    (status = 409, description = "There is one of this name.", body = form::Problem, content_type = "application/problem+json"),
))]
pub async fn add(call: &Call) -> Result<Answer, Problem> {
    let typed: NewSequence = call.body()?;
    let made =
        preset(&typed.preset).ok_or_else(|| Problem::Wrong(vec!["preset: there is none of this name".to_owned()]))?;
    let id = made.id.clone();
    let is_taken = Cell::new(false);
    let changed = change(call, &id, false, |rules, _| {
        is_taken.set(place_of(rules, &id).is_some());
        if !is_taken.get() {
            rules.sequences.push(made.clone());
        }
        Ok(())
    });
    let shop = changed.await?;
    if is_taken.get() {
        return Err(Problem::Conflict(format!("there is a sequence {id} already")));
    }
    Answer::created(&one(&shop, &id)?, format!("/api/v1/sequences/{id}"))
}

/// One sequence
#[utoipa::path(get, path = "/api/v1/sequences/{id}", params(("id" = String, Path, description = "The sequence", example = "eu")), responses((status = 200, description = "The sequence.", body = Sequence)))]
pub async fn get(call: &Call) -> Result<Answer, Problem> {
    let id: String = call.path("id")?;
    let (read, shop, _) = call.open().await?;
    drop(read);
    with_tag(&shop, &id)
}

fn with_tag(shop: &Shop, id: &str) -> Result<Answer, Problem> {
    let shown = one(shop, id)?;
    let stored = shop.rules.sequence(id).ok_or(Problem::NotFound)?;
    Ok(Answer::ok(&shown)?.etag(etag_of(stored)?))
}

/// Write a sequence as a whole
///
/// One that is not there is added at the end, switched off. Carts left from now on follow it; those under way go on as
/// they began.
#[utoipa::path(put, path = "/api/v1/sequences/{id}", params(("id" = String, Path, description = "1 to 32 of a-z, 0-9 and -", example = "eu")), request_body = SequenceForm, responses(
    (status = 200, description = "The sequence as it is now.", body = Sequence),
    (status = 412, description = "It was changed meanwhile.", body = form::Problem, content_type = "application/problem+json"),
))]
pub async fn put(call: &Call) -> Result<Answer, Problem> {
    let id: String = call.path("id")?;
    let typed: SequenceForm = call.body()?;
    if !is_slug(&id) {
        return Err(Problem::NotFound);
    }
    let read = typed.read(&id).map_err(Problem::Wrong)?;
    let changed = change(call, &id, true, |rules, _| {
        match rules.sequences.iter_mut().find(|sequence| sequence.id == id) {
            Some(known) => *known = Stored { on_since: known.on_since, ..read.clone() },
            None => rules.sequences.push(read.clone()),
        }
        Ok(())
    });
    let shop = changed.await?;
    with_tag(&shop, &id)
}

/// Remove a sequence
///
/// Nobody gets a further text of it.
#[utoipa::path(delete, path = "/api/v1/sequences/{id}", params(("id" = String, Path, description = "The sequence", example = "eu")), responses(
    (status = 204, description = "It is gone."),
    (status = 412, description = "It was changed meanwhile.", body = form::Problem, content_type = "application/problem+json"),
))]
pub async fn remove(call: &Call) -> Result<Answer, Problem> {
    let id = known(call).await?;
    change(call, &id, true, |rules, _| {
        rules.sequences.retain(|sequence| sequence.id != id);
        Ok(())
    })
    .await?;
    Ok(Answer::nothing())
}

/// Switch a sequence on
///
/// For carts left from now on; one that is on stays on since when it was.
#[utoipa::path(post, path = "/api/v1/sequences/{id}/on", params(("id" = String, Path, description = "The sequence", example = "eu")), responses((status = 200, description = "The sequence as it is now.", body = Sequence)))]
pub async fn on(call: &Call) -> Result<Answer, Problem> {
    act(call, |all, place, now| {
        if let Some(sequence) = all.get_mut(place) {
            sequence.switch_on(now);
        }
    })
    .await
}

/// Switch a sequence off
///
/// Nobody gets a further text of it.
#[utoipa::path(post, path = "/api/v1/sequences/{id}/off", params(("id" = String, Path, description = "The sequence", example = "eu")), responses((status = 200, description = "The sequence as it is now.", body = Sequence)))]
pub async fn off(call: &Call) -> Result<Answer, Problem> {
    act(call, |all, place, _| {
        if let Some(sequence) = all.get_mut(place) {
            sequence.on_since = None;
        }
    })
    .await
}

/// Give a sequence another place
#[utoipa::path(post, path = "/api/v1/sequences/{id}/move", operation_id = "move", params(("id" = String, Path, description = "The sequence", example = "eu")), request_body = Shift, responses((status = 200, description = "The sequence as it is now.", body = Sequence)))]
pub async fn shift(call: &Call) -> Result<Answer, Problem> {
    let typed: Shift = call.body()?;
    if typed.position == 0 {
        return Err(Problem::Wrong(vec!["position: must be at least 1".to_owned()]));
    }
    let to = usize::try_from(typed.position - 1).unwrap_or(usize::MAX);
    act(call, |all, place, _| {
        let sequence = all.remove(place);
        all.insert(to.min(all.len()), sequence);
    })
    .await
}

async fn known(call: &Call) -> Result<String, Problem> {
    let id: String = call.path("id")?;
    let (read, shop, _) = call.open().await?;
    drop(read);
    one(&shop, &id).map(|_| id)
}

async fn act(call: &Call, act: impl Fn(&mut Vec<Stored>, usize, Time)) -> Result<Answer, Problem> {
    let id = known(call).await?;
    let shop = change(call, &id, false, |rules, now| {
        if let Some(place) = place_of(rules, &id) {
            act(&mut rules.sequences, place, now);
        }
        Ok(())
    });
    with_tag(&shop.await?, &id)
}

/// Changes the shop's rules in its turn. With `tagged`, only when the sequence is as `If-Match` and `If-None-Match` say;
/// that is asked in the same transaction. Answers the shop as it is then.
pub async fn change(
    call: &Call,
    id: &str,
    tagged: bool,
    change: impl Fn(&mut Rules, Time) -> Result<(), Vec<String>>,
) -> Result<Shop, Problem> {
    let (read, ..) = call.open().await?;
    drop(read);
    let (if_match, only_new) = (call.if_match().filter(|_| tagged), call.only_new() && tagged);
    let stale = Cell::new(false);
    let changed = connect::change_rules(call.core(), call.shop()?, |rules, now| {
        let known = place_of(rules, id).and_then(|place| rules.sequences.get(place));
        let tag = known.map(etag_of).transpose().map_err(|problem| vec![problem.to_string()])?;
        let is_as_read = if_match.as_ref().is_none_or(|tags| tag.as_ref().is_some_and(|tag| tags.hold(tag)));
        stale.set(!is_as_read || only_new && tag.is_some());
        if stale.get() { Err(Vec::new()) } else { change(rules, now) }
    });
    let changed = changed.await;
    if stale.get() {
        return Err(Problem::Stale);
    }
    changed.map_err(refused)?;
    call.core().wake.notify_one();
    let (_, shop, _) = call.open().await?;
    Ok(shop)
}
