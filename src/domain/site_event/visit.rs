//! Where a visit came from: campaign tags first, then the click ids of ad platforms, then the page before. Decides
//! source, medium, campaign and channel; knows nothing of what was done.

/// How a visitor came: all three in lower case, "" where nothing says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Visit {
    pub source: String,
    pub medium: String,
    pub campaign: String,
}

/// Of a source, medium or campaign; the rest is cut.
pub const WORD_CHARS_MAX: usize = 80;

/// Click ids that ad platforms add to their links: parameter, source, medium.
const CLICK_IDS: [(&str, &str, &str); 9] = [
    ("gclid", "google", "cpc"),
    ("gbraid", "google", "cpc"),
    ("wbraid", "google", "cpc"),
    ("msclkid", "bing", "cpc"),
    ("fbclid", "facebook", "social"),
    ("ttclid", "tiktok", "paid social"),
    ("twclid", "x", "paid social"),
    ("li_fat_id", "linkedin", "paid social"),
    ("epik", "pinterest", "paid social"),
];

const SEARCH: [&str; 9] = ["google", "bing", "duckduckgo", "yahoo", "ecosia", "yandex", "baidu", "seznam", "startpage"];
const SOCIAL: [&str; 13] = [
    "facebook",
    "instagram",
    "tiktok",
    "pinterest",
    "twitter",
    "linkedin",
    "reddit",
    "youtube",
    "snapchat",
    "threads",
    "whatsapp",
    "telegram",
    "t.co",
];

impl Visit {
    /// From the landing page's query and the page before. `own` are the shop's hosts: coming from there is no source.
    pub fn of(query: &str, referrer: &str, own: &[String]) -> Visit {
        let pairs: Vec<(String, String)> =
            url::form_urlencoded::parse(query.trim_start_matches('?').as_bytes()).into_owned().collect();
        let value = |name: &str| {
            let found = pairs.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        let mut visit = Visit {
            source: word(&value("utm_source")),
            medium: word(&value("utm_medium")),
            campaign: word(&value("utm_campaign")),
        };
        if visit.source.is_empty()
            && let Some((_, source, medium)) = CLICK_IDS.iter().find(|(name, ..)| !value(name).is_empty())
        {
            (*source).clone_into(&mut visit.source);
            if visit.medium.is_empty() {
                (*medium).clone_into(&mut visit.medium);
            }
        }
        if visit.source.is_empty()
            && let Some(host) = host_of(referrer).filter(|host| !is_own(host, own))
        {
            let (source, medium) = match (named(&host, &SEARCH), named(&host, &SOCIAL)) {
                (Some(name), _) => (name, "organic"),
                (None, Some(name)) => (name, "social"),
                (None, None) => (host.as_str(), "referral"),
            };
            visit.source = word(source);
            if visit.medium.is_empty() {
                medium.clone_into(&mut visit.medium);
            }
        }
        visit
    }

    /// As a server says it.
    pub fn told(source: &str, medium: &str, campaign: &str) -> Visit {
        Visit { source: word(source), medium: word(medium), campaign: word(campaign) }
    }

    pub fn is_known(&self) -> bool {
        !self.source.is_empty() || !self.medium.is_empty() || !self.campaign.is_empty()
    }
}

/// The channel in one word, as reports group it.
pub fn channel(source: &str, medium: &str) -> &'static str {
    let is = |words: &[&str]| words.iter().any(|word| medium == *word || source == *word);
    let has = |word: &str| medium.split([' ', '_', '-']).any(|part| part == word);
    match () {
        () if source.is_empty() && medium.is_empty() => "direct",
        () if is(&["sms", "text", "mms"]) || has("sms") => "sms",
        () if is(&["email", "e-mail", "newsletter", "mail"]) || has("email") => "email",
        () if has("cpc") || has("ppc") || has("paidsearch") || is(&["paid search"]) => "paid search",
        () if has("paid") || is(&["display", "cpm", "banner"]) => "paid other",
        () if is(&["organic"]) => "search",
        () if has("social") || SOCIAL.contains(&source) => "social",
        () if is(&["affiliate", "partner"]) => "affiliate",
        () if is(&["referral"]) => "referral",
        () => "other",
    }
}

/// The country of the first language that names one (`sl-SI,en;q=0.8` is SI): a hint, no address is looked up.
pub fn country(accept_language: &str) -> String {
    let regions = accept_language.split(',').filter_map(|tag| tag.split(';').next()?.trim().split('-').nth(1));
    let mut codes = regions.filter(|region| region.len() == 2 && region.bytes().all(|byte| byte.is_ascii_alphabetic()));
    codes.next().map(str::to_ascii_uppercase).unwrap_or_default()
}

fn host_of(referrer: &str) -> Option<String> {
    let host = url::Url::parse(referrer).ok()?.host_str()?.to_ascii_lowercase();
    Some(host.strip_prefix("www.").map_or(host.clone(), str::to_owned))
}

fn named(host: &str, list: &[&'static str]) -> Option<&'static str> {
    list.iter().copied().find(|name| host == *name || host.split('.').any(|part| part == *name))
}

/// A host of the shop's, or below one.
pub(super) fn is_own(host: &str, own: &[String]) -> bool {
    own.iter().any(|known| {
        let known = known.strip_prefix("www.").unwrap_or(known);
        host == known || host.strip_suffix(known).is_some_and(|front| front.ends_with('.'))
    })
}

/// Lower case, one line; what looks like a person's own is dropped whole.
fn word(text: &str) -> String {
    super::told::harmless(&text.to_lowercase(), WORD_CHARS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_then_click_ids_then_the_page_before() {
        #[track_caller]
        fn check(query: &str, referrer: &str, source: &str, medium: &str, campaign: &str, expected: &str) {
            let visit = Visit::of(query, referrer, &["shop.example".to_owned()]);
            assert_eq!(
                (&*visit.source, &*visit.medium, &*visit.campaign),
                (source, medium, campaign),
                "{query} {referrer}"
            );
            assert_eq!(channel(&visit.source, &visit.medium), expected, "{query} {referrer}");
        }
        check("", "", "", "", "", "direct");
        check("?utm_source=Cartback&utm_medium=SMS&utm_campaign=carts", "", "cartback", "sms", "carts", "sms");
        check("gclid=x1", "https://www.google.com/", "google", "cpc", "", "paid search");
        check("fbclid=x1", "https://l.facebook.com/", "facebook", "social", "", "social");
        check("", "https://www.google.si/", "google", "organic", "", "search");
        check("", "https://www.shop.example/cart", "", "", "", "direct");
        check("", "https://pay.shop.example/", "", "", "", "direct");
        check("", "https://evilshop.example/", "evilshop.example", "referral", "", "referral");
        check("", "https://t.co/abc", "t.co", "social", "", "social");
        check("utm_medium=newsletter", "https://blog.example/", "blog.example", "newsletter", "", "email");
        // A person's own address in a tag is nobody's source.
        check("utm_source=ana@shopper.example", "", "", "", "", "direct");
        check("", "not a url", "", "", "", "direct");
    }

    #[test]
    fn a_language_may_name_a_country() {
        for (header, expected) in [("sl-SI,sl;q=0.9,en-US;q=0.8", "SI"), ("en, de-at", "AT"), ("zh-Hant", ""), ("", "")]
        {
            assert_eq!(country(header), expected, "{header}");
        }
    }
}
