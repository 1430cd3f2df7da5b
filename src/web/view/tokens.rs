//! Tokens of the API: which open something, making one, taking one back. A token is on a page once, when it is made.

use askama::Template;

use super::{
    Page, Tone, format,
    words::{filters, noted, say, t},
};
use crate::{domain::time::Time, store::token::Scope};

#[derive(Clone, Debug, Template)]
#[template(path = "page/tokens.html")]
pub struct Tokens {
    pub page: Page,
    /// Those that open something first.
    pub rows: Vec<TokenRow>,
    /// Just made: seen now and never again.
    pub fresh: Option<Fresh>,
    /// Why none was made.
    pub problems: Vec<String>,
    pub typed: Typed,
    /// Our address, for the line to try.
    pub public_url: String,
    pub may_change: bool,
    /// Whether this person may make tokens for the whole house.
    pub may_house: bool,
}

#[derive(Clone, Debug)]
pub struct Fresh {
    pub token: String,
    pub name: String,
}

#[derive(Clone, Debug)]
pub struct TokenRow {
    pub name: String,
    pub of_house: bool,
    pub scopes: Vec<&'static str>,
    pub created_at: Time,
    pub used_at: Option<Time>,
    pub expires_at: Option<Time>,
    pub revoked_at: Option<Time>,
    pub is_good: bool,
}

/// What stands in the form.
#[derive(Clone, Debug, Default)]
pub struct Typed {
    pub name: String,
    pub scopes: Vec<String>,
    pub days: String,
}

impl Tokens {
    pub fn answer(&self) -> String {
        let good = self.rows.iter().filter(|row| row.is_good).count() as u64;
        let shop = self.page.shop_name();
        if self.page.shop.is_none() {
            return t("Connect a shop first: a token is for one shop.").to_owned();
        }
        match good {
            0 => say("No token opens the API for {shop} yet.", &[("shop", &shop)]),
            _ => {
                let tokens = format::number_of(good, "token opens", "tokens open");
                say("{tokens} the API for {shop}.", &[("tokens", &tokens), ("shop", &shop)])
            }
        }
    }

    /// What each scope lets a program do; the house's only for who may make those.
    pub fn choices(&self) -> Vec<(&'static str, &'static str)> {
        let all = Scope::ALL.into_iter().filter(|scope| *scope != Scope::House || self.may_house);
        all.map(|scope| (scope.name(), may(scope))).collect()
    }

    pub fn has(&self, scope: &str) -> bool {
        self.typed.scopes.iter().any(|chosen| chosen == scope)
    }

    pub fn lasts(&self, days: &str) -> bool {
        self.typed.days == days
    }

    /// A line to try a fresh token with; the token stands in a variable, not in a shell's history.
    pub fn trial(&self) -> String {
        format!("curl -H \"Authorization: Bearer $CARTBACK_TOKEN\" {}/api/v1/shops", self.public_url)
    }
}

/// What a scope lets a program do.
fn may(scope: Scope) -> &'static str {
    t(match scope {
        Scope::Read => noted("look at everything of the shop, exports and proofs of people among it"),
        Scope::People => noted("record consents and opt-outs, export and forget people; looking is included"),
        Scope::Write => noted("change the shop, gateways, sequences and texts; settle replies, read deliveries again"),
        Scope::Send => noted("send: tests to a phone, the next text of a cart, test events"),
        Scope::House => noted("act for every shop, and stop all sending"),
    })
}

impl TokenRow {
    pub fn tone(&self) -> Tone {
        if self.is_good { Tone::Good } else { Tone::Quiet }
    }

    pub fn label(&self) -> &'static str {
        match self {
            TokenRow { revoked_at: Some(_), .. } => t("Revoked"),
            TokenRow { is_good: false, .. } => t("Ended"),
            TokenRow { of_house: true, .. } => t("Opens every shop"),
            _ => t("Opens"),
        }
    }
}
