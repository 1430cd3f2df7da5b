//! The reference of the API, made from its own description: the chapters with every operation in a list, and the
//! operations of one noun with their fields, examples and a line to try.

use askama::Template;
use serde_json::{Map, Value, json};

use super::{
    Page, format,
    words::{filters, say},
};

#[derive(Clone, Debug, Template)]
#[template(path = "page/reference.html")]
pub struct Reference {
    pub page: Page,
    pub chapters: Vec<Chapter>,
    pub nouns: Vec<Noun>,
    /// The noun whose operations are shown in full.
    pub chosen: Option<Noun>,
}

#[derive(Clone, Debug)]
pub struct Chapter {
    pub title: String,
    pub words: String,
    /// What belongs to it, name by name.
    pub lines: Vec<(String, String)>,
}

#[derive(Clone, Debug)]
pub struct Noun {
    pub name: String,
    pub operations: Vec<Operation>,
}

#[derive(Clone, Debug)]
pub struct Operation {
    /// Unique in the reference.
    pub id: String,
    pub method: String,
    pub path: String,
    pub summary: String,
    pub about: String,
    /// `None`: anybody may ask.
    pub scope: Option<String>,
    pub parameters: Vec<Field>,
    pub takes: Vec<Field>,
    /// The status of a success, and what it says.
    pub status: String,
    pub gives: Vec<Field>,
    pub problems: String,
    pub example_in: Option<String>,
    pub example_out: Option<String>,
    pub curl: String,
}

#[derive(Clone, Debug)]
pub struct Field {
    pub name: String,
    pub kind: String,
    pub required: bool,
    pub about: String,
}

impl Reference {
    pub fn answer(&self) -> String {
        let count = |nouns: &[Noun]| nouns.iter().map(|noun| noun.operations.len() as u64).sum::<u64>();
        match &self.chosen {
            Some(noun) => {
                let operations = format::number_of(noun.operations.len() as u64, "operation", "operations");
                say("{operations} on {noun}.", &[("operations", &operations), ("noun", &noun.label())])
            }
            None => {
                let operations = format::number_of(count(&self.nouns), "operation", "operations");
                say("{operations} do what these pages do.", &[("operations", &operations)])
            }
        }
    }

    pub fn href(&self, noun: &Noun) -> String {
        self.page.href(&format!("/api?about={}", noun.name))
    }

    pub fn href_of(&self, noun: &Noun, operation: &Operation) -> String {
        self.page.href(&format!("/api?about={}#{}", noun.name, operation.id))
    }

    pub fn is_chosen(&self, noun: &Noun) -> bool {
        self.chosen.as_ref().is_some_and(|chosen| chosen.name == noun.name)
    }
}

impl Noun {
    pub fn label(&self) -> String {
        format::sentence_case(&self.name)
    }
}

/// Every noun with its operations, as the description has them.
pub fn nouns(description: &Value, public_url: &str) -> Vec<Noun> {
    let mut nouns: Vec<Noun> = Vec::new();
    for tag in description["tags"].as_array().into_iter().flatten() {
        let name = tag["name"].as_str().unwrap_or_default().to_owned();
        nouns.push(Noun { name, operations: Vec::new() });
    }
    for (path, methods) in description["paths"].as_object().into_iter().flatten() {
        for (method, told) in methods.as_object().into_iter().flatten() {
            let noun = nouns.iter_mut().find(|noun| told["tags"][0] == noun.name.as_str());
            if let Some(noun) = noun {
                noun.operations.push(operation(description, path, method, told, public_url));
            }
        }
    }
    nouns
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().trim().to_owned()
}

fn operation(all: &Value, path: &str, method: &str, told: &Value, public_url: &str) -> Operation {
    let reader = Reader { all };
    let parameters: Vec<Field> = told["parameters"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|parameter| Field {
            name: text(&parameter["name"]),
            kind: format!("{}, {}", text(&parameter["in"]), reader.kind(&parameter["schema"])),
            required: parameter["required"] == true,
            about: text(&parameter["description"]),
        })
        .collect();
    let taken = &told["requestBody"]["content"]["application/json"]["schema"];
    let answers = told["responses"].as_object().cloned().unwrap_or_default();
    let success = answers.iter().find(|(status, _)| status.starts_with('2'));
    let given = success.map(|(_, answer)| answer["content"]["application/json"]["schema"].clone()).unwrap_or_default();
    let status = success.map(|(status, answer)| format!("{status}: {}", text(&answer["description"])));
    let problems = answers.keys().filter(|status| !status.starts_with('2')).cloned().collect::<Vec<_>>().join(", ");
    let example = |schema: &Value| {
        let shown = reader.example(schema, 0);
        (!schema.is_null() && !shown.is_null()).then(|| serde_json::to_string_pretty(&shown).unwrap_or_default())
    };
    let example_in = example(taken);
    Operation {
        id: text(&told["operationId"]).replace('.', "-"),
        method: method.to_uppercase(),
        path: path.to_owned(),
        summary: text(&told["summary"]),
        about: text(&told["description"]),
        scope: told["security"][0]["token"][0].as_str().map(str::to_owned),
        takes: reader.fields(taken),
        gives: reader.fields(&given),
        status: status.unwrap_or_default(),
        problems,
        curl: curl(path, method, told, taken, &reader, public_url),
        example_out: example(&given),
        example_in,
        parameters,
    }
}

