//! Digests: what the reader gets by mail of the chosen shop, how often, and what became of the last ones; and the page a
//! letter's stop link leads to.

use askama::Template;

use super::{
    Page, Tone, format,
    words::{self, filters, noted, say, t},
};
use crate::domain::{digest::Rhythm, time::Time};

#[derive(Clone, Debug, Template)]
#[template(path = "page/digest.html")]
pub struct Digest {
    pub page: Page,
    pub stand: Stand,
    /// Where it goes; "" until an address was chosen.
    pub email: String,
    /// What stands in the form: a word of `Rhythm::NAMES` or `never`, and the schedule of one's own.
    pub typed: (String, String),
    pub rhythm: Option<Rhythm>,
    pub next_at: Option<Time>,
    /// Newest first.
    pub issues: Vec<IssueRow>,
    /// The reader's other shops.
    pub others: Vec<OtherRow>,
    pub problems: Vec<String>,
    /// What came of a proof: "" when it left.
    pub proof: Option<String>,
}

/// What there can be at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stand {
    Ready,
    /// No mail server is set.
    NoServer,
    /// Nobody signs in here.
    OpenDoor,
    NoShop,
}

/// One issue.
#[derive(Clone, Debug)]
pub struct IssueRow {
    pub at: Time,
    pub state: State,
    /// Why not, as it was recorded; "" when all is well.
    pub why: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Sent,
    /// It is tried again.
    Waiting,
    Refused,
    Unknown,
}

#[derive(Clone, Debug)]
pub struct OtherRow {
    /// Its number.
    pub id: String,
    pub name: String,
    pub rhythm: Option<Rhythm>,
}

impl IssueRow {
    pub fn tone(&self) -> Tone {
        match self.state {
            State::Sent => Tone::Good,
            State::Waiting => Tone::Live,
            State::Refused | State::Unknown => Tone::Bad,
        }
    }

    pub fn label(&self) -> &'static str {
        t(match self.state {
            State::Sent => noted("Sent"),
            State::Waiting => noted("Tried again"),
            State::Refused => noted("Not sent"),
            State::Unknown => noted("May have arrived"),
        })
    }

    /// Why it did not leave, in the reader's words where they are ours.
    pub fn reason(&self) -> &str {
        t(&self.why)
    }
}

impl OtherRow {
    pub fn often(&self) -> String {
        often(self.rhythm.as_ref())
    }
}

/// What the pipeline and the mail door say, so that `t` finds it.
const _: [&str; 13] = [
    noted("No mail server is set up."),
    noted("There is no e-mail address to send it to yet."),
    noted("There is nobody like that in the team, or they may not see this shop."),
    noted("The process ended while it was being sent: it may have arrived."),
    noted("The mail server did not answer in time."),
    noted("The mail server cannot be reached, or no safe connection with it came about."),
    noted("The mail server does not offer STARTTLS."),
    noted("The mail server’s certificate is not good for its name."),
    noted("Choose daily, weekly, monthly or a schedule of your own."),
    noted("Write five fields: minute, hour, day of the month, month, day of the week, as in 30 7 * * Mon-Fri."),
    noted("Write minute and hour as plain numbers, as in 30 7: a digest comes once a day at the most."),
    noted("Write the day of the week by its name, as in Mon or Mon-Fri: programs number the days differently."),
    noted("This day never comes."),
];
const _: [&str; 3] = [
    noted("This schedule cannot be read; write it as in 30 7 * * Mon-Fri."),
    noted("The mail server said nothing after it had the letter."),
    noted("The connection broke after the mail server had the letter."),
];

fn often(rhythm: Option<&Rhythm>) -> String {
    match rhythm {
        None => t("never").to_owned(),
        Some(Rhythm::Daily) => t("every morning").to_owned(),
        Some(Rhythm::Weekly) => t("every Monday").to_owned(),
        Some(Rhythm::Monthly) => t("on the first of every month").to_owned(),
        Some(Rhythm::Own(typed)) => typed.clone(),
    }
}

impl Digest {
    pub fn answer(&self) -> String {
        let shop = self.page.shop_name();
        match (self.stand, &self.rhythm) {
            (Stand::NoServer, _) => t("0 digests go out: no mail server is set up yet.").to_owned(),
            (Stand::OpenDoor, _) => t("0 digests go out: nobody signs in here, so nobody has an address.").to_owned(),
            (Stand::NoShop, _) => t("0 digests go out: there is no shop to tell of yet.").to_owned(),
            (Stand::Ready, None) => say("You get no figures of {shop} by mail.", &[("shop", &shop)]),
            (Stand::Ready, Some(rhythm)) => {
                let often = often(Some(rhythm));
                say("You get the figures of {shop} by mail: {often}.", &[("shop", &shop), ("often", &often)])
            }
        }
    }

    pub fn is_ready(&self) -> bool {
        self.stand == Stand::Ready
    }

    pub fn has_no_server(&self) -> bool {
        self.stand == Stand::NoServer
    }

    pub fn choices(&self) -> [(&'static str, String, String); 5] {
        let choice = |word, label: &str, says: &str| (word, t(label).to_owned(), t(says).to_owned());
        [
            choice("never", noted("Never"), noted("no mail")),
            choice("daily", noted("Daily"), noted("at 8:00, about the day before")),
            choice("weekly", noted("Weekly"), noted("Mondays at 8:00, about the seven days before")),
            choice("monthly", noted("Monthly"), noted("on the first at 8:00, about the month before")),
            choice("own", noted("A schedule of your own"), noted("about the days since the one before")),
        ]
    }

    pub fn is_typed(&self, word: &str) -> bool {
        self.typed.0 == word
    }

    pub fn goes_to(&self) -> String {
        match self.email.is_empty() {
            true => t("There is no e-mail address to send it to yet.").to_owned(),
            false => say("It goes to {email}, in your language.", &[("email", &self.email)]),
        }
    }

    pub fn comes_next(&self) -> Option<String> {
        let next = self.next_at?;
        let moment = format::moment(next, &self.page.zone);
        Some(say("The next one goes out on {moment}, shop time.", &[("moment", &moment)]))
    }

    /// What a proof came to.
    pub fn proved(&self) -> Option<String> {
        let why = self.proof.as_ref()?;
        Some(match why.is_empty() {
            true => say("Sent to {email}. Look whether it arrived.", &[("email", &self.email)]),
            false => say("It was not sent. {why}", &[("why", &t(why))]),
        })
    }

    pub fn is_bad_proof(&self) -> bool {
        self.proof.as_ref().is_some_and(|why| !why.is_empty())
    }
}

/// Where a letter's stop link leads. Nobody is signed in.
#[derive(Clone, Debug, Template)]
#[template(path = "page/digest_stop.html")]
pub struct Stop {
    /// "" when the link is not one of ours.
    pub shop: String,
    pub token: String,
    pub done: bool,
}
