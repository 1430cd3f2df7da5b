//! Tokens of the API: the list, making one, taking one back.

use actix_web::{HttpRequest, HttpResponse, web::Bytes};

use super::{Visit, back, come_in_as_owner, show};
use crate::{
    domain::id::ShopId,
    pipeline::people::token::{self, NotMade},
    store::{
        self,
        token::{Scope, Scopes},
    },
    web::{
        problem::Problem,
        session,
        view::{
            Section,
            tokens::{Fresh, TokenRow, Tokens, Typed},
        },
    },
};

pub async fn get(request: HttpRequest) -> Result<HttpResponse, Problem> {
    page(&request, None, Vec::new(), Typed::default()).await
}

async fn page(
    request: &HttpRequest,
    fresh: Option<Fresh>,
    problems: Vec<String>,
    typed: Typed,
) -> Result<HttpResponse, Problem> {
    let visit = Visit::begin(request, Section::Tokens).await?;
    let may_change = session::visitor(&visit.state, request).await?.may_change;
    let mut read = visit.read().await?;
    let mut found = Vec::new();
    if let Some((shop, _)) = visit.shop() {
        found.extend(store::token::list(&mut read, shop.id).await?);
    }
    if visit.is_owner {
        found.extend(store::token::list(&mut read, ShopId::HOUSE).await?);
    }
    let now = visit.page.now;
    let mut rows: Vec<TokenRow> = found
        .into_iter()
        .map(|token| TokenRow {
            is_good: token.is_good(now),
            of_house: token.shop == ShopId::HOUSE,
            scopes: token.scopes.names(),
            name: token.name,
            created_at: token.created_at,
            used_at: token.used_at,
            expires_at: token.expires_at,
            revoked_at: token.revoked_at,
        })
        .collect();
    rows.sort_by_key(|row| (!row.is_good, std::cmp::Reverse(row.created_at)));
    show(&Tokens {
        rows,
        fresh,
        problems,
        typed,
        public_url: visit.core().public_url.clone(),
        may_change,
        may_house: visit.is_owner,
        page: visit.page.clone(),
    })
}

pub async fn post(request: HttpRequest, body: Bytes) -> Result<HttpResponse, Problem> {
    let visit = Visit::to_change(&request, Section::Tokens).await?;
    let (shop, _) = visit.shop().ok_or(Problem::NotFound)?;
    let all: Vec<(String, String)> = url::form_urlencoded::parse(&body).into_owned().collect();
    let value = |name: &str| all.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.trim());
    let names: Vec<&str> = all.iter().filter(|(name, _)| name == "scope").map(|(_, value)| value.as_str()).collect();
    let typed = Typed {
        name: value("name").to_owned(),
        scopes: names.iter().map(|name| (*name).to_owned()).collect(),
        days: value("days").to_owned(),
    };
    let scopes = Scopes::new(names.iter().filter_map(|name| Scope::by_name(name)));
    let owner = if scopes.has(Scope::House) {
        come_in_as_owner(&request).await?;
        ShopId::HOUSE
    } else {
        shop.id
    };
    let days = match typed.days.as_str() {
        "" => None,
        // Out of bounds is refused as such.
        days => Some(days.parse().unwrap_or(0)),
    };
    match token::create(visit.core(), owner, &typed.name, scopes, days).await {
        Ok(token) => {
            crate::web::gate::done(&request);
            let fresh = Fresh { token, name: typed.name };
            page(&request, Some(fresh), Vec::new(), Typed::default()).await
        }
        Err(NotMade::Store(error)) => Err(error.into()),
        Err(why) => page(&request, None, vec![why.to_string()], typed).await,
    }
}

pub async fn revoke(request: HttpRequest, body: Bytes) -> Result<HttpResponse, Problem> {
    let visit = Visit::to_change(&request, Section::Tokens).await?;
    let (shop, _) = visit.shop().ok_or(Problem::NotFound)?;
    let all: Vec<(String, String)> = url::form_urlencoded::parse(&body).into_owned().collect();
    let value = |name: &str| all.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str());
    let owner = if value("house") == "yes" {
        come_in_as_owner(&request).await?;
        ShopId::HOUSE
    } else {
        shop.id
    };
    if token::revoke(visit.core(), owner, value("name")).await? {
        Ok(back("/tokens", &request, "token_revoked"))
    } else {
        Err(Problem::NotFound)
    }
}
