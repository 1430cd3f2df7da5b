//! Money: whole minor units with their currency, read from whatever a shop sends without ever passing through a float.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// An ISO 4217 code that exists.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Currency([u8; 3]);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotMoney {
    #[error("not an ISO 4217 currency code")]
    Currency,
    #[error("not a decimal amount")]
    Amount,
    #[error("an amount beyond what we can count")]
    TooLarge,
}

/// An amount longer than this is not money; it bounds the work on hostile input.
pub const AMOUNT_CHARS_MAX: usize = 64;

/// 10^16 of the smallest unit: a hundred million millions of euros.
pub const MINOR_MOST: u64 = 10_000_000_000_000_000;

impl Currency {
    pub fn parse(code: &str) -> Result<Currency, NotMoney> {
        let code = code.trim().to_ascii_uppercase();
        iso_currency::Currency::from_code(&code).ok_or(NotMoney::Currency)?;
        code.into_bytes().try_into().map(Currency).map_err(|_| NotMoney::Currency)
    }

    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("XXX")
    }

    /// Digits after the decimal point in this currency: JPY 0, EUR 2, BHD 3.
    pub fn digits(&self) -> u32 {
        iso_currency::Currency::from_code(self.code()).and_then(|known| known.exponent()).unwrap_or(2).into()
    }

    /// Reads a decimal amount (`"128.00"`, `93.2`, `"-5"`, `1e2`) into minor units. Digits beyond the currency's own are
    /// rounded half away from zero, as shops print them.
    ///
    /// No single amount is larger than `MINOR_MOST`: a database's sum over thousands of them must not overflow, or one
    /// absurd cart would take a whole day's figures with it.
    pub fn minor(&self, amount: &str) -> Result<i64, NotMoney> {
        let minor = decimal(amount, self.digits())?;
        if minor.unsigned_abs() > MINOR_MOST { Err(NotMoney::TooLarge) } else { Ok(minor) }
    }

    /// The same from a JSON value: a string, an integer or a float as it was written. `null` and others are no amount.
    pub fn minor_from(&self, value: &serde_json::Value) -> Result<i64, NotMoney> {
        match value {
            serde_json::Value::String(text) => self.minor(text),
            // With `arbitrary_precision` a number keeps the characters it was sent with.
            serde_json::Value::Number(number) => self.minor(&number.to_string()),
            _ => Err(NotMoney::Amount),
        }
    }
}

