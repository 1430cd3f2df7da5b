//! The reference of the API: read from its description, which is made from the code.

use actix_web::{HttpRequest, HttpResponse};

use super::{Visit, show};
use crate::{
    store::token::Scope,
    web::{
        api::describe::{self, CHAPTERS},
        problem::{KIND, KINDS, Problem},
        view::{
            Section,
            reference::{Chapter, Reference, nouns},
        },
    },
};

pub async fn get(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::begin(&request, Section::Api).await?;
    let nouns = nouns(describe::description()?, &visit.core().public_url);
    let asked = visit.asked("about");
    let chosen = nouns.iter().find(|noun| noun.name == asked).cloned();
    if chosen.is_none() && !asked.is_empty() {
        return Err(Problem::NotFound);
    }
    show(&Reference { chapters: chapters(), nouns, chosen, page: visit.page.clone() })
}

pub fn chapters() -> Vec<Chapter> {
    let lines = |title: &str| match title {
        "Tokens" => Scope::ALL.map(|scope| (scope.name().to_owned(), scope.words().to_owned())).to_vec(),
        "Problems" => KINDS
            .iter()
            .map(|(kind, status, title, when)| (format!("{status} {KIND}{kind}"), format!("{title}. {when}")))
            .collect(),
        _ => Vec::new(),
    };
    let chapters = CHAPTERS.iter().map(|(title, words)| Chapter {
        title: (*title).to_owned(),
        words: (*words).to_owned(),
        lines: lines(title),
    });
    chapters.collect()
}
