//! Where something stands in a JSON body: `data.cart.id`, `items[].name`, `customer.phone | billing.phone`. Decides how
//! a path is written and what it leads to; never what that means.
//!
//! Keys have dots between them; `[]` stands for each entry of a list, `[0]` for one of them, `["a.b"]` for a key with a
//! dot in it. `|` separates alternatives, in order of trust. `null`, `""`, `[]` and `{}` count as nothing: the next
//! alternative is tried. No sentence made here contains a value of the body, only the names of its keys.

use std::fmt;

use serde_json::Value;

const WAYS_MAX: usize = 8;
const STEPS_MAX: usize = 24;
const PATH_CHARS_MAX: usize = 1_000;
const PLACE_MAX: usize = 999;
/// More finds of one path are not looked at.
const FOUND_MOST: usize = 1_000;
/// More keys than this say nothing to who reads them.
const KEYS_SHOWN: usize = 12;
const KEY_CHARS_SHOWN: usize = 40;

/// One or more ways to the same thing, most trusted first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::shop) struct Path(Vec<Way>);

/// One of them; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::shop) struct Way(Vec<Step>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::shop) enum Step {
    Key(String),
    /// Each entry of a list.
    Each,
    /// One entry, counted from 0.
    Place(usize),
}

/// For `Field::check`.
pub(in crate::shop) fn check(text: &str) -> Result<(), &'static str> {
    Path::parse(text).map(|_| ())
}

/// The same for what stands in each entry of a list.
pub(in crate::shop) fn check_in_list(text: &str) -> Result<(), &'static str> {
    let path = Path::parse(text)?;
    if path.ways().all(|way| way.in_list().is_some()) {
        Ok(())
    } else {
        Err("have [] after the list in each of its alternatives, such as items[].name")
    }
}

impl Path {
    /// The error ends the phrase "… must ".
    pub(in crate::shop) fn parse(text: &str) -> Result<Path, &'static str> {
        if text.chars().count() > PATH_CHARS_MAX {
            return Err("have at most 1000 characters");
        }
        let ways: Vec<Way> = text.split('|').map(way).collect::<Result<_, _>>()?;
        if ways.len() > WAYS_MAX {
            return Err("have at most 8 alternatives");
        }
        Ok(Path(ways))
    }

    pub(in crate::shop) fn ways(&self) -> impl Iterator<Item = &Way> {
        self.0.iter()
    }

    /// The first thing it leads to, and by which way.
    pub(in crate::shop) fn first<'p, 'v>(&'p self, root: &'v Value) -> Option<(&'p Way, &'v Value)> {
        self.all(root).into_iter().next()
    }

    /// Everything it leads to, by every way, in order.
    pub(in crate::shop) fn all<'p, 'v>(&'p self, root: &'v Value) -> Vec<(&'p Way, &'v Value)> {
        let finds = self.0.iter().flat_map(|way| {
            let mut found = Vec::new();
            walk(&way.0, root, &mut found);
            found.into_iter().filter(|value| !is_nothing(value)).map(move |value| (way, value))
        });
        finds.take(FOUND_MOST).collect()
    }

    /// Why it leads to nothing, by its first way.
    pub(in crate::shop) fn lost(&self, root: &Value) -> String {
        self.0.first().map(|way| way.lost(root)).unwrap_or_default()
    }
}

impl Way {
    pub(in crate::shop) fn steps(&self) -> &[Step] {
        &self.0
    }

    /// The way to each entry of the innermost list, and the way from there on. `None` where no list is passed.
    pub(in crate::shop) fn in_list(&self) -> Option<(&[Step], &[Step])> {
        let last = self.0.iter().rposition(|step| *step == Step::Each)?;
        self.0.split_at_checked(last + 1)
    }

    fn lost(&self, root: &Value) -> String {
        let mut here = root;
        for (passed, step) in self.0.iter().enumerate() {
            let next = match step {
                Step::Key(key) => here.get(key),
                Step::Each => here.as_array().and_then(|list| list.first()),
                Step::Place(place) => here.as_array().and_then(|list| list.get(*place)),
            };
            let Some(next) = next else {
                let place = match self.0.get(..passed) {
                    Some(steps) if passed > 0 => spelled(steps),
                    _ => "the body".to_owned(),
                };
                return format!("{self} is not there: {place} is {}", form(here));
            };
            here = next;
        }
        format!("{self} is {}", form(here))
    }
}

/// As it is typed.
impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&spelled(&self.0))
    }
}

