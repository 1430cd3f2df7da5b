//! Held: what a transaction writes of single rows, held back so that what is alike is written by one statement. Whoever asks
//! cannot tell: it is written before the first statement that names its table, and before the commit. Only what is written
//! without asking how many rows it touched can wait like this.

use std::fmt::Write;

use super::Bind;

/// Rows that are written together; as many as a handful has pieces.
const TOGETHER: usize = 16;

/// A statement about one row, taken apart so that it can be about several: an INSERT of values, or an UPDATE of the row with
/// a key.
pub struct Single {
    pub text: &'static str,
    /// `None` where it cannot be taken apart: then nothing waits.
    parts: Option<Parts>,
}

struct Parts {
    table: &'static str,
    shape: Shape,
    /// How many values it has.
    values: usize,
    /// The columns that name its row, and which of its values each has. Empty where the text does not tell.
    key: Vec<(&'static str, usize)>,
    /// Whether one statement may be about the same row twice.
    twice: bool,
    /// Which of them only add to what is there: then two about the same row are one with both added up.
    sums: Vec<usize>,
}

enum Shape {
    /// The statement to the word VALUES, the row in brackets, and what follows it.
    Insert { head: &'static str, row: Vec<Word>, tail: &'static str },
    /// The statement to its WHERE, and from there on. `$1` is the same in all rows.
    Update { set: Vec<Word>, rest: Vec<Word> },
}

/// Text, or the place of a value: counted from 1, as in the statement.
enum Word {
    Text(&'static str),
    Place(usize),
}

impl Single {
    pub fn of(text: &'static str) -> Single {
        let parts = inserted(text).or_else(|| updated(text));
        debug_assert!(parts.is_some(), "nothing about one row: {text}");
        Single { text, parts }
    }
}

/// The text and the places in it.
fn words(text: &'static str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut pieces = text.split('$');
    words.extend(pieces.next().map(Word::Text));
    for piece in pieces {
        let end = piece.find(|c: char| !c.is_ascii_digit()).unwrap_or(piece.len());
        let (number, rest) = piece.split_at(end);
        words.extend([Word::Place(number.parse().unwrap_or_default()), Word::Text(rest)]);
    }
    words
}

fn places(words: &[Word]) -> impl Iterator<Item = usize> + '_ {
    words.iter().filter_map(|word| match word {
        Word::Place(number) => Some(*number),
        Word::Text(_) => None,
    })
}

fn inserted(text: &'static str) -> Option<Parts> {
    let (into, rest) = text.split_once("VALUES")?;
    let (table, columns) = into.trim_start().strip_prefix("INSERT INTO ")?.split_once('(')?;
    let columns: Vec<&str> = columns.split_once(')')?.0.split(',').map(str::trim).collect();
    // No value of a row is a call, so that the first bracket that closes is its last.
    let (row, tail) = rest.trim_start().strip_prefix('(')?.split_once(')')?;
    let items: Vec<&str> = row.split(',').map(str::trim).collect();
    if row.contains('(') || tail.contains('$') || items.len() != columns.len() {
        return None;
    }
    // The value of a column, where it is one.
    let value = |name: &str| {
        let at = columns.iter().position(|column| *column == name)?;
        Some(items.get(at)?.strip_prefix('$')?.parse::<usize>().ok()? - 1)
    };
    let keyed = |conflict: &'static str| -> Option<Vec<(&'static str, usize)>> {
        let named = conflict.split_once('(')?.1.split_once(')')?.0;
        Some(named.split(',').filter_map(|name| Some((name.trim(), value(name.trim())?))).collect())
    };
    let twice = !tail.contains("DO UPDATE");
    let (key, sums) = match tail.split_once("DO UPDATE SET") {
        None => (keyed(tail).unwrap_or_default(), Vec::new()),
        Some((conflict, changes)) => {
            let added = changes.split(',').map(|change| {
                let (column, rest) = change.trim().split_once(" = ")?;
                (rest == format!("{}.{column} + excluded.{column}", table.trim())).then(|| value(column))?
            });
            let added: Option<Vec<usize>> = added.collect();
            (keyed(conflict)?, added.unwrap_or_default())
        }
    };
    let row = words(row);
    let values = places(&row).max()?;
    let head = &text[..text.len() - rest.len()];
    Some(Parts { table: table.trim(), shape: Shape::Insert { head, row, tail }, values, key, twice, sums })
}

