//! Clicks: whether a person opened a link or a program did. Messaging apps draw previews, carriers and security products
//! look for phishing, and each opens the link long before, or without, a tap. Every opening is kept with its verdict;
//! only a person's counts as a click and may earn credit. Nothing here hides a link from anyone: a program taken for a
//! person inflates a number, a person taken for a program is still led to the cart.

use serde::{Deserialize, Serialize};

use std::{fmt, sync::LazyLock, time::Duration};

use super::time::Time;

/// No person reads a text and taps its link sooner than this after the gateway took it.
pub const HUMAN_AFTER: Duration = Duration::from_secs(3);
/// Two openings this close together are one program's, or one program's and its shadow's.
pub const BURST_WITHIN: Duration = Duration::from_secs(1);
/// Of a user agent, as kept.
pub const AGENT_CHARS_MAX: usize = 200;
/// Of a user agent, as judged: some in-app browsers send 400, and a robot's name tends to stand last.
const AGENT_CHARS_JUDGED_MAX: usize = 4096;

/// How a link was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Method {
    Get,
    /// Asks what is there without fetching it; browsers do not.
    Head,
}

/// One opening of a link, as the request told it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    pub method: Method,
    /// The user agent as received; `kept_agent` is what is stored.
    pub agent: Option<String>,
    /// Whether a header announced that nobody is looking yet (`announces_prefetch`).
    pub prefetch: bool,
    pub at: Time,
}

impl Opened {
    /// The user agent to keep: without control characters, at most `AGENT_CHARS_MAX` characters.
    pub fn kept_agent(&self) -> String {
        let agent = self.agent.as_deref().unwrap_or_default();
        agent.chars().filter(|c| !c.is_control()).take(AGENT_CHARS_MAX).collect::<String>().trim().to_owned()
    }
}

/// Whether a request header says the page is fetched ahead of, or without, being shown: `Sec-Purpose` (Fetch standard),
/// `Purpose`, `X-Purpose` and `X-Moz` (older browsers).
pub fn announces_prefetch(name: &str, value: &str) -> bool {
    let speaks = ["sec-purpose", "purpose", "x-purpose", "x-moz"].iter().any(|known| name.eq_ignore_ascii_case(known));
    let value = value.to_ascii_lowercase();
    speaks && ["prefetch", "prerender", "preview"].iter().any(|word| value.contains(word))
}

/// Who opened a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClickVerdict {
    Human,
    /// With the reason, as stored; `explain` puts it in words.
    Bot(&'static str),
}

impl ClickVerdict {
    pub fn is_human(self) -> bool {
        self == ClickVerdict::Human
    }

    /// "" for a person.
    pub fn code(self) -> &'static str {
        match self {
            ClickVerdict::Human => "",
            ClickVerdict::Bot(code) => code,
        }
    }

    /// For people, a whole sentence without its full stop.
    pub fn explain(self) -> &'static str {
        match self {
            ClickVerdict::Human => "Opened by a person",
            ClickVerdict::Bot(code) => explain(code),
        }
    }
}

impl fmt::Display for ClickVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.explain())
    }
}

/// A stored reason in words.
pub fn explain(code: &str) -> &'static str {
    match code {
        "head" => "Asked whether the page exists without opening it, as programs do",
        "prefetch" => "Fetched ahead by a browser or app; nobody was looking yet",
        "no_agent" => "Did not say what program it is, as every browser does",
        "preview" => "Fetched by a messaging app or network to draw a preview",
        "scanner" => "Checked for phishing by a security product",
        "crawler" => "Opened by a search engine, crawler or monitor",
        "tool" => "Opened by a program, not a browser",
        "headless" => "Opened by a browser that a program steers",
        "too_soon" => "Opened within 3 seconds of the text leaving, before anyone could read it",
        "burst" => "Opened more than once within a second, as scanners do",
        _ => "Opened by a program",
    }
}