/// Reads a decimal text into units of 10^-`digits`.
pub fn decimal(text: &str, digits: u32) -> Result<i64, NotMoney> {
    let text = text.trim();
    if text.len() > AMOUNT_CHARS_MAX {
        return Err(NotMoney::Amount);
    }
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().map_err(|_| NotMoney::Amount)?),
        None => (text, 0),
    };
    let (negative, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !all_digits(whole) || !all_digits(fraction) {
        return Err(NotMoney::Amount);
    }
    // The decimal point moves; digits left of it count, the first one right of it rounds.
    let written: Vec<u8> = whole.bytes().chain(fraction.bytes()).map(|byte| byte - b'0').collect();
    let point = whole.len() as i64 + i64::from(exponent) + i64::from(digits);
    if written.iter().all(|&digit| digit == 0) {
        return Ok(0);
    }
    let mut sum: i128 = 0;
    for place in 0..point {
        let digit = usize::try_from(place).ok().and_then(|place| written.get(place)).copied().unwrap_or(0);
        sum = sum * 10 + i128::from(digit);
        if sum > i128::from(i64::MAX) {
            return Err(NotMoney::TooLarge);
        }
    }
    if usize::try_from(point).ok().and_then(|place| written.get(place)).is_some_and(|&digit| digit >= 5) {
        sum += 1;
    }
    let signed = if negative { -sum } else { sum };
    i64::try_from(signed).map_err(|_| NotMoney::TooLarge)
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl FromStr for Currency {
    type Err = NotMoney;
    fn from_str(code: &str) -> Result<Currency, NotMoney> {
        Currency::parse(code)
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> String {
        currency.code().to_owned()
    }
}

impl TryFrom<String> for Currency {
    type Error = NotMoney;
    fn try_from(code: String) -> Result<Currency, NotMoney> {
        Currency::parse(&code)
    }
}

/// An amount in minor units of its currency. There is no addition across currencies: sums are kept per currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    pub minor: i64,
    pub currency: Currency,
}

impl Money {
    pub fn new(minor: i64, currency: Currency) -> Money {
        Money { minor, currency }
    }

    /// `1234.50`, without grouping or symbol: for machines and CSV.
    pub fn amount(&self) -> String {
        let digits = self.currency.digits() as usize;
        let sign = if self.minor < 0 { "-" } else { "" };
        let bare = format!("{:0width$}", self.minor.unsigned_abs(), width = digits + 1);
        let (whole, fraction) = bare.split_at(bare.len() - digits);
        if digits == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
    }
}

/// What a person reads: `€4,210.50`, `¥1,200`, `CHF 12.00`. Only ASCII separators, so that a text stays in GSM-7.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let amount = self.amount();
        let (sign, amount) = match amount.strip_prefix('-') {
            Some(rest) => ("-", rest),
            None => ("", amount.as_str()),
        };
        let (whole, fraction) = amount.split_once('.').unwrap_or((amount, ""));
        let mut grouped = String::new();
        for (place, digit) in whole.chars().enumerate() {
            if place > 0 && (whole.len() - place).is_multiple_of(3) {
                grouped.push(',');
            }
            grouped.push(digit);
        }
        if !fraction.is_empty() {
            grouped.push('.');
            grouped.push_str(fraction);
        }
        match self.currency.code() {
            "EUR" => write!(f, "{sign}€{grouped}"),
            "USD" => write!(f, "{sign}${grouped}"),
            "GBP" => write!(f, "{sign}£{grouped}"),
            "JPY" => write!(f, "{sign}¥{grouped}"),
            code => write!(f, "{sign}{code} {grouped}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(code: &str, amount: &str, minor: Result<i64, NotMoney>) {
        assert_eq!(Currency::parse(code).unwrap().minor(amount), minor, "{amount} {code}");
    }

    #[test]
    fn amounts_keep_every_digit() {
        check("EUR", "128.00", Ok(12_800));
        check("EUR", "93.2", Ok(9_320));
        check("EUR", "-5", Ok(-500));
        check("EUR", "0.015", Ok(2));
        check("EUR", ".5", Ok(50));
        check("JPY", "1200", Ok(1_200));
        check("JPY", "1200.4", Ok(1_200));
        check("BHD", "93.2", Ok(93_200));
        check("EUR", "1e2", Ok(10_000));
        check("EUR", "1.5E-1", Ok(15));
        check("EUR", "1e-99999", Ok(0));
        check("EUR", "100000000000000.00", Ok(10_000_000_000_000_000));
        check("EUR", "100000000000000.01", Err(NotMoney::TooLarge));
        check("EUR", "-92233720368547758.08", Err(NotMoney::TooLarge));
        check("EUR", "1e999999999", Err(NotMoney::TooLarge));
        check("EUR", "0e999999999", Ok(0));
        check("EUR", "NaN", Err(NotMoney::Amount));
        check("EUR", "1,50", Err(NotMoney::Amount));
        check("EUR", "", Err(NotMoney::Amount));
        check("EUR", "-", Err(NotMoney::Amount));
        check("EUR", "--1", Err(NotMoney::Amount));
    }

    #[test]
    fn json_numbers_are_read_as_written() {
        let euro = Currency::parse("eur").unwrap();
        let read = |json: &str| euro.minor_from(&serde_json::from_str(json).unwrap());
        assert_eq!(read("0.1"), Ok(10));
        assert_eq!(read("\"0.1\""), Ok(10));
        assert_eq!(read("19"), Ok(1_900));
        assert_eq!(read("1.005"), Ok(101));
        assert_eq!(read("null"), Err(NotMoney::Amount));
        assert_eq!(read("[]"), Err(NotMoney::Amount));
    }

    #[test]
    fn shown_as_people_write_it() {
        let show = |minor, code: &str| Money::new(minor, Currency::parse(code).unwrap()).to_string();
        assert_eq!(show(421_050, "EUR"), "€4,210.50");
        assert_eq!(show(-5, "USD"), "-$0.05");
        assert_eq!(show(1_234_567, "JPY"), "¥1,234,567");
        assert_eq!(show(1_200, "CHF"), "CHF 12.00");
    }

    #[test]
    fn unknown_currencies_are_refused() {
        for code in ["", "EU", "EURO", "ZZZ", "€", "12€"] {
            assert_eq!(Currency::parse(code), Err(NotMoney::Currency), "{code}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_again(minor in -(MINOR_MOST as i64)..=MINOR_MOST as i64, code in prop::sample::select(vec!["EUR", "JPY", "KWD"])) {
            let currency = Currency::parse(code).unwrap();
            prop_assert_eq!(currency.minor(&Money::new(minor, currency).amount()), Ok(minor));
        }

        #[test]
        fn text_never_panics(text in ".*") {
            let _ = decimal(&text, 2);
        }
    }
}
