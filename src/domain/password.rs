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
    #[error("a password must not be the e-mail address or the name")]
    Known,
}

/// The commonest of ten characters and more, as anybody would list them, in lower case.
const COMMON: &str = include_str!("../../assets/data/common_passwords.txt");

/// Whether this may become somebody's password; `known` is what strangers know of them: address and name.
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
    let local = |known: &str| known.split('@').next().unwrap_or_default().to_owned();
    if known.iter().map(|known| known.trim().to_lowercase()).any(|known| plain == known || plain == local(&known)) {
        return Err(Weak::Known);
    }
    if COMMON.lines().any(|common| common == plain) || is_pattern(&plain) {
        return Err(Weak::Common);
    }
    Ok(())
}

/// A few characters over and over, or a row that only counts up or down.
fn is_pattern(plain: &str) -> bool {
    let letters: Vec<u32> = plain.chars().map(u32::from).collect();
    let repeats =
        (1..=3).any(|length| letters.iter().zip(letters.iter().skip(length)).all(|(one, later)| one == later));
    let pairs = || letters.iter().zip(letters.iter().skip(1));
    let rises = pairs().all(|(one, next)| one.checked_add(1) == Some(*next));
    let falls = pairs().all(|(one, next)| next.checked_add(1) == Some(*one));
    repeats || rises || falls
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
            assert_eq!(super::check(password, &["ana.novak@example.com", "Ana Novak-Kovac"]), expected, "{password:?}");
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
        check("Ana.Novak@Example.com", Err(Weak::Known));
        check("ana novak-kovac", Err(Weak::Known));
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