/// Judges one opening. `accepted_at` is when the gateway took the text, `None` while that is not known; `others` are the
/// times of the message's other openings. Judge again those within `BURST_WITHIN` when a new one arrives: the first of a
/// burst looks like a person until the second comes. A `Bot` once stored stays one.
pub fn verdict(opened: &Opened, accepted_at: Option<Time>, others: &[Time]) -> ClickVerdict {
    let agent = opened.agent.as_deref().unwrap_or_default().trim();
    let known = known_program(agent);
    if opened.method == Method::Head {
        ClickVerdict::Bot("head")
    } else if opened.prefetch {
        ClickVerdict::Bot("prefetch")
    } else if agent.is_empty() {
        ClickVerdict::Bot("no_agent")
    } else if let Some(code) = known {
        ClickVerdict::Bot(code)
    } else if accepted_at.is_some_and(|accepted_at| opened.at.since(accepted_at) < HUMAN_AFTER) {
        ClickVerdict::Bot("too_soon")
    } else if others.iter().any(|&other| opened.at.since(other).max(other.since(opened.at)) <= BURST_WITHIN) {
        ClickVerdict::Bot("burst")
    } else {
        ClickVerdict::Human
    }
}

/// Why this user agent is a program's, if it is one we know.
fn known_program(agent: &str) -> Option<&'static str> {
    let judged: String = agent.chars().take(AGENT_CHARS_JUDGED_MAX).map(|c| c.to_ascii_lowercase()).collect();
    // A make of phone whose name ends like a robot's.
    let judged = judged.replace("cubot", "");
    KNOWN.iter().find(|program| program.is(&judged)).map(|program| program.code)
}

struct Program {
    code: &'static str,
    /// In lower case.
    piece: String,
    at_start: bool,
}

impl Program {
    fn is(&self, agent: &str) -> bool {
        if self.at_start { agent.starts_with(&self.piece) } else { agent.contains(&self.piece) }
    }
}

static KNOWN: LazyLock<Vec<Program>> = LazyLock::new(|| read_list(include_str!("../../assets/data/bots.txt")));

