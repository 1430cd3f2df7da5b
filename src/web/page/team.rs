//! The team: everybody who signs in, inviting somebody, what each may do, taking somebody out. All of it the owners'.

use actix_web::{HttpRequest, HttpResponse, web::Bytes};

use super::{Visit, back, id, show};
use crate::{
    domain::{
        id::{ShopId, UserId},
        member::{Reach, Role},
    },
    pipeline::{
        second,
        team::{self, LINK_WITHIN, NotDone},
    },
    store::{self, team::Member as Stored},
    web::{
        gate,
        problem::Problem,
        session,
        view::{
            Section, format,
            team::{FreshLink, Member, MemberRow, Remove, Rights, ShopBox, Team},
            words::t,
        },
    },
};

/// Who runs the house. The gate asks too; a page that shows everybody's address does not rely on one lock.
async fn begin(request: &HttpRequest) -> Result<Visit, Problem> {
    let visit = Visit::begin(request, Section::Team).await?;
    if visit.is_owner { Ok(visit) } else { Err(Problem::Forbidden) }
}

pub async fn get_all(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = begin(&request).await?;
    show(&everybody(&visit, &Typed::default()).await?)
}

async fn everybody(visit: &Visit, typed: &Typed) -> Result<Team, Problem> {
    let members = team::list(visit.core()).await?;
    Ok(Team {
        rows: members.iter().map(|member| row(visit, member)).collect(),
        invite: rights(visit, typed.role, &typed.reach),
        name: typed.name.clone(),
        email: typed.email.clone(),
        problems: Vec::new(),
        link: None,
        owners_need_second: second::owners_need(visit.core()).await?,
        second_problems: Vec::new(),
        page: visit.page.clone(),
    })
}

fn row(visit: &Visit, member: &Stored) -> MemberRow {
    MemberRow {
        id: member.id.to_string(),
        name: member.name.clone(),
        email: member.email.clone(),
        role: member.role,
        reach: reach(visit, &member.reach),
        seen_at: member.seen_at,
        is_you: visit.visitor.user == Some(member.id),
        has_password: member.has_password,
        has_second: member.has_second,
    }
}

/// The shops somebody has, in words.
pub fn reach(visit: &Visit, reach: &Reach) -> String {
    match reach {
        Reach::Every => t("every shop").to_owned(),
        Reach::These(these) => {
            let named = visit.shops.iter().filter(|shop| these.contains(&shop.id)).map(|shop| shop.name.clone());
            let named: Vec<String> = named.collect();
            if named.is_empty() { t("no shop").to_owned() } else { format::list(named.into_iter()) }
        }
    }
}

fn rights(visit: &Visit, role: Role, reach: &Reach) -> Rights {
    let ticked = |shop: ShopId| matches!(reach, Reach::These(these) if these.contains(&shop));
    Rights {
        role,
        every: *reach == Reach::Every,
        shops: visit
            .shops
            .iter()
            .map(|shop| ShopBox { id: shop.id.to_string(), name: shop.name.clone(), ticked: ticked(shop.id) })
            .collect(),
    }
}

/// What a form of these pages says. What is not said is the least: an analyst of no shop.
struct Typed {
    name: String,
    email: String,
    role: Role,
    reach: Reach,
}

impl Default for Typed {
    fn default() -> Typed {
        Typed { name: String::new(), email: String::new(), role: Role::Manager, reach: Reach::Every }
    }
}

impl Typed {
    fn of(body: &[u8]) -> Result<Typed, Problem> {
        let mut typed = Typed { role: Role::Analyst, reach: Reach::These([].into()), ..Typed::default() };
        let (mut shops, mut every) = (std::collections::BTreeSet::new(), false);
        for (key, value) in url::form_urlencoded::parse(body) {
            match key.as_ref() {
                "name" => typed.name = value.into_owned(),
                "email" => typed.email = value.into_owned(),
                "role" => typed.role = Role::by_name(&value).ok_or_else(|| wrong(t("there is no such role")))?,
                "reach" => every = value == "every",
                "shop" => drop(shops.insert(value.parse().map_err(|_| wrong(t("a shop is a number")))?)),
                _ => {}
            }
        }
        typed.reach = if every { Reach::Every } else { Reach::These(shops) };
        Ok(typed)
    }
}

fn wrong(why: &str) -> Problem {
    Problem::Wrong(vec![why.to_owned()])
}

fn fresh(who: &str, url: String) -> Option<FreshLink> {
    Some(FreshLink { who: who.to_owned(), url, minutes: LINK_WITHIN.as_secs() / 60 })
}

pub async fn invite(request: HttpRequest, body: Bytes) -> Result<HttpResponse, Problem> {
    let visit = begin(&request).await?;
    let typed = Typed::of(&body)?;
    match team::invite(visit.core(), &typed.email, &typed.name, typed.role, &typed.reach).await {
        Ok((id, url)) => {
            gate::done(&request);
            gate::shown_at(&request, format!("/team/{id}"));
            gate::detail(&request, format!("as {}", typed.role.name()));
            let who = if typed.name.trim().is_empty() { &typed.email } else { &typed.name };
            let link = fresh(who.trim(), url);
            show(&Team { link, ..everybody(&visit, &Typed::default()).await? })
        }
        Err(NotDone::Wrong(problems)) => show(&Team { problems, ..everybody(&visit, &typed).await? }),
        Err(other) => Err(problem(other)),
    }
}

