//! What people text back. A stop must be heard, and whatever is read must be read the same again.
#![no_main]

use cartback::domain::{
    consent::{
        Ledger,
        heard::{Meaning, answer, hear},
    },
    keyword::{self, Keyword},
    time::MINUTE,
};
use cartback_fuzz::{always, bounded, now};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let pending = Ledger { asked: vec![now() - MINUTE], ..Ledger::default() };
    for us_number in [true, false] {
        let read = always(text.as_bytes(), || keyword::read(text, us_number));
        assert_eq!(
            keyword::read(&format!(" {}\n", text.to_uppercase()), us_number) == Some(Keyword::Stop),
            keyword::read(&text.to_uppercase(), us_number) == Some(Keyword::Stop)
        );
        for ledger in [&Ledger::default(), &pending] {
            let heard = hear(text, us_number, ledger, now());
            assert!(read != Some(Keyword::Stop) || heard.meaning == Meaning::Stop, "{text:?}");
            assert!(heard.word.as_ref().is_none_or(|word| word.chars().count() <= 40), "{heard:?}");
            bounded(b"", &heard);
            let _ = (heard.reply_language(), answer(&heard, ledger, false));
        }
    }
    // A stop on its own is one on any number.
    if text.len() < 100 && text.trim().eq_ignore_ascii_case("stop") {
        assert_eq!(keyword::read(text, false), Some(Keyword::Stop));
    }
});
