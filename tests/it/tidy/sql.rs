//! The rules for SQL text: words that mean the same on SQLite, PostgreSQL and Citus, and keys that begin with the shop,
//! so that no row of one shop can collide with or point at another's.

use cartback::store::spread;

use super::Problem;

/// Tables of the operator, not of a shop: the only ones whose keys may begin with something else.
fn is_of_the_operator(table: &str) -> bool {
    // `mail_server` is gone since.
    spread::EVERYWHERE.iter().chain(&["turn", "mail_server"]).any(|name| table.eq_ignore_ascii_case(name))
}

/// Words no migration uses, each with what is used instead.
const NOT_PORTABLE: &[(&str, &str)] = &[
    ("SERIAL", "ids are made by us"),
    ("BIGSERIAL", "ids are made by us"),
    ("SMALLSERIAL", "ids are made by us"),
    ("AUTOINCREMENT", "ids are made by us"),
    ("GENERATED", "ids are made by us"),
    ("TRIGGER", "the store does it, in sight"),
    ("BOOLEAN", "a nullable time says when, too"),
    ("BOOL", "a nullable time says when, too"),
    ("JSON", "TEXT, read only in Rust"),
    ("JSONB", "TEXT, read only in Rust"),
    ("TIMESTAMP", "BIGINT epoch milliseconds"),
    ("TIMESTAMPTZ", "BIGINT epoch milliseconds"),
    ("DATETIME", "BIGINT epoch milliseconds"),
];

pub fn portable_words(path: &str, text: &str) -> Vec<Problem> {
    let reason = |word: &Word| NOT_PORTABLE.iter().find(|(name, _)| word.is(name)).map(|(_, instead)| *instead);
    let words = words(text, 1);
    let problem = |word: &Word| Some(Problem::at(path, word.line, format!("`{}`: {}", word.text, reason(word)?)));
    words.iter().filter_map(problem).collect()
}

const CLOCKS: &[&str] =
    &["CURRENT_TIMESTAMP", "CURRENT_DATE", "CURRENT_TIME", "LOCALTIMESTAMP", "LOCALTIME", "clock_timestamp"];

/// Asking the database for the time would split it from the clock stories move. `line` is that of the text's beginning.
pub fn asks_the_clock(path: &str, text: &str, line: usize) -> Vec<Problem> {
    let words = words(text, line);
    let asks = |at: usize, word: &Word| match word.quoted {
        true => word.text.eq_ignore_ascii_case("now"),
        false => {
            CLOCKS.iter().any(|name| word.is(name))
                || word.is("NOW") && words.get(at + 1).is_some_and(|next| next.is("("))
        }
    };
    let found = words.iter().enumerate().filter(|(at, word)| asks(*at, word));
    found.map(|(_, word)| Problem::at(path, word.line, format!("SQL asks for the time: `{}`", word.text))).collect()
}

pub fn keys_begin_with_the_shop(path: &str, text: &str) -> Vec<Problem> {
    let words = words(text, 1);
    let statements = words.split(|word| word.is(";"));
    let mut problems = Vec::new();
    for statement in statements.filter(|statement| !statement.is_empty()) {
        let line = statement[0].line;
        let problem = |line, what| Problem::at(path, line, what);
        let Some((table, keys)) = keys(statement) else { continue };
        if is_of_the_operator(table) {
            continue;
        }
        let creates_table = !statement.iter().any(|word| word.is("INDEX"));
        if creates_table && !keys.iter().any(|key| key.kind == "PRIMARY KEY") {
            problems.push(problem(line, format!("`{table}` has no primary key")));
        }
        for key in keys.iter().filter(|key| !key.first.eq_ignore_ascii_case("shop_id")) {
            let what = format!("{} of `{table}` begins with `{}`, not shop_id", key.kind, key.first);
            problems.push(problem(key.line, format!("{what} (an operator's table is named in tidy/sql.rs)")));
        }
    }
    problems
}