/// A line to try in a shell. The token stands in a variable, not in the shell's history.
fn curl(path: &str, method: &str, told: &Value, taken: &Value, reader: &Reader<'_>, public_url: &str) -> String {
    let parameters = || told["parameters"].as_array().into_iter().flatten();
    let mut concrete = path.to_owned();
    for parameter in parameters().filter(|parameter| parameter["in"] == "path") {
        let example = match &parameter["example"] {
            Value::String(example) => example.clone(),
            Value::Null => "…".to_owned(),
            example => example.to_string(),
        };
        concrete = concrete.replace(&format!("{{{}}}", text(&parameter["name"])), &example);
    }
    let mut line = "curl".to_owned();
    if method != "get" {
        line.push_str(&format!(" -X {}", method.to_uppercase()));
    }
    line.push_str(&format!(" {public_url}{concrete}"));
    if told["security"].as_array().is_some_and(|security| !security.is_empty()) {
        line.push_str(" \\\n  -H \"Authorization: Bearer $CARTBACK_TOKEN\"");
    }
    if parameters().any(|parameter| parameter["name"] == "Idempotency-Key") {
        line.push_str(" \\\n  -H \"Idempotency-Key: $(uuidgen)\"");
    }
    if !taken.is_null() {
        let body = reader.required(taken);
        line.push_str(&format!(" \\\n  -H \"Content-Type: application/json\" \\\n  -d '{body}'"));
    }
    line
}

/// Reads schemas, with what they refer to.
struct Reader<'a> {
    all: &'a Value,
}

/// Deeper fields are told by their own noun.
const DEPTH_MAX: usize = 4;

impl<'a> Reader<'a> {
    fn type_of(schema: &Value) -> &str {
        match &schema["type"] {
            Value::String(one) => one,
            Value::Array(many) => many.iter().filter_map(Value::as_str).find(|one| *one != "null").unwrap_or("any"),
            _ => "any",
        }
    }

    fn may_be_null(schema: &Value) -> bool {
        let among = |key: &str| {
            schema[key].as_array().is_some_and(|all| all.iter().any(|one| one == "null" || one["type"] == "null"))
        };
        among("type") || among("oneOf")
    }

    fn kind(&self, schema: &Value) -> String {
        let meant = self.meant_of(schema);
        let mut kind = match Self::type_of(&meant) {
            "array" => format!("list of {}", self.kind(&meant["items"])),
            "string" if meant["enum"].is_array() => {
                let names = meant["enum"].as_array().into_iter().flatten().filter_map(Value::as_str);
                names.collect::<Vec<_>>().join(" | ")
            }
            "string" if meant["format"] == "date-time" => "moment".to_owned(),
            "string" => "text".to_owned(),
            "integer" | "number" => "number".to_owned(),
            "boolean" => "yes or no".to_owned(),
            other => other.to_owned(),
        };
        if let (Some(least), Some(most)) = (meant["minimum"].as_i64(), meant["maximum"].as_i64()) {
            kind.push_str(&format!(" {least}–{most}"));
        }
        if Self::may_be_null(schema) {
            kind.push_str(" or null");
        }
        kind
    }

    /// An owned copy, for schemas that are not of the description itself.
    fn meant_of(&self, schema: &Value) -> Value {
        match schema["$ref"].as_str().and_then(|name| name.strip_prefix('#')) {
            Some(pointer) => self.all.pointer(pointer).map(|found| self.meant_of(found)).unwrap_or_default(),
            None => match schema["oneOf"].as_array().and_then(|all| all.iter().find(|one| one["type"] != "null")) {
                Some(one) => self.meant_of(one),
                None => schema.clone(),
            },
        }
    }

    fn fields(&self, schema: &Value) -> Vec<Field> {
        let mut fields = Vec::new();
        self.put_fields(schema, "", 0, &mut fields);
        fields
    }

