//! The pages about people who sign in, rich and empty.

use askama::Template;

use super::{
    super::{
        account::{Account, Second, SessionRow, You},
        again::{Again, Refusal},
        second::{Codes, SetUp},
        sign_in::{Asked, SignInSecond},
        team::{FreshLink, Member, MemberRow, Remove, Rights, ShopBox, Team},
        trail::{EntryRow, Outcome, Pick, Trail, Wanted},
        welcome::Welcome,
        *,
    },
    HOSTILE, bare_page, now, page,
};
use crate::domain::{
    member::Role,
    time::{DAY, HOUR, MINUTE},
};

fn row(id: &str, name: &str, role: Role, reach: &str) -> MemberRow {
    MemberRow {
        id: format!("usr_{id}"),
        name: name.into(),
        email: format!("{id}@acme.example"),
        role,
        reach: reach.into(),
        seen_at: Some(now() - HOUR),
        is_you: id == "maja",
        has_password: true,
        has_second: id == "maja",
    }
}

fn rights(role: Role, every: bool) -> Rights {
    let shop = |id: &str, name: &str| ShopBox { id: id.into(), name: name.into(), ticked: !every && id == "1" };
    Rights { role, every, shops: vec![shop("1", "Acme Outdoor"), shop("2", "Tea & Tide")] }
}

fn team() -> Team {
    Team {
        page: page(Section::Team),
        rows: vec![
            row("maja", "Maja Novak", Role::Owner, "every shop"),
            row("bo", HOSTILE, Role::Manager, "Acme Outdoor and Tea & Tide"),
            MemberRow { seen_at: None, has_password: false, ..row("client", "", Role::Analyst, "Tea & Tide") },
            MemberRow { email: String::new(), ..row("old", "Owner", Role::Owner, "every shop") },
        ],
        invite: rights(Role::Manager, true),
        name: String::new(),
        email: String::new(),
        problems: Vec::new(),
        link: Some(FreshLink {
            who: "client@acme.example".into(),
            url: "https://sms.acme.example/sign-in/4fJ2kXq9".into(),
            minutes: 1440,
        }),
        owners_need_second: true,
        second_problems: Vec::new(),
    }
}

fn member() -> Member {
    Member {
        page: page(Section::Team),
        row: row("bo", "Bo Larsson", Role::Manager, "Acme Outdoor"),
        joined_at: now() - DAY * 40,
        rights: rights(Role::Manager, false),
        is_last_owner: false,
        problems: vec!["Choose at least one shop, or every shop.".into()],
        link: None,
    }
}

fn remove(is_last_owner: bool) -> Remove {
    Remove {
        page: page(Section::Team),
        row: row("bo", HOSTILE, Role::Manager, "Acme Outdoor"),
        sessions: 2,
        is_last_owner,
    }
}

fn account() -> Account {
    let session = |id: &str, browser: &str, is_this| SessionRow {
        id: id.into(),
        browser: browser.into(),
        address: "203.0.113.9".into(),
        began_at: now() - DAY,
        seen_at: now() - MINUTE * 3,
        is_this,
    };
    Account {
        page: page(Section::Account),
        you: Some(You {
            name: "Maja Novak".into(),
            email: "maja@acme.example".into(),
            role: Role::Owner,
            reach: "every shop".into(),
            language: "de".into(),
            renews: false,
            has_password: true,
        }),
        sessions: vec![session("a1", "Firefox, Linux", true), session("b2", "", false)],
        problems: Vec::new(),
        password_problems: vec!["This is not the password you have now.".into()],
        second: Second { since: Some(now() - DAY * 3), codes_left: 7, is_owed: false },
        second_problems: Vec::new(),
    }
}