/// Everything these steps lead to, empty or not.
pub(in crate::shop) fn walk<'v>(steps: &[Step], here: &'v Value, found: &mut Vec<&'v Value>) {
    if found.len() >= FOUND_MOST {
        return;
    }
    let Some((step, rest)) = steps.split_first() else {
        found.push(here);
        return;
    };
    match step {
        Step::Key(key) => {
            if let Some(next) = here.as_object().and_then(|object| object.get(key)) {
                walk(rest, next, found);
            }
        }
        Step::Each => here.as_array().into_iter().flatten().for_each(|next| walk(rest, next, found)),
        Step::Place(place) => {
            if let Some(next) = here.as_array().and_then(|list| list.get(*place)) {
                walk(rest, next, found);
            }
        }
    }
}

pub(in crate::shop) fn spelled(steps: &[Step]) -> String {
    let mut text = String::new();
    for step in steps {
        match step {
            Step::Key(key) if key.contains(['.', '[', ']']) => text.push_str(&format!("[\"{key}\"]")),
            Step::Key(key) => {
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(key);
            }
            Step::Each => text.push_str("[]"),
            Step::Place(place) => text.push_str(&format!("[{place}]")),
        }
    }
    text
}

/// What something is, without saying what it says. Keys are told only where they look like names: some senders write
/// people's addresses as keys.
pub(in crate::shop) fn form(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "true or false".to_owned(),
        Value::Number(_) => "a number".to_owned(),
        Value::String(text) if text.trim().is_empty() => "an empty text".to_owned(),
        Value::String(text) => format!("a text of {} characters", text.chars().count()),
        Value::Array(list) if list.is_empty() => "an empty list".to_owned(),
        Value::Array(list) => format!("a list of {}", list.len()),
        Value::Object(object) if object.is_empty() => "an empty object".to_owned(),
        Value::Object(object) => {
            let named: Vec<&str> =
                object.keys().map(String::as_str).filter(|key| is_name(key)).take(KEYS_SHOWN).collect();
            match object.len() - named.len() {
                0 => format!("an object with {}", named.join(", ")),
                more if named.is_empty() => format!("an object with {more} keys"),
                more => format!("an object with {} and {more} more", named.join(", ")),
            }
        }
    }
}

fn is_name(key: &str) -> bool {
    key.len() <= KEY_CHARS_SHOWN
        && key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(object) => object.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

const EMPTY: &str = "have a key before and after each dot and each |";
const UNCLOSED: &str = "have a ] for each [";
const INSIDE: &str = "have nothing, a number up to 999 or a key in double quotes between [ and ]";

fn way(text: &str) -> Result<Way, &'static str> {
    let mut rest = text.trim();
    if rest.starts_with('$') {
        return Err("not begin with $: a path begins with a key of the body");
    }
    if rest.starts_with('[') && !rest.starts_with("[\"") {
        return Err("begin with a key: the body is an object, not a list");
    }
    let mut steps = Vec::new();
    loop {
        rest = match rest.strip_prefix('[') {
            Some(after) => bracket(after, &mut steps)?,
            None => {
                let (key, after) = rest.split_at(rest.find(['.', '[']).unwrap_or(rest.len()));
                let key = key.trim();
                if key.is_empty() {
                    return Err(EMPTY);
                }
                if key.contains([']', '"']) {
                    return Err(UNCLOSED);
                }
                steps.push(Step::Key(key.to_owned()));
                after
            }
        };
        if steps.len() > STEPS_MAX {
            return Err("have at most 24 steps");
        }
        if rest.is_empty() {
            return Ok(Way(steps));
        }
        match rest.strip_prefix('.') {
            Some(after) if after.is_empty() || after.starts_with('[') => return Err(EMPTY),
            Some(after) => rest = after,
            None if rest.starts_with('[') => {}
            None => return Err("have a dot between ] and the next key"),
        }
    }
}