/// Statements about many shops at once, each by how it begins, and why it may. On Citus they ask every worker.
const OPERATOR_READS: &[(&str, &str, &str)] = &[
    ("src/store/click.rs", "SELECT verdict,", "what the house's metrics count"),
    (
        "src/store/gateway.rs",
        "SELECT DISTINCT shop_id FROM gateway",
        "whose accounts are kept bound, whose balances are asked for",
    ),
    ("src/store/guard.rs", "SELECT kind, CAST(COUNT", "what the house's metrics count"),
    ("src/store/job.rs", "SELECT shop_id FROM job WHERE due_at", "which shops have work: the worker's one question"),
    ("src/store/job.rs", "SELECT shop_id, due_at FROM", "the same, under a backlog"),
    ("src/store/job.rs", "SELECT shop_id FROM shop", "whose texts wait for an account of the house"),
    ("src/store/job.rs", "SELECT MIN(due_at)", "when the next work falls due"),
    ("src/store/job.rs", "SELECT CAST(COUNT(*) AS BIGINT) FROM job", "how much is overdue, for metrics and alarms"),
    ("src/store/job.rs", "UPDATE job SET due_at = $1", "a process that knows it is alone frees every claim"),
    (
        "src/store/message.rs",
        "SELECT shop_id FROM message WHERE gateway_shop = 0",
        "whose text an account of the house tells of",
    ),
    ("src/store/restored.rs", "UPDATE digest", "a restored database comes to rest"),
    ("src/store/restored.rs", "UPDATE message", "a restored database comes to rest"),
    ("src/store/restored.rs", "DELETE FROM job", "a restored database comes to rest"),
    ("src/store/restored.rs", "SELECT MAX(at)", "up to when a restored database knows"),
    ("src/store/rollup.rs", "SELECT CAST(COALESCE(SUM(value)", "what the house's metrics count"),
    ("src/store/silence.rs", "SELECT shop_id, gateway_id, open_at", "which gateways are away, for alarms"),
    ("src/store/trail.rs", "SELECT", "the house's log of every change"),
    ("src/store/trail.rs", "DELETE FROM trail WHERE at <", "the house's log of every change"),
];

/// The tables of shops, as the migrations make them.
pub fn tables_of_shops(migrations: &str) -> Vec<String> {
    let words = words(migrations, 1);
    let made = words.windows(3).filter(|three| three[0].is("CREATE") && three[1].is("TABLE"));
    made.map(|three| three[2].text.to_ascii_lowercase())
        .filter(|table| !spread::EVERYWHERE.contains(&table.as_str()))
        .collect()
}

/// A statement about tables of shops names one shop: by `shop_id = $…`, or in what it inserts.
pub fn names_one_shop(path: &str, text: &str, line: usize, of_shops: &[String]) -> Vec<Problem> {
    let words = words(text, line);
    let Some(first) = words.first() else { return Vec::new() };
    if !["SELECT", "INSERT", "UPDATE", "DELETE", "WITH"].iter().any(|verb| first.is(verb)) {
        return Vec::new();
    }
    let touched = words.windows(2).find(|two| {
        let named = ["FROM", "JOIN", "INTO", "UPDATE"].iter().any(|word| two[0].is(word));
        named && of_shops.iter().any(|table| two[1].is(table))
    });
    let Some(touched) = touched else { return Vec::new() };
    let named = words.windows(3).any(|three| three[0].is("shop_id") && three[1].is("=") && three[2].is("$"));
    let inserted = first.is("INSERT") && words.iter().take_while(|word| !word.is(")")).any(|word| word.is("shop_id"));
    let listed = OPERATOR_READS.iter().any(|(file, begins, _)| path == *file && text.trim_start().starts_with(begins));
    if named || inserted || listed {
        return Vec::new();
    }
    vec![Problem::at(
        path,
        line,
        format!("names no shop, and touches `{}`: {}", touched[1].text, text.chars().take(60).collect::<String>()),
    )]
}

struct Key {
    line: usize,
    kind: &'static str,
    first: String,
}

