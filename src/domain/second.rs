//! A second proof: the codes of an authenticator app (RFC 6238: SHA-1, steps of 30 seconds, six digits), and the codes
//! kept for when the app is lost. Says which codes are right; that none is right twice is the store's.

use std::fmt;

use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::time::Time;

/// As RFC 4226, 4, recommends: as long as the hash.
pub const SECRET_BYTES: usize = 20;
const STEP_SECONDS: i64 = 30;
const DIGITS: usize = 6;
/// A code of the step before or after is right too: clocks differ, and typing takes a while (RFC 6238, 5.2).
const STEPS_ASIDE: i64 = 1;

/// What an app makes its codes from. `Debug` does not show it.
pub struct Secret(Zeroizing<[u8; SECRET_BYTES]>);

impl Secret {
    pub fn new(bytes: [u8; SECRET_BYTES]) -> Secret {
        Secret(Zeroizing::new(bytes))
    }

    /// `None` when it has another length.
    pub fn of(bytes: &[u8]) -> Option<Secret> {
        bytes.try_into().ok().map(Secret::new)
    }

    pub fn bytes(&self) -> &[u8] {
        &*self.0
    }

    /// To be typed: base32 in groups of four.
    pub fn text(&self) -> String {
        let plain = BASE32_NOPAD.encode(&*self.0);
        let groups: Vec<String> =
            plain.chars().collect::<Vec<_>>().chunks(4).map(|group| group.iter().collect()).collect();
        groups.join(" ")
    }

    /// What an app reads from a picture. `house` is where one signs in, `who` as whom.
    pub fn uri(&self, house: &str, who: &str) -> String {
        let coded = |text: &str| -> String { url::form_urlencoded::byte_serialize(text.as_bytes()).collect() };
        // A space is no plus in this part of a URL.
        let coded = |text: &str| coded(text).replace('+', "%20");
        let issuer = coded(&format!("Cartback {house}"));
        format!("otpauth://totp/{issuer}:{}?secret={}&issuer={issuer}", coded(who), BASE32_NOPAD.encode(&*self.0))
    }

    /// The code of a step (RFC 4226, 5.3).
    pub fn code(&self, step: i64) -> String {
        let mut block = Zeroizing::new([0; 64]);
        block.iter_mut().zip(self.0.iter()).for_each(|(to, from)| *to = *from);
        // The key filled up to the hash's block (RFC 2104): given that, making the MAC cannot fail.
        let mut mac = <Hmac<Sha1> as KeyInit>::new((&*block).into());
        mac.update(&step.to_be_bytes());
        let digest: [u8; 20] = mac.finalize().into_bytes().into();
        let at = usize::from(digest[19] & 0x0f);
        let number = digest.iter().skip(at).take(4).fold(0, |sum: u32, byte| sum << 8 | u32::from(*byte));
        format!("{:0width$}", (number & 0x7fff_ffff) % 10_u32.pow(DIGITS as u32), width = DIGITS)
    }

    /// The step whose code this is, near this moment. Every step is compared, and each as long as it takes.
    pub fn step_that_says(&self, code: &str, now: Time) -> Option<i64> {
        let near = step(now) - STEPS_ASIDE..=step(now) + STEPS_ASIDE;
        let mut found = None;
        for step in near {
            if bool::from(self.code(step).as_bytes().ct_eq(code.as_bytes())) {
                found = Some(step);
            }
        }
        found
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The step of 30 seconds this moment is in.
pub fn step(now: Time) -> i64 {
    now.seconds().div_euclid(STEP_SECONDS)
}

/// How many recovery codes somebody gets at once.
pub const RECOVERY_CODES: usize = 10;
/// Digits and letters without those that are taken for others.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// 60 bits: with the tries that are let through nobody finds one, and what is kept of it is keyed.
const RECOVERY_CHARS: usize = 12;
const RECOVERY_GROUP: usize = 4;

/// A recovery code as it is shown: `7k3f-q2mx-9htv`.
pub fn recovery_code(random: [u8; RECOVERY_CHARS]) -> String {
    let letter = |byte: &u8| char::from(ALPHABET[usize::from(byte & 0x1f)]);
    let groups: Vec<String> = random.chunks(RECOVERY_GROUP).map(|group| group.iter().map(letter).collect()).collect();
    groups.join("-")
}

/// What somebody typed where a second proof is asked for.
#[derive(Clone, PartialEq, Eq)]
pub enum Typed {
    /// Six digits.
    Code(String),
    /// Without its dashes, in small letters.
    Recovery(String),
}

/// Never in a log by mistake.
impl fmt::Debug for Typed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Typed::Code(_) => "Code(…)",
            Typed::Recovery(_) => "Recovery(…)",
        })
    }
}