    fn put_fields(&self, schema: &Value, before: &str, depth: usize, fields: &mut Vec<Field>) {
        let meant = self.meant_of(schema);
        if meant["items"].is_object() && before.is_empty() {
            return self.put_fields(&meant["items"], "[].", depth, fields);
        }
        let required = |name: &str| meant["required"].as_array().is_some_and(|all| all.iter().any(|one| one == name));
        for (name, property) in meant["properties"].as_object().into_iter().flatten() {
            let inner = self.meant_of(property);
            let about = if property["description"].is_string() {
                text(&property["description"])
            } else {
                text(&inner["description"])
            };
            fields.push(Field {
                name: format!("{before}{name}"),
                kind: self.kind(property),
                required: required(name),
                about,
            });
            if depth >= DEPTH_MAX || is_plain(&inner) {
                continue;
            }
            let items = &inner["items"];
            let (next, mark) = if items.is_object() { (self.meant_of(items), "[].") } else { (inner, ".") };
            if !is_plain(&next) {
                self.put_fields(&next, &format!("{before}{name}{mark}"), depth + 1, fields);
            }
        }
    }

    /// What must be there, and nothing else: enough to try.
    fn required(&self, schema: &Value) -> Value {
        let meant = self.meant_of(schema);
        let names = meant["required"].as_array().cloned().unwrap_or_default();
        let mut body = Map::new();
        for name in names.iter().filter_map(Value::as_str) {
            let property = self.meant_of(&meant["properties"][name]);
            let inner = if property["properties"].is_object() {
                self.required(&property)
            } else if property["items"].is_object() {
                let item = self.meant_of(&property["items"]);
                json!([if item["properties"].is_object() { self.required(&item) } else { self.example(&item, 0) }])
            } else {
                self.example(&meant["properties"][name], 0)
            };
            body.insert(name.to_owned(), inner);
        }
        Value::Object(body)
    }

    /// Something that fits.
    fn example(&self, schema: &Value, depth: usize) -> Value {
        let told = |schema: &Value| {
            let one =
                if schema["example"].is_null() { schema["examples"][0].clone() } else { schema["example"].clone() };
            let one = if one.is_null() { schema["default"].clone() } else { one };
            if one.is_null() { schema["enum"][0].clone() } else { one }
        };
        let own = told(schema);
        if !own.is_null() {
            return own;
        }
        let meant = self.meant_of(schema);
        let own = told(&meant);
        if !own.is_null() && !meant["properties"].is_object() {
            return own;
        }
        match Self::type_of(&meant) {
            _ if depth > DEPTH_MAX + 2 => Value::Null,
            "object" => {
                let properties = meant["properties"].as_object().into_iter().flatten();
                Value::Object(properties.map(|(name, of)| (name.clone(), self.example(of, depth + 1))).collect())
            }
            "array" => json!([self.example(&meant["items"], depth + 1)]),
            _ if Self::may_be_null(schema) => Value::Null,
            "string" => json!("…"),
            "integer" | "number" => meant["minimum"].as_i64().map_or(json!(1), |least| json!(least.max(1))),
            "boolean" => json!(false),
            _ => Value::Null,
        }
    }
}

/// Whether there is nothing inside to tell. Money is told once, by its chapter.
fn is_plain(schema: &Value) -> bool {
    let properties = schema["properties"].as_object();
    let is_money = properties.is_some_and(|all| all.contains_key("currency") && all.len() == 3);
    let has_items = schema["items"].is_object();
    !has_items && (properties.is_none_or(Map::is_empty) || is_money)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::api::{describe, operations};

    #[test]
    fn every_operation_is_shown_with_a_line_to_try() {
        let nouns = nouns(describe::description().unwrap(), "https://sms.example.com");
        let shown: Vec<&Operation> = nouns.iter().flat_map(|noun| &noun.operations).collect();
        assert_eq!(shown.len(), operations().len());
        for one in &shown {
            assert!(
                one.curl.contains("https://sms.example.com/api/v1/") && !one.curl.contains('{')
                    || one.curl.contains("-d '"),
                "{}",
                one.curl
            );
            assert!(!one.curl.lines().next().unwrap_or_default().contains("{"), "{}", one.curl);
            assert!(!one.status.is_empty() && !one.summary.is_empty(), "{}", one.path);
        }
        let find = |id: &str| *shown.iter().find(|one| one.id == id).unwrap();
        let put = find("sequences-put");
        assert!(
            put.takes
                .iter()
                .any(|field| field.name == "steps[].discount.percent" && field.kind == "number 1–90 or null"),
            "{:?}",
            put.takes
        );
        assert!(put.curl.contains(r#""after_minutes":30"#), "{}", put.curl);
        let carts = find("carts-list");
        assert!(carts.gives.iter().any(|field| field.name == "data[].id"), "{:?}", carts.gives);
        assert!(carts.example_out.as_deref().unwrap_or_default().contains("cart_01jq0000000c1"));
    }
}
