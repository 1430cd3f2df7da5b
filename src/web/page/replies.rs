//! Replies: what people wrote back, those that wait for a person first; saying how one is to be read.

use actix_web::{HttpRequest, HttpResponse, web::Form};
use serde::Deserialize;

use super::{ROWS, Visit, back, id, show};
use crate::{
    domain::{id::ReplyId, phone::Phone},
    pipeline::reply,
    store::{
        self,
        reply::{How, Reply},
    },
    web::{
        problem::Problem,
        session,
        view::{
            Pager, Section,
            replies::{Replies, ReplyRow},
        },
    },
};

pub async fn get(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::begin(&request, Section::Replies).await?;
    let after = visit.asked("after").parse::<ReplyId>().ok();
    let mut page = Replies {
        waiting: Vec::new(),
        waiting_total: 0,
        rows: Vec::new(),
        pager: Pager { has_first: after.is_some(), next: None },
        may_change: session::visitor(&visit.state, &request).await?.may_change,
        page: visit.page.clone(),
    };
    if let Some((_, keys)) = visit.shop() {
        let mut read = visit.read().await?;
        page.waiting_total = store::reply::count_open(&mut read, keys).await?;
        if after.is_none() {
            page.waiting = store::reply::open(&mut read, keys, ROWS).await?.iter().map(row).collect();
        }
        let before = after.unwrap_or(ReplyId::new(i64::MAX));
        let replies = store::reply::list(&mut read, keys, before, ROWS).await?;
        if replies.len() == ROWS as usize {
            page.pager.next = replies.last().map(|reply| reply.id.to_string());
        }
        page.rows = replies.iter().map(row).collect();
    }
    show(&page)
}

fn row(reply: &Reply) -> ReplyRow {
    let words = &reply.words;
    let heard = &words.heard;
    let settled = reply.settled.as_ref().filter(|settled| settled.how != How::Heeded);
    ReplyRow {
        id: reply.id.to_string(),
        from: Phone::restored(words.from.clone()).masked(),
        phone: super::phone::named(&reply.phone),
        at: reply.at,
        text: words.text.clone(),
        meaning: heard.meaning,
        rule: heard.rule,
        word: heard.word.clone().unwrap_or_default(),
        doubtful: heard.doubtful,
        settled: settled.map(|settled| super::phone::settled(settled.how, &settled.by)).unwrap_or_default(),
        answered: words.answered,
    }
}

/// How a person has read a reply.
#[derive(Deserialize)]
pub struct Read {
    how: String,
}

pub async fn settle(request: HttpRequest, read: Form<Read>) -> Result<HttpResponse, Problem> {
    let visit = Visit::to_change(&request, Section::Replies).await?;
    let state = &visit.state;
    let (shop, _) = visit.shop().ok_or(Problem::NotFound)?;
    let how = How::by_name(&read.how).filter(|how| *how != How::Heeded);
    let how = how.ok_or(Problem::NotFound)?;
    let by = session::visitor(state, &request).await?.name;
    if reply::settle(&state.core, shop.id, id(&request)?, how, &by).await? {
        Ok(back("/replies", &request, "read"))
    } else {
        Err(Problem::NotFound)
    }
}
