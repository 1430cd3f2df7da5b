//! Templates of merchants, in our words and in Liquid's, with shoppers whose values may say anything. The first line is the
//! template, the second its shopper's first name, the third what lies in the cart, the fourth the shop.
#![no_main]

use cartback::domain::{
    sms::{self, Encoding},
    template::{self, Merge, RenderProblem, TEMPLATE_BYTES_MAX, TEXT_CHARS_MAX},
};
use cartback_fuzz::{always, bounded};
use libfuzzer_sys::fuzz_target;

const LINK: &str = "https://cb.example.com/r/EBAgMEBQYHCAkKCwwNDg8Q";
const OPT_OUT: &str = "Reply STOP to opt out";

fuzz_target!(|text: &str| {
    let mut lines = text.split('\n');
    let mut line = || lines.next().unwrap_or_default();
    let (typed, name, items, shop) = (line(), line(), line(), line());
    let merge = Merge {
        first_name: (!name.is_empty()).then(|| name.to_owned()),
        items: (!items.is_empty()).then(|| items.to_owned()),
        ..Merge::sample(if shop.is_empty() { "Lumen & Oak" } else { shop }, LINK, OPT_OUT)
    };
    let rewritten = template::rewrite(typed);
    if let Ok(rewritten) = &rewritten {
        assert!(rewritten.len() <= 2 * typed.len() + 16, "{typed:?} became {rewritten:?}");
        // What is in our words already stays as it is, but for spaces.
        if let Ok(again) = template::rewrite(rewritten) {
            let bare = |text: &str| text.split_whitespace().collect::<String>();
            assert_eq!(bare(&again), bare(rewritten), "{typed:?}");
        }
    }
    let verdict = template::check(typed);
    assert!(verdict.is_err() || (typed.len() <= TEMPLATE_BYTES_MAX && rewritten.is_ok()));
    for problem in verdict.as_ref().err().into_iter().flatten().take(20) {
        bounded(text.as_bytes(), &problem.to_string());
    }
    let rendered = always(text.as_bytes(), || template::render(typed, &merge));
    assert_eq!(verdict.is_err(), matches!(rendered, Err(RenderProblem::Refused(_))), "{typed:?}");
    let _ = template::needs(typed);
    segments(typed);
    let Ok(said) = rendered else { return };
    assert!(said.chars().count() <= TEXT_CHARS_MAX);
    assert!(said.contains(LINK) && said.contains(OPT_OUT), "{typed:?} says {said:?}");
    assert!(said.chars().all(|c| !c.is_control() || c == '\n'), "{said:?}");
    // Nothing besides our link leads anywhere.
    assert!(!said.replace(LINK, " ").contains("://"), "{said:?}");
    segments(&said);
});

fn segments(text: &str) {
    let cost = sms::segments(text);
    let room = if cost.encoding == Encoding::Gsm7 { 152 } else { 66 };
    let units = cost.units.div_ceil(room);
    assert!(cost.count as usize <= units && (cost.count > 0 || text.is_empty()), "{cost:?} of {text:?}");
    let normal = sms::normalise(text);
    assert_eq!(sms::normalise(&normal), normal, "{text:?}");
    let spelt = sms::transliterate(text, None);
    assert!(spelt.len() <= 12 * text.len() + 16);
    let _ = (sms::offenders(text), sms::advice(text, Some("sl")));
}