fn updated(text: &'static str) -> Option<Parts> {
    let (table, _) = text.trim_start().strip_prefix("UPDATE ")?.split_once(" SET")?;
    // The last WHERE is the statement's own.
    let (set, rest) = text.split_at(text.rfind("WHERE")?);
    let named = rest.trim_start_matches("WHERE").split(" AND ").map(|part| {
        let (column, place) = part.trim().split_once(" = $")?;
        Some((column, place.parse::<usize>().ok()? - 1))
    });
    let key: Vec<(&'static str, usize)> = named.collect::<Option<_>>()?;
    let (set, rest) = (words(set), words(rest));
    let values = places(&set).chain(places(&rest)).max()?;
    Some(Parts { table, shape: Shape::Update { set, rest }, values, key, twice: false, sums: Vec::new() })
}

impl Parts {
    /// The statement about so many rows.
    fn text(&self, rows: usize, single: &'static str) -> String {
        match &self.shape {
            _ if rows == 1 => single.to_owned(),
            Shape::Insert { head, row, tail } => {
                let mut text = (*head).to_owned();
                for at in 0..rows {
                    text.push_str(if at == 0 { " (" } else { ", (" });
                    said(&mut text, row, |number| format!("${}", at * self.values + number));
                    text.push(')');
                }
                text + tail
            }
            Shape::Update { set, rest } => {
                let told = |number| if number == 1 { "$1".to_owned() } else { format!("told.column{number}") };
                let mut text = String::new();
                said(&mut text, set, told);
                text.push_str("FROM (VALUES ");
                for at in 0..rows {
                    text.push_str(if at == 0 { "(" } else { ", (" });
                    for number in 1..=self.values {
                        let _ = write!(text, "{}${}", if number == 1 { "" } else { ", " }, at * self.values + number);
                    }
                    text.push(')');
                }
                text.push_str(") AS told ");
                said(&mut text, rest, told);
                text
            }
        }
    }

    /// Whether one statement must not be about both.
    fn exclude(&self, one: &[Bind], other: &[Bind]) -> bool {
        let of_two_shops = matches!(self.shape, Shape::Update { .. }) && one.first() != other.first();
        of_two_shops || !self.twice && self.may_meet(one, self, other)
    }

    /// Whether a row of this and one of another statement about the same table may be the same: they are two where any column
    /// that names both differs.
    fn may_meet(&self, one: &[Bind], of: &Parts, other: &[Bind]) -> bool {
        self.key.iter().all(|(name, at)| {
            let theirs = of.key.iter().find(|(column, _)| column == name);
            theirs.is_none_or(|(_, of)| one.get(*at) == other.get(*of))
        })
    }
}

fn said(text: &mut String, words: &[Word], place: impl Fn(usize) -> String) {
    for word in words {
        match word {
            Word::Text(word) => text.push_str(word),
            Word::Place(number) => text.push_str(&place(*number)),
        }
    }
}

/// Rows of one statement that wait.
pub struct Held {
    single: &'static Single,
    rows: Vec<Vec<Bind>>,
}

impl Held {
    /// The statement about one of them.
    pub fn text(&self) -> &'static str {
        self.single.text
    }

    /// As statements: about sixteen rows, eight, four, two and one, so that a connection prepares few of them.
    pub fn statements(self) -> Vec<(String, Vec<Bind>)> {
        let Some(parts) = &self.single.parts else { return Vec::new() };
        let mut statements = Vec::new();
        let mut rows = self.rows.into_iter();
        let mut left = rows.len();
        while left > 0 {
            let some = (1 << left.ilog2()).min(TOGETHER);
            let text = parts.text(some, self.single.text);
            statements.push((text, rows.by_ref().take(some).flatten().collect()));
            left -= some;
        }
        statements
    }
}

/// What waits, in the order in which it began to.
#[derive(Default)]
pub struct Later(Vec<Held>);

impl Later {
    /// Holds a row back. What comes back is to be written now: enough for a statement, or earlier ones that this one would be
    /// in the way of. `Err` gives a row back that cannot wait.
    pub fn hold(&mut self, single: &'static Single, row: Vec<Bind>) -> Result<Vec<Held>, Vec<Bind>> {
        let Some(parts) = &single.parts else { return Err(row) };
        if !parts.sums.is_empty()
            && let Some(held) = self.0.iter_mut().find(|held| std::ptr::eq(held.single, single))
            && let Some(known) = held.rows.iter_mut().find(|known| parts.exclude(known, &row))
        {
            for at in &parts.sums {
                if let (Some(Bind::Int(known)), Some(Bind::Int(more))) = (known.get_mut(*at), row.get(*at)) {
                    *known = known.saturating_add(*more);
                }
            }
            return Ok(Vec::new());
        }
        // Two words about one row stay in their order, however they are written.
        let in_the_way = |held: &mut Held| {
            held.single.parts.as_ref().is_some_and(|other| {
                let of_others = !std::ptr::eq(held.single, single);
                let meet = |waits: &Vec<Bind>| {
                    if of_others { other.may_meet(waits, parts, &row) } else { parts.exclude(waits, &row) }
                };
                other.table == parts.table && held.rows.iter().any(meet)
            })
        };
        let mut ready: Vec<Held> = self.0.extract_if(.., in_the_way).collect();
        match self.0.iter_mut().position(|held| std::ptr::eq(held.single, single)) {
            None => self.0.push(Held { single, rows: vec![row] }),
            Some(at) => {
                self.0[at].rows.push(row);
                if self.0[at].rows.len() == TOGETHER {
                    ready.push(self.0.remove(at));
                }
            }
        }
        Ok(ready)
    }