fn problem(not_done: NotDone) -> Problem {
    match not_done {
        NotDone::Store(error) => error.into(),
        NotDone::Nobody => Problem::NotFound,
        other => Problem::Wrong(vec![other.to_string()]),
    }
}

async fn known(visit: &Visit, request: &HttpRequest) -> Result<Stored, Problem> {
    let id: UserId = id(request)?;
    team::member(visit.core(), id).await?.ok_or(Problem::NotFound)
}

pub async fn get(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = begin(&request).await?;
    let member = known(&visit, &request).await?;
    show(&one(&visit, &member).await?)
}

async fn is_last_owner(visit: &Visit, member: &Stored) -> Result<bool, Problem> {
    Ok(member.role == Role::Owner && store::team::owners(&mut visit.read().await?).await? <= 1)
}

async fn one(visit: &Visit, member: &Stored) -> Result<Member, Problem> {
    Ok(Member {
        row: row(visit, member),
        joined_at: member.created_at,
        rights: rights(visit, member.role, &member.reach),
        is_last_owner: is_last_owner(visit, member).await?,
        problems: Vec::new(),
        link: None,
        page: visit.page.clone(),
    })
}

pub async fn change(request: HttpRequest, body: Bytes) -> Result<HttpResponse, Problem> {
    let visit = begin(&request).await?;
    let member = known(&visit, &request).await?;
    let typed = Typed::of(&body)?;
    gate::detail(&request, format!("{}: {} at {}", member.name, typed.role.name(), told(&typed)));
    match team::change(visit.core(), member.id, typed.role, &typed.reach).await {
        Ok(()) => Ok(back(&format!("/team/{}", member.id), &request, "member_changed")),
        Err(NotDone::Wrong(problems)) => {
            let rights = rights(&visit, typed.role, &typed.reach);
            show(&Member { problems, rights, ..one(&visit, &member).await? })
        }
        Err(NotDone::LastOwner) => {
            show(&Member { problems: vec![NotDone::LastOwner.to_string()], ..one(&visit, &member).await? })
        }
        Err(other) => Err(problem(other)),
    }
}

fn told(typed: &Typed) -> String {
    match &typed.reach {
        Reach::These(shops) if typed.role != Role::Owner => {
            let shops: Vec<String> = shops.iter().map(ToString::to_string).collect();
            format!("shop {}", shops.join(", "))
        }
        _ => "every shop".to_owned(),
    }
}

pub async fn link(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = begin(&request).await?;
    let member = known(&visit, &request).await?;
    let url = team::link(visit.core(), member.id).await.map_err(problem)?;
    gate::done(&request);
    gate::detail(&request, format!("for {}", member.name));
    let page = one(&visit, &member).await?;
    show(&Member { link: fresh(page.row.shown(), url), ..page })
}

/// Takes away what somebody lost. They are told, by mail and when they sign in next.
pub async fn reset_second(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = begin(&request).await?;
    let member = known(&visit, &request).await?;
    gate::detail(&request, format!("of {}", member.name));
    let by = if visit.visitor.name.is_empty() { t("an owner") } else { &visit.visitor.name };
    if !second::reset(visit.core(), member.id, by).await? {
        return Err(Problem::NotFound);
    }
    Ok(back(&format!("/team/{}", member.id), &request, "second_reset"))
}

/// The rule of the house that owners must have a second proof.
pub async fn let_owners_need(request: HttpRequest, body: Bytes) -> Result<HttpResponse, Problem> {
    let visit = begin(&request).await?;
    let need = url::form_urlencoded::parse(&body).any(|(name, value)| name == "need" && value == "yes");
    gate::detail(&request, if need { "they do" } else { "they do not" });
    match second::let_owners_need(visit.core(), need, visit.visitor.user).await {
        Ok(()) => Ok(back("/team", &request, if need { "second_rule" } else { "second_rule_off" })),
        Err(NotDone::Wrong(problems)) => {
            show(&Team { second_problems: problems, ..everybody(&visit, &Typed::default()).await? })
        }
        Err(other) => Err(problem(other)),
    }
}

pub async fn ask_remove(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = begin(&request).await?;
    let member = known(&visit, &request).await?;
    let now = visit.page.now;
    let sessions = store::user::sessions(&mut visit.read().await?, member.id, now, now - session::IDLE_MAX).await?;
    show(&Remove {
        row: row(&visit, &member),
        sessions: sessions.len() as u64,
        is_last_owner: is_last_owner(&visit, &member).await?,
        page: visit.page.clone(),
    })
}

pub async fn remove(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = begin(&request).await?;
    let member = known(&visit, &request).await?;
    gate::detail(&request, member.name.clone());
    match team::remove(visit.core(), member.id).await {
        Ok(()) => Ok(back("/team", &request, "member_removed")),
        // The page says it too; this is for who was overtaken by another owner.
        Err(other) => Err(problem(other)),
    }
}
