//! Connecting a shop: choose a platform, name the shop, then step by step until it is live. How far it is comes from what
//! is there, never from a counter: a step can be left out, come back to, and done again.

use askama::Template;

use super::{
    Page, Tone,
    form::Field,
    format::{self, Shown as _},
    shop::Failure,
    words::{self, filters, noted, say, t},
};
use crate::domain::time::Time;

/// The first page: which platform, in which country.
#[derive(Clone, Debug, Template)]
#[template(path = "page/connect.html")]
pub struct Platforms {
    pub page: Page,
    pub platforms: Vec<Platform>,
    /// Code and name, to choose from.
    pub countries: Vec<(String, String)>,
    pub country: String,
}

#[derive(Clone, Debug)]
pub struct Platform {
    pub kind: String,
    pub name: String,
    /// What it sends, in its own words.
    pub topics: Vec<String>,
}

impl Platforms {
    pub fn answer(&self) -> String {
        let count = format::number_of(self.platforms.len() as u64, "kind of shop", "kinds of shop");
        say("{count} can be connected; it takes about five minutes.", &[("count", &format::sentence_case(&count))])
    }

    pub fn topics(&self, platform: &Platform) -> String {
        platform.topics.join(" · ")
    }
}

/// The second page: what it is called and where it is.
#[derive(Clone, Debug, Template)]
#[template(path = "page/connect_new.html")]
pub struct NewShop {
    pub page: Page,
    pub kind: String,
    pub kind_name: String,
    pub fields: Vec<Field>,
    /// What is about no field of its own.
    pub problems: Vec<String>,
    /// What to know of the platform, in the connector's own English.
    pub limits: &'static [&'static str],
}

impl NewShop {
    pub fn answer(&self) -> String {
        let asked = format::number_of(self.fields.len() as u64, "answer", "answers");
        say(
            "{asked} about your {platform} shop, then its webhooks.",
            &[("asked", &format::sentence_case(&asked)), ("platform", &self.kind_name)],
        )
    }
}

/// How far a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Done,
    /// What there is will do; it may be changed.
    Ready,
    Open,
}

/// The steps, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Shop,
    Gateway,
    Rules,
    Words,
    Test,
    Live,
}

impl Step {
    pub const ALL: [Step; 6] = [Step::Shop, Step::Gateway, Step::Rules, Step::Words, Step::Test, Step::Live];

    pub fn name(self) -> &'static str {
        match self {
            Step::Shop => "shop",
            Step::Gateway => "gateway",
            Step::Rules => "rules",
            Step::Words => "words",
            Step::Test => "test",
            Step::Live => "live",
        }
    }

    pub fn parse(name: &str) -> Option<Step> {
        Step::ALL.into_iter().find(|step| step.name() == name)
    }

    pub fn label(self) -> &'static str {
        t(match self {
            Step::Shop => noted("Webhooks"),
            Step::Gateway => noted("Gateway"),
            Step::Rules => noted("When"),
            Step::Words => noted("Words"),
            Step::Test => noted("Test"),
            Step::Live => noted("Go live"),
        })
    }

    /// What is still to be done, in a sentence's end.
    fn to_do(self) -> &'static str {
        t(match self {
            Step::Shop => noted("let the shop’s webhooks arrive"),
            Step::Gateway => noted("choose a gateway"),
            Step::Rules => noted("choose when it texts"),
            Step::Words => noted("read the words"),
            Step::Test => noted("send yourself a test"),
            Step::Live => noted("go live"),
        })
    }
}

#[derive(Clone, Debug)]
pub struct Progress {
    pub step: Step,
    pub state: State,
}

/// One shop on its way to being live.
#[derive(Clone, Debug, Template)]
#[template(path = "page/set_up.html")]
pub struct SetUp {
    pub page: Page,
    pub id: String,
    pub name: String,
    pub kind_name: String,
    pub live: bool,
    pub progress: Vec<Progress>,
    pub step: Step,
    pub body: Body,
    /// What is about no field of its own.
    pub problems: Vec<String>,
}

#[derive(Clone, Debug)]
pub enum Body {
    Shop(ShopStep),
    Gateway(GatewayStep),
    Rules(RulesStep),
    Words(WordsStep),
    Test(TestStep),
    Live(LiveStep),
}

#[derive(Clone, Debug)]
pub struct ShopStep {
    pub webhook_url: String,
    /// False while our public address is not one the shop can reach.
    pub reachable: bool,
    /// `Spec::connect`, with `{url}` filled in.
    pub steps: Vec<String>,
    pub keys: Vec<Field>,
    /// The platform lets us make the webhooks ourselves.
    pub can_subscribe: bool,
    /// The host of the shop's own page where its owner can let us in; `None` where keys are typed.
    pub approve_at: Option<String>,
    /// What came of the last attempt, topic by topic.
    pub subscribed: Vec<(String, Option<String>)>,
    pub arrivals: Arrivals,
}

/// Which webhooks came, and which are waited for.
#[derive(Clone, Debug, Default)]
pub struct Arrivals {
    pub shop: String,
    pub rows: Vec<Arrival>,
    /// The last one that was turned away.
    pub refused: Option<Failure>,
    pub refusals: u64,
    /// A required secret is not known yet.
    pub missing: Vec<String>,
}