    /// The first of those whose table this statement names; of all where there is no statement.
    pub fn next(&mut self, sql: Option<&str>) -> Option<Held> {
        let table = |held: &Held| held.single.parts.as_ref().map_or("", |parts| parts.table);
        let at = self.0.iter().position(|held| sql.is_none_or(|sql| names(sql, table(held))))?;
        Some(self.0.remove(at))
    }
}

/// Whether a word of the statement is this one.
fn names(sql: &str, word: &str) -> bool {
    let within = |c: char| c.is_ascii_alphanumeric() || c == '_';
    sql.match_indices(word).any(|(at, _)| {
        let (before, after) = (&sql[..at], &sql[at + word.len()..]);
        !before.ends_with(within) && !after.starts_with(within)
    })
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;

    static SET: LazyLock<Single> = LazyLock::new(|| {
        Single::of(
            "INSERT INTO job (shop_id, kind, subject_id, due_at) VALUES ($1, 'x', $2, $3)
             ON CONFLICT (shop_id, kind, subject_id) DO UPDATE SET due_at = excluded.due_at",
        )
    });
    static ENSURE: LazyLock<Single> = LazyLock::new(|| {
        Single::of(
            "INSERT INTO job (shop_id, kind, subject_id, due_at) VALUES ($1, 'x', $2, $3)
             ON CONFLICT (shop_id, kind, subject_id) DO NOTHING",
        )
    });
    static PUT_BACK: LazyLock<Single> =
        LazyLock::new(|| Single::of("UPDATE job SET due_at = $3 WHERE shop_id = $1 AND subject_id = $2"));
    static UNNAMED: LazyLock<Single> =
        LazyLock::new(|| Single::of("INSERT INTO job (shop_id, subject_id, due_at) VALUES ($1, $2, $3)"));
    static ADD: LazyLock<Single> = LazyLock::new(|| {
        Single::of("INSERT INTO cart_act (shop_id, at, listed_at) VALUES ($1, $2, $2) ON CONFLICT (shop_id) DO NOTHING")
    });
    static COUNT: LazyLock<Single> = LazyLock::new(|| {
        Single::of(
            "INSERT INTO guard (shop_id, kind, texts, micros) VALUES ($1, $2, $3, $4)
             ON CONFLICT (shop_id, kind) DO UPDATE SET texts = guard.texts + excluded.texts,
                 micros = guard.micros + excluded.micros",
        )
    });
    static CHANGE: LazyLock<Single> = LazyLock::new(|| {
        Single::of(
            "UPDATE cart SET at = COALESCE($3, at), step = (SELECT MAX(step) FROM message WHERE shop_id = $1 AND cart_id = $2)
             WHERE shop_id = $1 AND cart_id = $2",
        )
    });

    fn row(numbers: &[i64]) -> Vec<Bind> {
        numbers.iter().map(|number| Bind::Int(*number)).collect()
    }

    fn texts(held: Held) -> Vec<(String, usize)> {
        held.statements().into_iter().map(|(text, binds)| (text, binds.len())).collect()
    }

    #[test]
    fn rows_of_one_kind_become_one_statement() {
        let mut later = Later::default();
        assert!(matches!(later.hold(&ADD, row(&[1, 10])), Ok(held) if held.is_empty()));
        assert!(matches!(later.hold(&SET, row(&[1, 7, 5])), Ok(held) if held.is_empty()));
        // The same again is no trouble where nothing is updated.
        assert!(matches!(later.hold(&ADD, row(&[1, 10])), Ok(held) if held.is_empty()));
        assert!(matches!(later.hold(&ADD, row(&[1, 12])), Ok(held) if held.is_empty()));
        let held = later.next(Some("SELECT at FROM cart_act WHERE shop_id = $1")).expect("named");
        let (head, tail) =
            ("INSERT INTO cart_act (shop_id, at, listed_at) VALUES (", ") ON CONFLICT (shop_id) DO NOTHING");
        assert_eq!(
            texts(held),
            [(format!("{head}$1, $2, $2), ($3, $4, $4{tail}"), 4), (format!("{head}$1, $2, $2{tail}"), 2)]
        );
        assert!(later.next(Some("SELECT at FROM cart_act WHERE shop_id = $1")).is_none());
        assert!(later.next(Some("SELECT job_id FROM cart, jobs WHERE shop_id = $1")).is_none());
        let held = later.next(Some("UPDATE job SET due_at = 0 WHERE shop_id = $1")).expect("named");
        assert!(texts(held)[0].0.contains("VALUES ($1, 'x', $2, $3)\n"));
        assert!(later.next(None).is_none());
    }

    #[test]
    fn changes_of_several_rows_are_one_statement() {
        let mut later = Later::default();
        for cart in [7, 8] {
            assert!(matches!(later.hold(&CHANGE, row(&[1, cart, 5])), Ok(held) if held.is_empty()));
        }
        let [(text, binds)] =
            &texts(later.next(Some("SELECT at FROM cart WHERE shop_id = $1 AND cart_id = $2")).expect("named"))[..]
        else {
            panic!("one statement")
        };
        let words: Vec<&str> = text.split_whitespace().collect();
        assert_eq!(
            words.join(" "),
            "UPDATE cart SET at = COALESCE(told.column3, at), step = (SELECT MAX(step) FROM message WHERE shop_id = $1 AND \
             cart_id = told.column2) FROM (VALUES ($1, $2, $3), ($4, $5, $6)) AS told \
             WHERE shop_id = $1 AND cart_id = told.column2"
        );
        assert_eq!(*binds, 6);
        // One statement is about one shop.
        assert!(matches!(later.hold(&CHANGE, row(&[1, 7, 5])), Ok(held) if held.is_empty()));
        assert!(matches!(later.hold(&CHANGE, row(&[2, 8, 5])), Ok(held) if held.len() == 1));
        assert_eq!(texts(later.next(None).expect("the other shop's")), [(CHANGE.text.to_owned(), 3)]);
    }

    #[test]
    fn what_would_be_written_twice_is_written_one_after_the_other() {
        let mut later = Later::default();
        for subject in [7, 8] {
            assert!(matches!(later.hold(&SET, row(&[1, subject, 5])), Ok(held) if held.is_empty()));
        }
        const NONE: [Vec<Bind>; 0] = [];
        let mut told = |single: &'static Single, numbers: &[i64]| -> Vec<Vec<Bind>> {
            let ready = later.hold(single, row(numbers)).unwrap_or_else(|_| panic!("it can wait"));
            ready.into_iter().flat_map(Held::statements).map(|(_, binds)| binds).collect()
        };
        assert_eq!(told(&SET, &[1, 8, 6]), [row(&[1, 7, 5, 1, 8, 5])], "the earlier ones go first");
        assert_eq!(told(&ENSURE, &[1, 9, 9]), NONE, "another row is in nobody's way");
        assert_eq!(told(&ENSURE, &[1, 8, 9]), [row(&[1, 8, 6])], "in the order they came");
        assert_eq!(told(&PUT_BACK, &[1, 7, 9]), NONE);
        assert_eq!(told(&PUT_BACK, &[1, 9, 9]), [row(&[1, 9, 9, 1, 8, 9])]);
        assert_eq!(told(&UNNAMED, &[1, 6, 4]), [row(&[1, 7, 9, 1, 9, 9])], "who does not tell its row may be any");
    }

    #[test]
    fn what_is_counted_twice_is_added_up() {
        let mut later = Later::default();
        for (kind, texts) in [(7, 1), (8, 1), (7, 2)] {
            assert!(matches!(later.hold(&COUNT, row(&[1, kind, texts, 10])), Ok(held) if held.is_empty()));
        }
        assert_eq!(later.next(None).expect("both").statements()[0].1, row(&[1, 7, 3, 20, 1, 8, 1, 10]));
    }

    #[test]
    fn enough_for_a_statement_is_written() {
        let mut later = Later::default();
        let written = (0..40).flat_map(|at| later.hold(&SET, row(&[1, at, 5])).unwrap_or_default()).map(texts);
        assert_eq!(written.map(|all| all.len()).collect::<Vec<_>>(), [1, 1]);
        let counts: Vec<usize> =
            texts(later.next(None).expect("the rest")).into_iter().map(|(_, binds)| binds).collect();
        assert_eq!(counts, [8 * 3]);
    }
}
