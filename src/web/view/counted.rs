//! Sentences that begin with a count: `412 carts were texted`. Callers name the plural phrase; each phrase is a sentence of
//! the catalogue, with a second one where a single thing is spoken of otherwise.

use super::{
    format::{number_of, sentence_case},
    words::{noted, say, t},
};

/// `3 carts`, `were texted` → `3 carts were texted`; one of them *was*.
pub fn agree(number: u64, one: &str, many: &str, phrase: &str) -> String {
    let verbs = [("were ", "was "), ("have ", "has "), ("are ", "is "), ("wait ", "waits "), ("match ", "matches ")];
    let singular = verbs.iter().find_map(|(plural, single)| Some(format!("{single}{}", phrase.strip_prefix(plural)?)));
    let phrase = singular.filter(|_| number == 1).unwrap_or_else(|| phrase.to_owned());
    told(&number_of(number, one, many), &phrase)
}

/// Things with what is said of them, as a sentence of the catalogue where it is one.
pub fn told(things: &str, phrase: &str) -> String {
    let (things, sentence) = (sentence_case(things), format!("{{things}} {phrase}"));
    // What was typed may stand in a phrase: it is no sentence of ours, and its braces are no places.
    if t(&sentence) == sentence { format!("{things} {phrase}") } else { say(&sentence, &[("things", &things)]) }
}

/// Every phrase, and things nobody else counts, for the catalogue.
const _: [&str; 58] = [
    noted("person"),
    noted("people"),
    noted("{things} in all"),
    noted("{things} still being filled"),
    noted("{things} were abandoned"),
    noted("{things} was abandoned"),
    noted("{things} have a number"),
    noted("{things} has a number"),
    noted("{things} have a number that can be texted"),
    noted("{things} has a number that can be texted"),
    noted("{things} have a consent for texts"),
    noted("{things} has a consent for texts"),
    noted("{things} were allowed a text"),
    noted("{things} was allowed a text"),
    noted("{things} could not be texted"),
    noted("{things} could be texted"),
    noted("{things} could be texted and were not"),
    noted("{things} were texted"),
    noted("{things} was texted"),
    noted("{things} were texted, with no word that it arrived"),
    noted("{things} was texted, with no word that it arrived"),
    noted("{things} got a text delivered"),
    noted("{things} got a text and did not tap"),
    noted("{things} had their link tapped and were not recovered"),
    noted("{things} had their link tapped"),
    noted("{things} were recovered"),
    noted("{things} was recovered"),
    noted("{things} were bought without our help"),
    noted("{things} was bought without our help"),
    noted("{things} are of people who opted out"),
    noted("{things} is of people who opted out"),
    noted("{things} were sent"),
    noted("{things} was sent"),
    noted("{things} wait to be sent"),
    noted("{things} waits to be sent"),
    noted("{things} are being sent"),
    noted("{things} is being sent"),
    noted("{things} have an unknown outcome"),
    noted("{things} has an unknown outcome"),
    noted("{things} were sent and wait for a receipt"),
    noted("{things} was sent and wait for a receipt"),
    noted("{things} were delivered"),
    noted("{things} was delivered"),
    noted("{things} were not delivered"),
    noted("{things} was not delivered"),
    noted("{things} were refused"),
    noted("{things} was refused"),
    noted("{things} were cancelled before sending"),
    noted("{things} was cancelled before sending"),
    noted("{things} came too late to be sent"),
    noted("{things} came after a text that nobody tapped"),
    noted("{things} came without our help"),
    noted("{things} are on record and hold for good"),
    noted("{things} is on record and hold for good"),
    noted("{things} are on record"),
    noted("{things} is on record"),
    noted("{things} wait to be told what is held about them"),
    noted("{things} waits to be told what is held about them"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::view::words::{Language, written_in};

    #[test]
    fn one_is_spoken_of_otherwise_than_many() {
        #[track_caller]
        fn check(number: u64, phrase: &str, expected: [&str; 3]) {
            let said = Language::ALL.map(|language| written_in(language, || agree(number, "cart", "carts", phrase)));
            assert_eq!(said, expected);
        }
        check(
            1_204,
            "were texted",
            ["1,204 carts were texted", "1.204 Warenkörbe wurden angeschrieben", "1.204 carritos recibieron un SMS"],
        );
        check(1, "were texted", ["1 cart was texted", "1 Warenkorb wurde angeschrieben", "1 carrito recibió un SMS"]);
        check(
            0,
            "could be texted",
            ["No carts could be texted", "Keine Warenkörbe anschreibbar", "0 carritos con posible SMS"],
        );
        assert_eq!(agree(2, "cart", "carts", "match “{a}”"), "2 carts match “{a}”");
    }
}