fn read_list(text: &'static str) -> Vec<Program> {
    let mut code = "crawler";
    let mut programs = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            Some(word) => code = word,
            None => {
                let piece = line.strip_prefix('^').unwrap_or(line).to_ascii_lowercase();
                programs.push(Program { code, piece, at_start: line.starts_with('^') });
            }
        }
    }
    programs
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(millis: i64) -> Time {
        Time::from_millis(1_790_000_000_000 + millis)
    }

    const PHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1";

    fn opened(agent: &str) -> Opened {
        Opened { method: Method::Get, agent: Some(agent.to_owned()), prefetch: false, at: at(60_000) }
    }

    #[test]
    fn people_are_people() {
        #[track_caller]
        fn check(agent: &str) {
            assert_eq!(verdict(&opened(agent), Some(at(0)), &[]), ClickVerdict::Human, "{agent}");
        }
        const ANDROID: &str = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko)";
        const IOS: &str =
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)";
        check(PHONE);
        check(
            "Mozilla/5.0 (iPad; CPU OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Mobile/15E148 Safari/604.1",
        );
        check(&format!("{ANDROID} Chrome/141.0.0.0 Mobile Safari/537.36"));
        check(&format!("{ANDROID} SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36"));
        check(&format!("{ANDROID} Chrome/141.0.0.0 Mobile Safari/537.36 EdgA/141.0.0.0"));
        check(&format!("{ANDROID} Chrome/140.0.0.0 Mobile Safari/537.36 OPR/91.0.0.0"));
        check(&format!("{ANDROID} Version/4.0 Chrome/118.0.0.0 Mobile Safari/537.36 XiaoMi/MiuiBrowser/14.9"));
        check(&format!("{ANDROID} Chrome/132.0.0.0 YaBrowser/25.2.0.0 Mobile Safari/537.36"));
        check(&format!("{ANDROID} Chrome/140.0.0.0 Mobile DuckDuckGo/5 Safari/537.36"));
        check(&format!("{ANDROID} Chrome/138.0.0.0 Mobile Safari/537.36 Avast/138.0.0"));
        check(
            "Mozilla/5.0 (Linux; Android 9; CUBOT_X19 Build/PPR1.180610.011; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/99.0.4844.88 Mobile Safari/537.36",
        );
        check(
            "Mozilla/5.0 (Linux; Android 8.1.0; CUBOT NOTE S) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/96.0.4664.45 Mobile Safari/537.36",
        );
        check(
            "Mozilla/5.0 (Linux; Android 11; CUBOT) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/110.0.0.0 Mobile Safari/537.36",
        );
        check("Mozilla/5.0 (Android 15; Mobile; rv:143.0) Gecko/143.0 Firefox/143.0");
        check(&format!("{IOS} CriOS/141.0.7390.41 Mobile/15E148 Safari/604.1"));
        check(&format!("{IOS} FxiOS/143.0 Mobile/15E148 Safari/605.1.15"));
        check(&format!("{IOS} EdgiOS/140.0.0.0 Version/18.0 Mobile/15E148 Safari/604.1"));
        check(&format!("{IOS} GSA/388.0.811331708 Mobile/15E148 Safari/604.1"));
        check(&format!(
            "{IOS} Mobile/15E148 [FBAN/FBIOS;FBAV/530.0.0.40.74;FBBV/790000000;FBDV/iPhone15,2;FBMD/iPhone;FBSN/iOS;FBSV/18.5;FBSS/3;FBCR/;FBID/phone;FBLC/en_GB;FBOP/80]"
        ));
        check(&format!(
            "{IOS} Mobile/15E148 Instagram 397.0.0.29.84 (iPhone14,5; iOS 18_5; en_US; en; scale=3.00; 1170x2532)"
        ));
        check(&format!("{IOS} Mobile/15E148 Safari Line/15.14.0"));
        check(&format!("{IOS} Mobile/15E148 KAKAOTALK 25.7.2"));
        check(&format!("{IOS} Mobile/15E148 [LinkedInApp]/9.31.1234"));
        check(&format!("{IOS} Mobile/15E148 [Pinterest/iOS]"));
        check(&format!("{IOS} Mobile/15E148 MicroMessenger/8.0.60(0x18003c2b) NetType/WIFI Language/en"));
        check(&format!("{IOS} Mobile/15E148 Snapchat/13.56.0.41 (like Safari/8621.2.5.10.10, panda)"));
        check(
            "Mozilla/5.0 (Linux; Android 14; SM-S918B Build/UP1A.231005.007; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/140.0.7339.51 Mobile Safari/537.36 musical_ly_2024 BytedanceWebview/d8a21c6",
        );
        check(
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
        );
        check(
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15",
        );
        check("Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0");
        check("Opera/9.80 (Android; Opera Mini/36.2.2254/119.132; U; id) Presto/2.12.423 Version/12.16");
    }

    #[test]
    fn programs_are_programs() {
        #[track_caller]
        fn check(agent: &str, code: &'static str) {
            assert_eq!(verdict(&opened(agent), Some(at(0)), &[]), ClickVerdict::Bot(code), "{agent}");
        }
        check("GoogleMessages", "preview");
        check(
            "Mozilla/5.0 (Linux; Android 6.0.1) AppleWebKit/537.36 (KHTML, like Gecko; Google-PageRenderer Google (+https://developers.google.com/+/web/snippet/)) Chrome/56.0 Safari/537.36",
            "preview",
        );
        check("facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)", "preview");
        check(
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_11_1) AppleWebKit/601.2.4 (KHTML, like Gecko) Version/9.0.1 Safari/601.2.4 facebookexternalhit/1.1 Facebot Twitterbot/1.0",
            "preview",
        );
        check("WhatsApp/2.23.20.0 A", "preview");
        check("Viber/13.3.0.5 CFNetwork/1121 Darwin/19.6.0", "preview");
        check("Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", "preview");
        check("TWITTERBOT/1.0", "preview");
        check("TelegramBot (like TwitterBot)", "preview");
        check("Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)", "preview");
        check("LinkedInBot/1.0 (compatible; Mozilla/5.0; Apache-HttpClient +http://www.linkedin.com)", "preview");
        check("Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5", "preview");
        check("facebookexternalhit/1.1; kakaotalk-scrap/1.0; +https://devtalk.kakao.com/", "preview");
        check("MobileSMS/1.0 CFNetwork/1498.700.2 Darwin/23.6.0", "preview");
        check("Dalvik/2.1.0 (Linux; U; Android 13; SM-A536B Build/TP1A.220624.014)", "preview");
        check("Mozilla/5.0 (compatible; Proofpoint URL Defense)", "scanner");
        check("BarracudaCentral", "scanner");
        check("Mozilla/5.0 (Windows NT 10.0) Mimecast", "scanner");
        check("Google-Safety", "scanner");
        check("Expanse, a Palo Alto Networks company, searches across the global IPv4 space", "scanner");
        check(
            "Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Mobile Safari/537.36 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
            "crawler",
        );
        check(
            "Mozilla/5.0 (iPhone; CPU iPhone OS 8_3 like Mac OS X) AppleWebKit/600.1.4 (KHTML, like Gecko) Version/8.0 Mobile/12F70 Safari/600.1.4 (compatible; SomeNewBot/9.9)",
            "crawler",
        );
        check("Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)", "crawler");
        check("Mozilla/5.0+(compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)", "crawler");
        check("curl/8.9.1", "tool");
        check("Wget/1.24.5", "tool");
        check("python-requests/2.32.3", "tool");
        check("okhttp/4.12.0", "tool");
        check("Go-http-client/2.0", "tool");
        check("Java/17.0.12", "tool");
        check(
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/141.0.0.0 Safari/537.36",
            "headless",
        );
        check("", "no_agent");
        check("  ", "no_agent");
    }

    #[test]
    fn how_and_when_it_was_opened_tells_too() {
        #[track_caller]
        fn check(opened: Opened, accepted_at: Option<Time>, others: &[Time], expected: ClickVerdict) {
            assert_eq!(verdict(&opened, accepted_at, others), expected);
        }
        use ClickVerdict::{Bot, Human};
        let tap = opened(PHONE);
        check(Opened { method: Method::Head, ..tap.clone() }, Some(at(0)), &[], Bot("head"));
        check(Opened { prefetch: true, ..tap.clone() }, Some(at(0)), &[], Bot("prefetch"));
        check(Opened { agent: None, ..tap.clone() }, Some(at(0)), &[], Bot("no_agent"));
        // `tap` is at 60,000 ms.
        check(tap.clone(), Some(at(57_001)), &[], Bot("too_soon"));
        check(tap.clone(), Some(at(57_000)), &[], Human);
        check(tap.clone(), Some(at(61_000)), &[], Bot("too_soon"));
        check(tap.clone(), None, &[], Human);
        check(tap.clone(), None, &[at(60_000)], Bot("burst"));
        check(tap.clone(), None, &[at(59_000)], Bot("burst"));
        check(tap.clone(), None, &[at(1), at(61_000)], Bot("burst"));
        check(tap.clone(), None, &[at(58_999), at(61_001)], Human);
    }

    #[test]
    fn browsers_announce_what_nobody_looks_at() {
        #[track_caller]
        fn check(name: &str, value: &str, expected: bool) {
            assert_eq!(announces_prefetch(name, value), expected, "{name}: {value}");
        }
        check("Sec-Purpose", "prefetch", true);
        check("sec-purpose", "prefetch;prerender", true);
        check("Purpose", "prefetch", true);
        check("X-Purpose", "preview", true);
        check("X-Moz", "Prefetch", true);
        check("Sec-Purpose", "", false);
        check("Sec-Fetch-Mode", "navigate", false);
        check("Referer", "prefetch", false);
    }

    #[test]
    fn every_reason_has_its_own_words() {
        let codes: std::collections::BTreeSet<_> = KNOWN.iter().map(|program| program.code).collect();
        assert_eq!(codes.iter().copied().collect::<Vec<_>>(), ["crawler", "headless", "preview", "scanner", "tool"]);
        let all = codes.into_iter().chain(["head", "prefetch", "no_agent", "too_soon", "burst"]);
        for code in all {
            assert_ne!(explain(code), explain("anything else"), "{code}");
        }
        // An empty piece would make everyone a program.
        assert!(KNOWN.iter().all(|program| program.piece.len() >= 3));
    }

    #[test]
    fn what_is_kept_of_an_agent_is_short_and_plain() {
        #[track_caller]
        fn check(agent: Option<&str>, expected: &str) {
            let opened = Opened { agent: agent.map(str::to_owned), ..opened("") };
            assert_eq!(opened.kept_agent(), expected);
        }
        check(None, "");
        check(Some(" curl/8\r\nInjected: line "), "curl/8Injected: line");
        check(Some(&"é".repeat(500)), &"é".repeat(AGENT_CHARS_MAX));
    }

    proptest! {
        #[test]
        fn any_agent_is_judged(agent in ".{0,300}", ms in 0i64..200_000) {
            let found = verdict(&Opened { at: at(ms), ..opened(&agent) }, Some(at(0)), &[]);
            prop_assert!(found.is_human() == found.code().is_empty());
        }
    }
}