/// What stands after a `[`; answers what follows its `]`.
fn bracket<'t>(after: &'t str, steps: &mut Vec<Step>) -> Result<&'t str, &'static str> {
    if let Some(quoted) = after.strip_prefix('"') {
        let (key, tail) = quoted.split_once("\"]").ok_or(UNCLOSED)?;
        if key.is_empty() {
            return Err(EMPTY);
        }
        steps.push(Step::Key(key.to_owned()));
        return Ok(tail);
    }
    let (inside, tail) = after.split_once(']').ok_or(UNCLOSED)?;
    let inside = inside.trim();
    steps.push(match inside.parse::<usize>() {
        _ if inside.is_empty() => Step::Each,
        Ok(place) if place <= PLACE_MAX && inside.bytes().all(|byte| byte.is_ascii_digit()) => Step::Place(place),
        _ => return Err(INSIDE),
    });
    Ok(tail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn paths_as_people_type_them() {
        #[track_caller]
        fn check(typed: &str, expected: Result<&str, &str>) {
            let spelled =
                Path::parse(typed).map(|path| path.ways().map(Way::to_string).collect::<Vec<_>>().join(" | "));
            assert_eq!(spelled.as_deref().map_err(|why| *why), expected, "{typed}");
        }
        check("id", Ok("id"));
        check(" data.cart.id ", Ok("data.cart.id"));
        check("customer.phone|billing.phone", Ok("customer.phone | billing.phone"));
        check("items[].name", Ok("items[].name"));
        check("orders[0].items[ ].first name", Ok("orders[0].items[].first name"));
        check("[\"a.b\"].c[\"d.e\"]", Ok("[\"a.b\"].c[\"d.e\"]"));
        check("matrix[][1]", Ok("matrix[][1]"));
        check("", Err(EMPTY));
        check("a..b", Err(EMPTY));
        check("a.", Err(EMPTY));
        check("a |", Err(EMPTY));
        check(".a", Err(EMPTY));
        check("a.[]", Err(EMPTY));
        check("a[", Err(UNCLOSED));
        check("a]", Err(UNCLOSED));
        check("a[\"b]", Err(UNCLOSED));
        check("a[x]", Err(INSIDE));
        check("a[-1]", Err(INSIDE));
        check("a[+1]", Err(INSIDE));
        check("a[1000]", Err(INSIDE));
        check("a[]b", Err("have a dot between ] and the next key"));
        check("$.a", Err("not begin with $: a path begins with a key of the body"));
        check("[].a", Err("begin with a key: the body is an object, not a list"));
        check("a|a|a|a|a|a|a|a|a", Err("have at most 8 alternatives"));
        check(&["a"; 25].join("."), Err("have at most 24 steps"));
        check(&"a".repeat(1_001), Err("have at most 1000 characters"));
        assert!(check_in_list("items[].name | lines[].title").is_ok());
        assert!(check_in_list("items[].name | title").is_err());
    }

    #[test]
    fn what_paths_lead_to() {
        let body = json!({
            "a": { "b": "x", "nothing": "", "list": [{ "n": 1 }, {}, { "n": 3 }], "in": [[1, 2], [3]] }, "c.d": 4,
        });
        #[track_caller]
        fn check(body: &Value, path: &str, expected: Value) {
            let path = Path::parse(path).unwrap();
            assert_eq!(json!(path.all(body).into_iter().map(|(_, value)| value).collect::<Vec<_>>()), expected);
        }
        check(&body, "a.b", json!(["x"]));
        check(&body, "a.nothing | a.b", json!(["x"]));
        check(&body, "a.list[].n", json!([1, 3]));
        check(&body, "a.list[2].n", json!([3]));
        check(&body, "a.in[][]", json!([1, 2, 3]));
        check(&body, "a.in[][0]", json!([1, 3]));
        check(&body, "[\"c.d\"]", json!([4]));
        check(&body, "a.b.c", json!([]));
        check(&body, "a.b[]", json!([]));
        check(&body, "a[0]", json!([]));
    }

    #[test]
    fn what_is_lost_is_said_without_values() {
        let body = json!({ "data": { "cart": { "token": "t", "x@y.example": 1 }, "list": [], "name": "Ada" } });
        #[track_caller]
        fn check(body: &Value, path: &str, expected: &str) {
            assert_eq!(Path::parse(path).unwrap().lost(body), expected);
        }
        check(&body, "cart.id", "cart.id is not there: the body is an object with data");
        check(&body, "data.cart.id", "data.cart.id is not there: data.cart is an object with token and 1 more");
        check(&body, "data.list[].a", "data.list[].a is not there: data.list is an empty list");
        check(&body, "data.name.first", "data.name.first is not there: data.name is a text of 3 characters");
        check(&body, "data.list", "data.list is an empty list");
    }

    proptest! {
        #[test]
        fn no_path_and_no_body_panics(path in ".{0,40}", keys in "[a-c.|\\[\\]\"0 ]{0,24}",
            body in "[\\[\\]{}\",:abc0-9]{0,60}") {
            let body: Value = serde_json::from_str(&body).unwrap_or(json!({ "a": [{ "b": [1, null, {}] }], "c": "" }));
            for path in [path, keys] {
                if let Ok(parsed) = Path::parse(&path) {
                    let spelled = parsed.ways().map(Way::to_string).collect::<Vec<_>>().join("|");
                    prop_assert_eq!(Path::parse(&spelled), Ok(parsed.clone()), "{} {}", path, spelled);
                    let _ = (parsed.all(&body), parsed.lost(&body));
                }
            }
        }
    }
}
