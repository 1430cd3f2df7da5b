//! The cast: two shops that do not exist, and people nobody is. Numbers are of ranges set aside for films (Germany) or
//! never given out (subscriber parts that begin with zeros), e-mail addresses end in `.example`.

use super::chance::Chance;

/// A simulated shop, as a shopkeeper would describe it.
#[derive(Debug)]
pub struct Profile {
    pub name: &'static str,
    pub domain: &'static str,
    pub country: &'static str,
    /// Whose numbers it texts.
    pub countries: &'static str,
    pub currency: &'static str,
    pub zone: &'static str,
    /// What it sells, with prices in minor units.
    pub goods: &'static [(&'static str, i64)],
    /// Who buys there: the place of a land in `LANDS` and how often.
    pub shoppers: &'static [(usize, u64)],
    /// Checkouts begun on a day of the history, about.
    pub a_day: u64,
}

pub static SHOPS: [Profile; 2] = [
    Profile {
        name: "Lipa & Lan",
        domain: "lipa-in-lan.example",
        country: "SI",
        currency: "EUR",
        zone: "Europe/Ljubljana",
        goods: &[
            ("Linen bed set", 12_900),
            ("Linden honey, 900 g", 1_490),
            ("Stonewashed apron", 3_950),
            ("Set of six napkins", 2_840),
            ("Oak bread board", 4_600),
            ("Beeswax candle", 1_250),
            ("Wool throw", 8_900),
            ("Table runner, flax", 3_190),
            ("Bathrobe, waffle linen", 10_400),
        ],
        shoppers: &[(0, 44), (1, 14), (2, 16), (3, 15), (4, 11)],
        countries: "SI,AT,DE,HR,IT",
        a_day: 12,
    },
    Profile {
        name: "Hochwald",
        domain: "hochwald.example",
        country: "CH",
        currency: "CHF",
        zone: "Europe/Zurich",
        goods: &[
            ("Merino base layer", 8_900),
            ("Trail socks, 3 pairs", 3_450),
            ("Enamel mug", 1_890),
            ("Headlamp 400 lm", 6_490),
            ("Down jacket", 24_900),
            ("Map case", 2_700),
            ("Trekking poles", 11_900),
        ],
        shoppers: &[(5, 58), (6, 16), (7, 12), (2, 14)],
        countries: "CH,DE",
        a_day: 5,
    },
];

/// A country as seen through its people.
#[derive(Debug)]
pub struct Land {
    pub country: &'static str,
    pub language: &'static str,
    pub prefix: &'static str,
    /// Dialled before the rest of a number within the country.
    pub trunk: &'static str,
    /// With `#` for any digit, after the prefix.
    pub mobiles: &'static [&'static str],
    pub landline: &'static str,
    pub first_names: &'static [&'static str],
    pub last_names: &'static [&'static str],
    pub towns: &'static [(&'static str, &'static str)],
}