impl Typed {
    /// Spaces and dashes mean nothing; `o` is read as 0, `i` and `l` as 1. `None` when it can be neither kind of code.
    pub fn read(typed: &str) -> Option<Typed> {
        let plain: String = typed
            .chars()
            .filter(|letter| !letter.is_whitespace() && *letter != '-')
            .take(RECOVERY_CHARS + 1)
            .map(|letter| letter.to_ascii_lowercase())
            .collect();
        if plain.len() == DIGITS && plain.bytes().all(|byte| byte.is_ascii_digit()) {
            return Some(Typed::Code(plain));
        }
        let plain: String = plain
            .chars()
            .map(|letter| match letter {
                'o' => '0',
                'i' | 'l' => '1',
                other => other,
            })
            .collect();
        let good = plain.len() == RECOVERY_CHARS && plain.bytes().all(|byte| ALPHABET.contains(&byte));
        good.then_some(Typed::Recovery(plain))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B, for SHA-1; the last six of its eight digits.
    #[test]
    fn codes_are_those_of_the_rfc() {
        let secret = Secret::new(*b"12345678901234567890");
        #[track_caller]
        fn check(secret: &Secret, seconds: i64, expected: &str) {
            assert_eq!(secret.code(step(Time::from_seconds(seconds))), expected, "{seconds}");
        }
        check(&secret, 59, "287082");
        check(&secret, 1_111_111_109, "081804");
        check(&secret, 1_111_111_111, "050471");
        check(&secret, 1_234_567_890, "005924");
        check(&secret, 2_000_000_000, "279037");
        check(&secret, 20_000_000_000, "353130");
    }

    #[test]
    fn a_code_is_right_one_step_either_way() {
        let (secret, now) = (Secret::new([7; SECRET_BYTES]), Time::from_seconds(1_700_000_010));
        for aside in -3..=3 {
            let code = secret.code(step(now) + aside);
            let expected = (-1..=1).contains(&aside).then_some(step(now) + aside);
            assert_eq!(secret.step_that_says(&code, now), expected, "{aside}");
        }
        for wrong in ["", "12345", "1234567", "abcdef"] {
            assert_eq!(secret.step_that_says(wrong, now), None, "{wrong}");
        }
    }

    #[test]
    fn a_secret_is_typed_or_photographed() {
        let secret = Secret::new(*b"12345678901234567890");
        assert_eq!(secret.text(), "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ");
        assert_eq!(
            secret.uri("sms.example.com", "ana+shop@example.com"),
            "otpauth://totp/Cartback%20sms.example.com:ana%2Bshop%40example.com\
             ?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Cartback%20sms.example.com"
        );
        assert_eq!(format!("{secret:?}"), "Secret(…)");
        assert!(Secret::of(&[1; 19]).is_none() && Secret::of(&[1; SECRET_BYTES]).is_some());
    }

    #[test]
    fn what_was_typed_is_read_kindly() {
        #[track_caller]
        fn check(typed: &str, expected: Option<Typed>) {
            assert_eq!(Typed::read(typed), expected, "{typed}");
        }
        check(" 123 456 ", Some(Typed::Code("123456".into())));
        check("7K3F-Q2MX-9HTV", Some(Typed::Recovery("7k3fq2mx9htv".into())));
        check("7k3f q2mx 9hto", Some(Typed::Recovery("7k3fq2mx9ht0".into())));
        check("il00 0000 0000", Some(Typed::Recovery("110000000000".into())));
        for bad in
            ["", "12345", "1234567", "7k3f-q2mx-9htu", "7k3f-q2mx-9htv-0000", "７k3f-q2mx-9htv", &"1".repeat(9_000)]
        {
            check(bad, None);
        }
        let code = recovery_code([0, 31, 32, 255, 10, 11, 12, 13, 14, 15, 16, 17]);
        assert_eq!(code, "0z0z-abcd-efgh");
        assert!(matches!(Typed::read(&code), Some(Typed::Recovery(_))));
        assert!(!format!("{:?}", Typed::read("123456")).contains('1'));
    }
}