fn trail() -> Trail {
    let entry = |said: &str, who: &str, outcome| EntryRow {
        at: now() - HOUR,
        who: who.into(),
        address: "203.0.113.9".into(),
        shop: "Acme Outdoor".into(),
        said: said.into(),
        href: "/gateways?shop=1".into(),
        detail: "Twilio".into(),
        outcome,
    };
    let pick = |value: &str, label: &str, current| Pick { value: value.into(), label: label.into(), current };
    Trail {
        page: page(Section::Audit),
        lately: 41,
        not_done: 3,
        rows: vec![
            entry("Paused a gateway", "Maja Novak", Outcome::Done),
            EntryRow {
                shop: String::new(),
                href: String::new(),
                detail: HOSTILE.into(),
                ..entry("Stopped all sending", HOSTILE, Outcome::Refused)
            },
            EntryRow {
                address: String::new(),
                href: String::new(),
                ..entry("Ran cartback shop set", "the command line", Outcome::Failed)
            },
        ],
        wanted: Wanted { person: "usr_maja".into(), ..Wanted::default() },
        people: vec![pick("usr_maja", "Maja Novak", true), pick("usr_bo", HOSTILE, false)],
        acts: vec![pick("POST /gateways/{id}/pause", "Paused a gateway", false)],
        shops: vec![pick("", "everywhere", true), pick("0", "the house", false)],
        pager: Pager { has_first: true, next: Some("ent_1".into()) },
        days: 400,
        days_min: 30,
        days_max: 3650,
        may_keep: true,
        problem: String::new(),
    }
}

fn welcome() -> Welcome {
    Welcome { name: HOSTILE.into(), email: "maja@acme.example".into(), is_new: true, problems: Vec::new() }
}

fn again() -> Again {
    Again {
        to: "/gateways/gw_1?shop=1".into(),
        carried: "AbCd".into(),
        email: "maja@acme.example".into(),
        asks_password: true,
        asks_code: true,
        may_choose: false,
        refusal: Refusal::None,
    }
}

fn set_up() -> SetUp {
    let secret = crate::domain::second::Secret::new([7; 20]);
    SetUp {
        page: page(Section::Account),
        secret: secret.text(),
        uri: secret.uri("sms.acme.example", "maja@acme.example"),
        problems: Vec::new(),
    }
}

fn codes(is_new: bool) -> Codes {
    let codes = (0..10).map(|number| crate::domain::second::recovery_code([number * 25; 12])).collect();
    Codes { page: page(Section::Account), codes, is_new }
}

pub fn pages() -> Vec<(&'static str, askama::Result<String>)> {
    vec![
        ("team", team().render()),
        (
            "team-empty",
            Team {
                page: bare_page(Section::Team),
                rows: Vec::new(),
                link: None,
                problems: vec!["This is not an e-mail address.".into()],
                email: HOSTILE.into(),
                ..team()
            }
            .render(),
        ),
        ("member", member().render()),
        (
            "member-last-owner",
            Member { is_last_owner: true, problems: Vec::new(), link: team().link, ..member() }.render(),
        ),
        ("member-remove", remove(false).render()),
        ("member-remove-not", remove(true).render()),
        ("account", account().render()),
        (
            "account-by-link",
            Account { you: account().you.map(|you| You { renews: true, ..you }), ..account() }.render(),
        ),
        (
            "account-second-owed",
            Account { second: Second { is_owed: true, ..Second::default() }, ..account() }.render(),
        ),
        (
            "account-second-off-refused",
            Account {
                second: Second { codes_left: 0, ..account().second },
                second_problems: vec!["This is not the password you have now.".into()],
                password_problems: Vec::new(),
                ..account()
            }
            .render(),
        ),
        ("second", set_up().render()),
        ("second-wrong", SetUp { problems: vec!["Nothing is being set up. Begin again.".into()], ..set_up() }.render()),
        ("second-codes", codes(true).render()),
        ("second-codes-again", codes(false).render()),
        ("sign-in-second", SignInSecond { asked: Asked::Code }.render()),
        ("sign-in-second-wait", SignInSecond { asked: Asked::Wait(MINUTE * 2) }.render()),
        ("again", again().render()),
        (
            "again-wrong",
            Again { refusal: Refusal::Wrong, carried: String::new(), asks_code: false, may_choose: true, ..again() }
                .render(),
        ),
        ("again-code-only", Again { asks_password: false, refusal: Refusal::Wait(MINUTE), ..again() }.render()),
        ("account-empty", Account { you: None, sessions: Vec::new(), ..account() }.render()),
        ("audit", trail().render()),
        (
            "audit-empty",
            Trail {
                page: bare_page(Section::Audit),
                rows: Vec::new(),
                wanted: Wanted::default(),
                pager: Pager::default(),
                lately: 0,
                not_done: 0,
                may_keep: false,
                ..trail()
            }
            .render(),
        ),
        ("audit-nothing-found", Trail { rows: Vec::new(), problem: "A number of days.".into(), ..trail() }.render()),
        ("welcome", welcome().render()),
        (
            "welcome-again",
            Welcome { is_new: false, problems: vec!["This is not an e-mail address.".into()], ..welcome() }.render(),
        ),
    ]
}