pub static LANDS: [Land; 8] = [
    Land {
        country: "SI",
        language: "sl-SI",
        prefix: "386",
        trunk: "0",
        mobiles: &["40000###", "41000###", "31000###", "51000###"],
        landline: "12000###",
        first_names: &["Ana", "Maja", "Luka", "Nina", "Marko", "Eva", "Rok", "Tina", "Jure", "Sara", "Miha", "Katja"],
        last_names: &["Novak", "Kovač", "Zupan", "Potočnik", "Mlakar", "Kos", "Vidmar", "Golob", "Turk", "Božič"],
        towns: &[("Ljubljana", "1000"), ("Maribor", "2000"), ("Celje", "3000"), ("Koper", "6000"), ("Kranj", "4000")],
    },
    Land {
        country: "AT",
        language: "de-AT",
        prefix: "43",
        trunk: "0",
        mobiles: &["6640000###", "6760000###"],
        landline: "12000###",
        first_names: &["Lena", "Jakob", "Anna", "Felix", "Marie", "Paul", "Sophie", "David"],
        last_names: &["Gruber", "Huber", "Wagner", "Pichler", "Moser", "Steiner"],
        towns: &[("Wien", "1010"), ("Graz", "8010"), ("Klagenfurt", "9020"), ("Villach", "9500")],
    },
    Land {
        country: "DE",
        language: "de-DE",
        prefix: "49",
        trunk: "0",
        mobiles: &["17139200##", "176040690##"],
        landline: "3023125###",
        first_names: &["Hannah", "Leon", "Emma", "Jonas", "Mia", "Finn", "Clara", "Moritz", "Greta"],
        last_names: &["Schmidt", "Becker", "Hoffmann", "Koch", "Richter", "Wolf", "Schröder"],
        towns: &[("München", "80331"), ("Berlin", "10115"), ("Köln", "50667"), ("Leipzig", "04109")],
    },
    Land {
        country: "HR",
        language: "hr-HR",
        prefix: "385",
        trunk: "0",
        mobiles: &["910000###", "980000###"],
        landline: "12000###",
        first_names: &["Ivana", "Marin", "Petra", "Ante", "Lucija", "Filip", "Dora", "Ivan"],
        last_names: &["Horvat", "Babić", "Marić", "Jurić", "Knežević", "Perić"],
        towns: &[("Zagreb", "10000"), ("Split", "21000"), ("Rijeka", "51000"), ("Osijek", "31000")],
    },
    Land {
        country: "IT",
        language: "it-IT",
        prefix: "39",
        trunk: "",
        mobiles: &["3200000###", "3400000###"],
        landline: "0400000###",
        first_names: &["Giulia", "Marco", "Chiara", "Luca", "Elena", "Matteo", "Francesca"],
        last_names: &["Rossi", "Ferrari", "Esposito", "Bianchi", "Greco", "Conti"],
        towns: &[("Trieste", "34121"), ("Udine", "33100"), ("Milano", "20121"), ("Venezia", "30121")],
    },
    Land {
        country: "CH",
        language: "de-CH",
        prefix: "41",
        trunk: "0",
        mobiles: &["760000###", "790000###"],
        landline: "440000###",
        first_names: &["Nora", "Luis", "Lea", "Nils", "Selina", "Tim", "Alina", "Reto"],
        last_names: &["Meier", "Keller", "Frei", "Baumann", "Graf", "Widmer"],
        towns: &[("Zürich", "8001"), ("Bern", "3011"), ("Luzern", "6003"), ("Chur", "7000")],
    },
    Land {
        country: "CH",
        language: "fr-CH",
        prefix: "41",
        trunk: "0",
        mobiles: &["780000###"],
        landline: "220000###",
        first_names: &["Camille", "Noah", "Léa", "Hugo", "Manon"],
        last_names: &["Favre", "Rochat", "Blanc", "Girard"],
        towns: &[("Lausanne", "1003"), ("Genève", "1204"), ("Sion", "1950")],
    },
    Land {
        country: "CH",
        language: "it-CH",
        prefix: "41",
        trunk: "0",
        mobiles: &["770000###"],
        landline: "910000###",
        first_names: &["Alessia", "Diego", "Gioia", "Elia"],
        last_names: &["Bernasconi", "Fontana", "Galli", "Rezzonico"],
        towns: &[("Lugano", "6900"), ("Bellinzona", "6500")],
    },
];

/// Somebody who shops.
#[derive(Clone, Debug)]
pub struct Person {
    /// The shop's number for them.
    pub customer: u64,
    pub first_name: String,
    pub last_name: String,
    pub email: String,
    pub country: String,
    pub language: String,
    pub town: String,
    pub zip: String,
    /// E.164, or what was typed where no number was meant.
    pub phone: Option<String>,
    /// The same as typed into the form.
    pub typed: Option<String>,
}

/// What kind of number somebody leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    Mobile,
    Landline,
    Nonsense,
    None,
}