#[derive(Clone, Debug)]
pub struct Arrival {
    /// As deliveries name it.
    pub name: String,
    /// As the platform's own pages call it.
    pub label: String,
    pub purpose: String,
    pub needed: bool,
    pub last_at: Option<Time>,
    pub count: u64,
}

impl Arrivals {
    pub fn is_complete(&self) -> bool {
        self.rows.iter().all(|row| !row.needed || row.last_at.is_some())
    }

    /// Where a page that looks again by itself asks.
    pub fn href(&self, page: &Page) -> String {
        page.href(&format!("/shops/{}/arrivals", self.shop))
    }

    pub fn seen(&self) -> u64 {
        self.rows.iter().filter(|row| row.last_at.is_some()).count() as u64
    }

    pub fn sentence(&self) -> String {
        let all = self.rows.len() as u64;
        say("{seen} kinds of webhook have arrived.", &[("seen", &format::out_of(self.seen(), all))])
    }

    /// A topic nobody needs is marked more quietly while it is waited for.
    pub fn tone(&self, row: &Arrival) -> &'static str {
        match (row.last_at, row.needed) {
            (Some(_), _) => Tone::Good.class(),
            (None, true) => Tone::Live.class(),
            (None, false) => Tone::Quiet.class(),
        }
    }
}

/// The arrivals alone, for a page that looks again by itself.
#[derive(Clone, Debug, Template)]
#[template(path = "part/arrivals.html")]
pub struct Fragment {
    pub page: Page,
    pub arrivals: Arrivals,
}

#[derive(Clone, Debug)]
pub struct GatewayStep {
    /// Name, kind and whether it is paused: those that would send for this shop; the first is the one that does.
    pub accounts: Vec<(String, String, bool)>,
    /// Kind and name of what can be connected.
    pub kinds: Vec<(String, String)>,
    /// The form of the chosen one.
    pub chosen: Option<(String, String)>,
    pub fields: Vec<Field>,
    /// The step after connecting it: its callback address and what to do with it.
    pub webhook: Option<(String, Vec<String>)>,
}

#[derive(Clone, Debug)]
pub struct RulesStep {
    /// What is on now: name and what it does.
    pub now: Vec<(String, String)>,
    /// Id, name and what it does.
    pub presets: Vec<(String, String, String)>,
    pub suggested: String,
    /// `Mon–Sat 09:00–20:00`, in the shopper's own time.
    pub hours: String,
    pub abandoned_after: String,
    pub countries: String,
}

#[derive(Clone, Debug)]
pub struct WordsStep {
    pub language: String,
    /// Which text, its words, its parts and where it is changed.
    pub texts: Vec<Said>,
}

#[derive(Clone, Debug)]
pub struct Said {
    pub after: String,
    pub words: String,
    pub parts: u64,
    pub href: String,
    pub own: bool,
}

#[derive(Clone, Debug)]
pub struct TestStep {
    pub phone: String,
    /// The one that will send it; `None` while none is connected.
    pub gateway: Option<String>,
    /// It keeps the text and sends nothing.
    pub keeps: bool,
    /// When, and what became of it.
    pub sent: Vec<(Time, String, String)>,
}

#[derive(Clone, Debug)]
pub struct LiveStep {
    /// What would hold texts, each with the step that mends it.
    pub lacks: Vec<(String, Step)>,
    /// Carts left so far, which stay as they are.
    pub waiting: u64,
}

impl SetUp {
    pub fn answer(&self) -> String {
        let done = self.progress.iter().filter(|each| each.state != State::Open).count() as u64;
        let all = self.progress.len() as u64;
        if self.live {
            return say(
                "{name} is live: {done} steps are done.",
                &[("name", &self.name), ("done", &format::out_of(done, all))],
            );
        }
        let next = self.progress.iter().find(|each| each.state == State::Open).map_or(Step::Live, |each| each.step);
        say(
            "{name}: {done} steps are done; next, {next}.",
            &[("name", &self.name), ("done", &format::out_of(done, all)), ("next", &next.to_do())],
        )
    }

    pub fn href(&self, step: &Step) -> String {
        self.page.href(&format!("/shops/{}/set-up?step={}", self.id, step.name()))
    }

    /// The gateway step with this provider's form.
    pub fn provider(&self, kind: &str) -> String {
        self.page.href(&format!("/shops/{}/set-up?step=gateway&kind={kind}", self.id))
    }

    pub fn rules(&self) -> String {
        self.page.href(&format!("/shops/{}/rules", self.id))
    }

    /// Where this step's forms go.
    pub fn action(&self) -> String {
        self.href(&self.step)
    }

    pub fn next(&self) -> Option<Step> {
        let place = Step::ALL.iter().position(|step| *step == self.step)?;
        Step::ALL.get(place + 1).copied()
    }

    pub fn is_current(&self, step: &Step) -> bool {
        *step == self.step
    }

    pub fn mark(&self, each: &Progress) -> &'static str {
        t(match each.state {
            State::Done => noted("done"),
            State::Ready => noted("ready"),
            State::Open => noted("open"),
        })
    }

    pub fn class(&self, each: &Progress) -> &'static str {
        match each.state {
            State::Done => "good",
            State::Ready => "quiet",
            State::Open => "live",
        }
    }
}
