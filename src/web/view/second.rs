//! A second proof: the secret an app makes its codes from, as a picture and as text, and the recovery codes in the only
//! moment they can be seen.

use askama::{Template, filters::HtmlSafe};
use fast_qr::{ECL, QRBuilder};
use std::fmt::{self, Write};

use super::{
    Page, format,
    words::{filters, noted, t},
};
use crate::domain::second::RECOVERY_CODES;

#[derive(Clone, Template)]
#[template(path = "page/second.html")]
pub struct SetUp {
    pub page: Page,
    /// In groups of four letters.
    pub secret: String,
    /// What the picture says.
    pub uri: String,
    pub problems: Vec<String>,
}

impl SetUp {
    pub fn answer(&self) -> String {
        t("2 steps: show your app the picture, then type the code it shows.").to_owned()
    }

    /// `None` should the text ever be too long for a picture; the secret can be typed.
    pub fn picture(&self) -> Option<Picture> {
        picture(&self.uri)
    }
}

/// A QR code as SVG, black on white whatever the page's colours are: cameras want it so.
pub struct Picture(String);

/// White modules around it, which readers need (ISO/IEC 18004, 5.3.8).
const QUIET: usize = 4;

fn picture(text: &str) -> Option<Picture> {
    let code = QRBuilder::new(text).ecl(ECL::M).build().ok()?;
    let side = code.size + 2 * QUIET;
    let mut dark = String::new();
    for row in 0..code.size {
        for column in (0..code.size).filter(|column| code[row][*column].value()) {
            let _ = write!(dark, "M{},{}h1v1h-1z", column + QUIET, row + QUIET);
        }
    }
    let label = t("QR code with the secret below");
    Some(Picture(format!(
        "<svg class=\"qr\" role=\"img\" aria-label=\"{label}\" viewBox=\"0 0 {side} {side}\" width=\"232\" height=\"232\" \
         shape-rendering=\"crispEdges\"><path fill=\"#fff\" d=\"M0,0h{side}v{side}h-{side}z\"/><path fill=\"#000\" \
         d=\"{dark}\"/></svg>"
    )))
}

impl fmt::Display for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Made of our own words and numbers only.
impl HtmlSafe for Picture {}

/// Recovery codes, shown once.
#[derive(Clone, Template)]
#[template(path = "page/second_codes.html")]
pub struct Codes {
    pub page: Page,
    pub codes: Vec<String>,
    /// They come with a second proof that was just set up.
    pub is_new: bool,
}

impl Codes {
    pub fn answer(&self) -> String {
        let said = match self.is_new {
            true => noted("Your second proof is on. Keep these 10 codes for when the app is lost."),
            false => noted("These 10 codes stand in for all you had before."),
        };
        t(said).to_owned()
    }

    /// For one copy of all of them.
    pub fn all(&self) -> String {
        self.codes.join(" ")
    }
}

/// How many codes are left, in a sentence.
pub fn left(count: u64) -> String {
    match count {
        0 => t("No recovery code is left: make new ones.").to_owned(),
        _ => super::words::say(
            "{left} of your recovery codes are left.",
            &[("left", &format::out_of(count, RECOVERY_CODES as u64))],
        ),
    }
}

/// What is said of codes that are not taken, for `t`.
const _: [&str; 3] = [
    noted("This code is not right, or it was used already. Wait for the next one and type that."),
    noted("Nothing is being set up. Begin again."),
    noted("Set up your own second proof first, or the rule would shut you out."),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::second::{NONE_BEGUN, NOT_A_CODE, OWN_FIRST};
    use crate::web::view::words::{Language, written_in};

    #[test]
    fn what_is_wrong_is_told_in_every_language() {
        for said in [NOT_A_CODE, NONE_BEGUN, OWN_FIRST] {
            assert_ne!(written_in(Language::German, || t(said).to_owned()), said);
        }
    }

    #[test]
    fn the_picture_is_drawn_for_the_longest_address() {
        let uri = crate::domain::second::Secret::new([255; 20])
            .uri("sms.a-very-long-shop-name.example.com", &"ä".repeat(254));
        assert!(picture(&uri).is_some());
    }
}
