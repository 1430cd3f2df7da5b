//! Passwords: which are taken, and what is kept of them. Argon2id with the parameters its crate holds for sound (19 MiB,
//! 2 passes, 1 lane: the first choice of OWASP's password storage sheet). Slow by design: callers run it off the threads
//! that answer, and a few at a time.

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use unicode_normalization::UnicodeNormalization;

pub const CHARS_MIN: usize = 10;
pub const CHARS_MAX: usize = 128;

pub const SALT_BYTES: usize = 16;

/// Why a password is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Weak {
    #[error("a password has at least {CHARS_MIN} characters")]
    Short,
    #[error("a password has at most {CHARS_MAX} characters")]
    Long,
    #[error("this password is among the first ones anybody would try")]
    Common,
    #[error("a password must not be the e-mail address, the name or the shop's name with a little beside it")]
    Known,
}

/// The commonest of ten characters and more, as anybody would list them, in lower case.
const COMMON: &str = include_str!("../../assets/data/common_passwords.txt");

/// Words that the commonest passwords are made of, with figures or signs around them, or said twice.
const STEMS: [&str; 40] = [
    "password",
    "passwort",
    "kennwort",
    "contrasena",
    "contraseña",
    "passw0rd",
    "p@ssw0rd",
    "p@ssword",
    "pa$$word",
    "motdepasse",
    "welcome",
    "willkommen",
    "bienvenido",
    "letmein",
    "iloveyou",
    "qwerty",
    "qwertz",
    "azerty",
    "admin",
    "administrator",
    "administrador",
    "changeme",
    "default",
    "monkey",
    "dragon",
    "football",
    "baseball",
    "sunshine",
    "princess",
    "master",
    "shadow",
    "superman",
    "batman",
    "trustno",
    "starwars",
    "whatever",
    "hallo",
    "hola",
    "secret",
    "cartback",
];
/// Characters that must be left of a password without what strangers know.
const OWN_CHARS_MIN: usize = 5;
/// Shorter words are in many passwords by chance.
const KNOWN_CHARS_MIN: usize = 4;

/// Whether this may become somebody's password; `known` is what strangers know of them: address, name, what their shops
/// are called.
pub fn check(password: &str, known: &[&str]) -> Result<(), Weak> {
    let password: String = password.nfkc().collect();
    let count = password.chars().count();
    if count < CHARS_MIN {
        return Err(Weak::Short);
    }
    if count > CHARS_MAX {
        return Err(Weak::Long);
    }
    let plain = password.trim().to_lowercase();
    if is_known(&plain, known) {
        return Err(Weak::Known);
    }
    if COMMON.lines().any(|common| common == plain) || is_stem(&plain) || is_pattern(&plain) {
        return Err(Weak::Common);
    }
    Ok(())
}

/// What strangers know, and hardly anything beside it: `acme-outdoor1` where the shop is called Acme Outdoor.
fn is_known(plain: &str, known: &[&str]) -> bool {
    let bare =
        |text: &str| -> String { text.to_lowercase().chars().filter(|letter| letter.is_alphanumeric()).collect() };
    let password = bare(plain);
    let parts = known.iter().flat_map(|known| [Some(*known), known.split_once('@').map(|(local, _)| local)]);
    let mut words = parts.flatten().map(bare).filter(|word| word.chars().count() >= KNOWN_CHARS_MIN);
    words.any(|word| {
        let own = password.replace(&word, "");
        own.len() < password.len() && own.chars().count() < OWN_CHARS_MIN
    })
}

/// A word everybody thinks of, with nothing but figures and signs around it.
fn is_stem(plain: &str) -> bool {
    let is_all = |stem: &&str| plain.contains(*stem) && !plain.replace(*stem, "").contains(char::is_alphabetic);
    STEMS.iter().any(is_all)
}

/// Pairs of neighbours that may be neither alike nor next to each other where everything else is.
const LEAPS_MAX: usize = 2;

/// A few characters over and over, or rows that only count up or down: `abcdef123456`, `1111122222`.
fn is_pattern(plain: &str) -> bool {
    let letters: Vec<u32> = plain.chars().map(u32::from).collect();
    let repeats =
        (1..=5).any(|length| letters.iter().zip(letters.iter().skip(length)).all(|(one, later)| one == later));
    let leaps = letters.iter().zip(letters.iter().skip(1)).filter(|(one, next)| one.abs_diff(**next) > 1);
    repeats || leaps.count() <= LEAPS_MAX
}

