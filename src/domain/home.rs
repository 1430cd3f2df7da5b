//! Homes: the money and the zone most shops of a country have, to begin a form with. A suggestion that is read and may be
//! changed; nothing is decided by it. Money by ISO 4217, zones of the IANA database (the largest where there are several).

/// Country (ISO 3166-1 alpha-2), currency, zone.
const HOMES: &[(&str, &str, &str)] = &[
    ("AE", "AED", "Asia/Dubai"),
    ("AR", "ARS", "America/Argentina/Buenos_Aires"),
    ("AT", "EUR", "Europe/Vienna"),
    ("AU", "AUD", "Australia/Sydney"),
    ("BA", "BAM", "Europe/Sarajevo"),
    ("BE", "EUR", "Europe/Brussels"),
    ("BG", "EUR", "Europe/Sofia"),
    ("BR", "BRL", "America/Sao_Paulo"),
    ("CA", "CAD", "America/Toronto"),
    ("CH", "CHF", "Europe/Zurich"),
    ("CL", "CLP", "America/Santiago"),
    ("CN", "CNY", "Asia/Shanghai"),
    ("CO", "COP", "America/Bogota"),
    ("CY", "EUR", "Asia/Nicosia"),
    ("CZ", "CZK", "Europe/Prague"),
    ("DE", "EUR", "Europe/Berlin"),
    ("DK", "DKK", "Europe/Copenhagen"),
    ("EE", "EUR", "Europe/Tallinn"),
    ("EG", "EGP", "Africa/Cairo"),
    ("ES", "EUR", "Europe/Madrid"),
    ("FI", "EUR", "Europe/Helsinki"),
    ("FR", "EUR", "Europe/Paris"),
    ("GB", "GBP", "Europe/London"),
    ("GR", "EUR", "Europe/Athens"),
    ("HK", "HKD", "Asia/Hong_Kong"),
    ("HR", "EUR", "Europe/Zagreb"),
    ("HU", "HUF", "Europe/Budapest"),
    ("ID", "IDR", "Asia/Jakarta"),
    ("IE", "EUR", "Europe/Dublin"),
    ("IL", "ILS", "Asia/Jerusalem"),
    ("IN", "INR", "Asia/Kolkata"),
    ("IS", "ISK", "Atlantic/Reykjavik"),
    ("IT", "EUR", "Europe/Rome"),
    ("JP", "JPY", "Asia/Tokyo"),
    ("KE", "KES", "Africa/Nairobi"),
    ("KR", "KRW", "Asia/Seoul"),
    ("LI", "CHF", "Europe/Vaduz"),
    ("LT", "EUR", "Europe/Vilnius"),
    ("LU", "EUR", "Europe/Luxembourg"),
    ("LV", "EUR", "Europe/Riga"),
    ("MA", "MAD", "Africa/Casablanca"),
    ("ME", "EUR", "Europe/Podgorica"),
    ("MK", "MKD", "Europe/Skopje"),
    ("MT", "EUR", "Europe/Malta"),
    ("MX", "MXN", "America/Mexico_City"),
    ("MY", "MYR", "Asia/Kuala_Lumpur"),
    ("NG", "NGN", "Africa/Lagos"),
    ("NL", "EUR", "Europe/Amsterdam"),
    ("NO", "NOK", "Europe/Oslo"),
    ("NZ", "NZD", "Pacific/Auckland"),
    ("PE", "PEN", "America/Lima"),
    ("PH", "PHP", "Asia/Manila"),
    ("PK", "PKR", "Asia/Karachi"),
    ("PL", "PLN", "Europe/Warsaw"),
    ("PT", "EUR", "Europe/Lisbon"),
    ("RO", "RON", "Europe/Bucharest"),
    ("RS", "RSD", "Europe/Belgrade"),
    ("SA", "SAR", "Asia/Riyadh"),
    ("SE", "SEK", "Europe/Stockholm"),
    ("SG", "SGD", "Asia/Singapore"),
    ("SI", "EUR", "Europe/Ljubljana"),
    ("SK", "EUR", "Europe/Bratislava"),
    ("TH", "THB", "Asia/Bangkok"),
    ("TR", "TRY", "Europe/Istanbul"),
    ("TW", "TWD", "Asia/Taipei"),
    ("UA", "UAH", "Europe/Kyiv"),
    ("US", "USD", "America/New_York"),
    ("VN", "VND", "Asia/Ho_Chi_Minh"),
    ("ZA", "ZAR", "Africa/Johannesburg"),
];

/// The currency and the zone to suggest for a shop of this country.
pub fn of(country: &str) -> Option<(&'static str, &'static str)> {
    let found = HOMES.iter().find(|(code, ..)| code.eq_ignore_ascii_case(country.trim()))?;
    Some((found.1, found.2))
}

/// Every country there is a suggestion for.
pub fn countries() -> impl Iterator<Item = &'static str> {
    HOMES.iter().map(|(code, ..)| *code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{hours, money::Currency};

    #[test]
    fn every_suggestion_is_one_that_is_taken() {
        for (country, currency, zone) in HOMES {
            assert!(Currency::parse(currency).is_ok() && hours::zone(zone).is_some(), "{country}");
        }
        assert!(HOMES.windows(2).all(|pair| pair[0].0 < pair[1].0), "they are sorted, and so each is there once");
        assert_eq!(of(" si"), Some(("EUR", "Europe/Ljubljana")));
        assert_eq!(of("XX"), None);
    }
}