impl Person {
    /// Somebody new of this shop's public.
    pub fn meet(shop: &Profile, number: Number, chance: &mut Chance) -> Person {
        let place = chance.weighed(shop.shoppers.iter().map(|(_, weight)| *weight));
        let land = shop.shoppers.get(place).and_then(|(land, _)| LANDS.get(*land)).unwrap_or(&LANDS[0]);
        let first_name = (*chance.one(land.first_names).unwrap_or(&"Ana")).to_owned();
        let last_name = (*chance.one(land.last_names).unwrap_or(&"Novak")).to_owned();
        let (town, zip) = *chance.one(land.towns).unwrap_or(&("Ljubljana", "1000"));
        let customer = 7_000_000_000_000 + chance.up_to(899_999_999_999);
        let pattern = match number {
            Number::Mobile => chance.one(land.mobiles).copied(),
            Number::Landline => Some(land.landline),
            Number::Nonsense | Number::None => None,
        };
        let national = pattern.map(|pattern| chance.digits(pattern));
        let at_home = chance.happens(400);
        let typed = match (&national, number) {
            (Some(rest), _) if at_home => Some(format!("{}{rest}", land.trunk)),
            (Some(rest), _) => Some(format!("+{} {rest}", land.prefix)),
            (None, Number::Nonsense) => Some("12345".to_owned()),
            (None, _) => None,
        };
        Person {
            email: address(&first_name, &last_name, chance),
            customer,
            first_name,
            last_name,
            country: land.country.to_owned(),
            language: land.language.to_owned(),
            town: town.to_owned(),
            zip: zip.to_owned(),
            phone: national.map(|rest| format!("+{}{rest}", land.prefix)),
            typed,
        }
    }

    /// `Ana (SI)`; whoever watches leaves no name.
    pub fn shown(&self) -> String {
        if self.first_name.is_empty() {
            return "You".to_owned();
        }
        format!("{} ({})", self.first_name, self.country)
    }
}

fn address(first: &str, last: &str, chance: &mut Chance) -> String {
    let plain = |name: &str| -> String {
        name.to_lowercase()
            .chars()
            .map(|c| match c {
                'č' | 'ć' => 'c',
                'š' => 's',
                'ž' => 'z',
                'ö' => 'o',
                'é' => 'e',
                c if c.is_ascii_alphabetic() => c,
                _ => 'x',
            })
            .collect()
    };
    format!("{}.{}{}@shopper.example", plain(first), plain(last), chance.up_to(99))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        hours,
        money::Currency,
        phone::{Phone, PhoneProblem},
    };

    #[test]
    fn every_number_is_of_its_kind_as_typed_and_whole() {
        let mut chance = Chance::new(3);
        for (shop, number) in SHOPS.iter().flat_map(|shop| {
            [Number::Mobile, Number::Landline, Number::Nonsense, Number::None].map(|number| (shop, number))
        }) {
            for _ in 0..300 {
                let person = Person::meet(shop, number, &mut chance);
                let read = person.typed.as_deref().map(|typed| Phone::read(typed, &[&person.country]));
                let found = read.map(|read| read.map(|phone| phone.e164().to_owned()));
                match number {
                    Number::Mobile => assert_eq!(found, Some(Ok(person.phone.clone().unwrap())), "{person:?}"),
                    Number::Landline => assert_eq!(found, Some(Err(PhoneProblem::NotMobile)), "{person:?}"),
                    Number::Nonsense => assert!(found.is_some_and(|found| found.is_err()), "{person:?}"),
                    Number::None => assert_eq!(found, None),
                }
                assert!(person.email.is_ascii(), "{person:?}");
            }
        }
    }

    #[test]
    fn the_shops_can_be_connected() {
        for shop in &SHOPS {
            assert!(Currency::parse(shop.currency).is_ok() && hours::zone(shop.zone).is_some());
            assert!(!shop.goods.is_empty() && shop.shoppers.iter().all(|(land, _)| *land < LANDS.len()));
        }
    }
}