/// What is kept: a PHC string. `salt` is fresh random bytes. `None` only when the crate refuses its own parameters.
pub fn hash(password: &str, salt: &[u8; SALT_BYTES]) -> Option<String> {
    let password: String = password.nfkc().collect();
    let hash: PasswordHash = Argon2::default().hash_password_with_salt(password.as_bytes(), salt).ok()?;
    Some(hash.to_string())
}

/// Whether this is the password that was kept. One that is too long to be any costs as much as a wrong one.
pub fn verify(password: &str, kept: &str) -> bool {
    let password: String = password.nfkc().take(CHARS_MAX + 1).collect();
    let Ok(kept) = PasswordHash::new(kept) else { return false };
    Argon2::default().verify_password(password.as_bytes(), &kept).is_ok()
}

/// Nobody's password, kept with the same parameters: whoever names an unknown address is made to wait as long.
pub const NOBODYS: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weak_ones_are_refused() {
        #[track_caller]
        fn check(password: &str, expected: Result<(), Weak>) {
            let known = ["ana.novak@example.com", "Ana Novak-Kovac", "Acme Outdoor", "Tea", ""];
            assert_eq!(super::check(password, &known), expected, "{password:?}");
        }
        check("correct horse battery", Ok(()));
        check("čšžčšžčšž1", Ok(()));
        check("short 9 c", Err(Weak::Short));
        check(&"a b c d e ".repeat(13), Err(Weak::Long));
        check("Password123", Err(Weak::Common));
        check("1234567890", Err(Weak::Common));
        check("qwertyuiop", Err(Weak::Common));
        check("aaaaaaaaaaaa", Err(Weak::Common));
        check("abcabcabcabc", Err(Weak::Common));
        check("zyxwvutsrqponm", Err(Weak::Common));
        for stem in
            ["Password!2026", "2026-passwort", "welcomewelcome", "qwerty!qwerty1", "p@ssw0rd1234", "Cartback2026!"]
        {
            check(stem, Err(Weak::Common));
        }
        for pattern in ["abcdef123456", "1111122222", "12345abcde!!", "xyxyxyxyxyxy", "0987654321!!", "abcdeabcdeabcde"]
        {
            check(pattern, Err(Weak::Common));
        }
        for known in [
            "Ana.Novak@Example.com",
            "ana novak-kovac",
            "ananovakkovac1!",
            "ANA.NOVAK2026",
            "acme-outdoor",
            "Acme Outdoor 1",
            "2026AcmeOutdoor",
        ] {
            check(known, Err(Weak::Known));
        }
        // What is known may be in it, where enough is beside it; and short words mean nothing.
        check("acme outdoor sells green tents", Ok(()));
        check("the password of a badger", Ok(()));
        check("tea for seven", Ok(()));
    }

    #[test]
    fn the_list_is_of_passwords_that_are_long_enough() {
        for common in COMMON.lines() {
            assert!(common.chars().count() >= CHARS_MIN && common == common.to_lowercase(), "{common:?}");
        }
        assert!(COMMON.lines().count() > 100);
    }

    #[test]
    fn what_was_kept_is_recognised() {
        let kept = hash("correct horse battery", &[7; SALT_BYTES]).unwrap();
        assert!(verify("correct horse battery", &kept));
        assert!(!verify("correct horse batterz", &kept));
        assert!(!verify("", &kept));
        assert!(!verify("correct horse battery", "not a hash") && !verify("", ""));
        // The same letters typed on another keyboard.
        let kept = hash("Ko\u{161}arica 2026", &[7; SALT_BYTES]).unwrap();
        assert!(verify("Kos\u{30c}arica 2026", &kept));
    }

    #[test]
    fn nobodys_costs_what_a_real_one_costs() {
        let real = hash("correct horse battery", &[7; SALT_BYTES]).unwrap();
        let parameters = |kept: &str| kept.rsplit_once('$').unwrap().0.rsplit_once('$').unwrap().0.to_owned();
        assert_eq!(parameters(&real), parameters(NOBODYS));
        assert!(PasswordHash::new(NOBODYS).is_ok() && !verify("", NOBODYS));
    }
}