/// The table a statement creates, or indexes uniquely, and the keys it declares.
fn keys(statement: &[Word]) -> Option<(&str, Vec<Key>)> {
    let open = statement.iter().position(|word| word.is("("))?;
    let (head, body) = (&statement[..open], &statement[open + 1..]);
    let names = |word: &str| head.iter().any(|found| found.is(word));
    let table = &head.last()?.text;
    let first = &body.first()?.text;
    if !head[0].is("CREATE") {
        None
    } else if names("UNIQUE") && names("INDEX") {
        Some((table, vec![Key { line: head[0].line, kind: "UNIQUE INDEX", first: first.clone() }]))
    } else if names("TABLE") {
        Some((table, parts(body).into_iter().flat_map(declared).collect()))
    } else {
        None
    }
}

/// The columns and constraints between a table's brackets.
fn parts(body: &[Word]) -> Vec<&[Word]> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0, 0);
    for (at, word) in body.iter().enumerate() {
        match word.text.as_str() {
            _ if word.quoted => {}
            "(" => depth += 1,
            ")" if depth == 0 => {
                parts.push(&body[start..at]);
                return parts;
            }
            ")" => depth -= 1,
            "," if depth == 0 => {
                parts.push(&body[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts
}

fn declared(part: &[Word]) -> Vec<Key> {
    let part = match part {
        [constraint, _, rest @ ..] if constraint.is("CONSTRAINT") => rest,
        _ => part,
    };
    let kinds: [(&'static str, &[&str]); 3] =
        [("PRIMARY KEY", &["PRIMARY", "KEY"]), ("UNIQUE", &["UNIQUE"]), ("FOREIGN KEY", &["FOREIGN", "KEY"])];
    let begins = |part: &[Word], words: &[&str]| {
        part.len() >= words.len() && part.iter().zip(words).all(|(found, word)| found.is(word))
    };
    for (kind, words) in kinds {
        if begins(part, words) {
            let first = part.get(words.len() + 1).map(|word| word.text.clone()).unwrap_or_default();
            return vec![Key { line: part[0].line, kind, first }];
        }
    }
    // Otherwise a column, whose own constraints make it the whole key.
    let Some(column) = part.first().filter(|word| !word.is("CHECK")) else { return Vec::new() };
    let own = [("PRIMARY KEY", "PRIMARY"), ("UNIQUE", "UNIQUE"), ("FOREIGN KEY", "REFERENCES")];
    own.into_iter()
        .filter(|(_, word)| part.iter().any(|found| found.is(word)))
        .map(|(kind, _)| Key { line: column.line, kind, first: column.text.clone() })
        .collect()
}

struct Word {
    line: usize,
    /// A 'text' literal; quoted identifiers are plain words.
    quoted: bool,
    text: String,
}

impl Word {
    fn is(&self, word: &str) -> bool {
        !self.quoted && self.text.eq_ignore_ascii_case(word)
    }
}

/// SQL without comments and spaces.
fn words(text: &str, line: usize) -> Vec<Word> {
    let mut words = Vec::new();
    let (mut rest, mut line) = (text, line);
    while let Some(next) = rest.chars().next() {
        let after =
            |end: &str, from: usize| rest[from..].find(end).map_or(rest.len(), |found| from + found + end.len());
        let is_word = |next: char| next.is_alphanumeric() || next == '_';
        let (length, word) = match next {
            '-' if rest.starts_with("--") => (after("\n", 2), None),
            '/' if rest.starts_with("/*") => (after("*/", 2), None),
            '\'' => (after("'", 1), Some((true, rest[1..after("'", 1)].trim_end_matches('\'')))),
            '"' => (after("\"", 1), Some((false, rest[1..after("\"", 1)].trim_end_matches('"')))),
            _ if next.is_whitespace() => (next.len_utf8(), None),
            _ if is_word(next) => {
                let length = rest.find(|next| !is_word(next)).unwrap_or(rest.len());
                (length, Some((false, &rest[..length])))
            }
            _ => (next.len_utf8(), Some((false, &rest[..next.len_utf8()]))),
        };
        if let Some((quoted, text)) = word {
            words.push(Word { line, quoted, text: text.to_owned() });
        }
        line += rest[..length].matches('\n').count();
        rest = &rest[length..];
    }
    words
}

#[test]
fn the_portable_words_rule_can_fail() {
    let text =
        "-- a TRIGGER\nCREATE TABLE a (b BIGSERIAL,\n c boolean, d TEXT DEFAULT 'jsonb',\n \"timestamp\" BIGINT);";
    super::check(portable_words, "migrations/1.sql", text, &[2, 3, 4]);
}

#[test]
fn the_rule_of_one_shop_can_fail() {
    let made =
        tables_of_shops("CREATE TABLE cart (shop_id BIGINT);\nCREATE TABLE shop (a BIGINT);\nCREATE INDEX x ON y (z);");
    assert_eq!(made, ["cart"]);
    let check = |text: &str, problems: usize| {
        assert_eq!(names_one_shop("src/store/x.rs", text, 1, &made).len(), problems, "{text}");
    };
    check("SELECT a FROM cart WHERE shop_id = $1", 0);
    check("SELECT a FROM cart JOIN b ON b.id = cart.id WHERE cart.shop_id = $2 AND c = $1", 0);
    check("SELECT a FROM cart WHERE cart_id = $1", 1);
    check("SELECT a FROM shop JOIN cart ON cart.shop_id = shop.shop_id", 1);
    check("SELECT a FROM shop", 0);
    check("UPDATE cart SET a = $1 WHERE cart_id = $2", 1);
    check("DELETE FROM cart WHERE at < $1", 1);
    check("INSERT INTO cart (shop_id, a) VALUES ($1, $2)", 0);
    check("INSERT INTO cart (a) VALUES ($1)", 1);
    check("WITH x AS (SELECT a FROM cart) SELECT a FROM x", 1);
    check(" of the cart FROM cart", 0);
}

#[test]
fn the_key_rule_can_fail() {
    let check = |text, lines: &[usize]| super::check(keys_begin_with_the_shop, "migrations/1.sql", text, lines);
    check("CREATE TABLE cart (shop_id BIGINT NOT NULL, id BIGINT NOT NULL, PRIMARY KEY (shop_id, id));", &[]);
    check("CREATE TABLE cart (\n shop_id BIGINT,\n id BIGINT,\n PRIMARY KEY (id, shop_id)\n);", &[4]);
    check("CREATE TABLE cart (shop_id BIGINT,\n id BIGINT PRIMARY KEY);", &[2]);
    check("CREATE TABLE cart (shop_id BIGINT);", &[1]);
    check(
        "CREATE TABLE IF NOT EXISTS cart (shop_id BIGINT PRIMARY KEY,\n token TEXT CHECK (token <> '') UNIQUE);",
        &[2],
    );
    check("CREATE TABLE cart (shop_id BIGINT PRIMARY KEY,\n CONSTRAINT once UNIQUE (token, shop_id));", &[2]);
    check("CREATE TABLE cart (shop_id BIGINT REFERENCES shop (id), id BIGINT, PRIMARY KEY (shop_id, id));", &[]);
    check("CREATE TABLE text (shop_id BIGINT PRIMARY KEY, cart_id BIGINT REFERENCES cart (id));", &[1]);
    check("CREATE TABLE text (shop_id BIGINT PRIMARY KEY,\n FOREIGN KEY (cart_id) REFERENCES cart (id));", &[2]);
    check("CREATE TABLE node (id BIGINT PRIMARY KEY);", &[]);
    check("CREATE INDEX a ON cart (token);\nCREATE UNIQUE INDEX b ON cart (token);", &[2]);
    check("CREATE UNIQUE INDEX b ON cart (shop_id, token) WHERE token IS NOT NULL;", &[]);
    check("INSERT INTO cart (id) VALUES (1);", &[]);
}
