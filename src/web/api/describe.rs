//! The description: OpenAPI 3.1, made from the operations and their structs. What holds for every operation (tokens, the
//! headers of rate limits, problems) is written once here and put beside each.

use std::sync::LazyLock;

use serde_json::{Map, Value, json};
use utoipa::OpenApi;

use super::{
    Everything, Operation, REQUESTS_A_MINUTE,
    answer::Answer,
    call::{Call, ROWS_MAX},
    form,
    once::KEY_CHARS_MAX,
    operations,
};
use crate::{
    store::token::Scope,
    web::problem::{KIND, KINDS, Problem},
};

static DESCRIPTION: LazyLock<Result<(Value, String), String>> = LazyLock::new(|| {
    let made = describe_all()?;
    let text = serde_json::to_string_pretty(&made).map_err(|error| error.to_string())?;
    Ok((made, text))
});

/// The description as a value.
pub fn description() -> Result<&'static Value, Problem> {
    let made = DESCRIPTION.as_ref().map(|(made, _)| made);
    made.map_err(|error| Problem::Broken(format!("the API's description: {error}")))
}

/// This description
#[utoipa::path(get, path = "/api/v1/openapi.json", responses((status = 200, description = "OpenAPI 3.1.", body = serde_json::Value)))]
pub async fn describe(_: &Call) -> Result<Answer, Problem> {
    description()?;
    Ok(Answer::json(DESCRIPTION.as_ref().map(|(_, text)| text.clone()).unwrap_or_default()))
}

/// The chapters before the operations; the reader page shows them too.
pub const CHAPTERS: &[(&str, &str)] = &[
    (
        "Tokens",
        "Make one on the page Tokens, or with `cartback token create`; it is shown once. Send it with each request: `Authorization: Bearer cb_…`. A token is bound to one shop, and what is another shop's does not exist for it. A token of the house has the scope `house` and names the shop in the header `Cartback-Shop`.",
    ),
    (
        "Paging",
        "A list answers `data` and `next`. Ask again with `after=` that `next` until it is `null`; the header `Link` has the whole address. Every row that was there when you began is met once, also while others are added.",
    ),
    (
        "Problems",
        "Everything but a success is `application/problem+json` (RFC 9457). `type` is stable and meant for programs, `detail` for people; `errors` names the fields of what was not taken.",
    ),
    (
        "The same request again",
        "Send `Idempotency-Key` (any text of your own, fresh for each intent) with a `POST` that creates or sends. The same key with the same request has the same answer for a day and no second effect, whichever process gets it; the header `Idempotency-Replayed: true` tells. With another request it is refused (422), while the first one still runs too (409). A request that was refused or met a busy database frees its key.",
    ),
    (
        "Two writers",
        "Sequences, texts and rules have an `ETag`. Send it back in `If-Match` when you write: whoever read an older state is told so (412) and overwrites nothing. `If-None-Match: *` writes only what is not there yet.",
    ),
    (
        "Rate limits",
        "Each token has its share of every minute. `RateLimit-Policy` says how much, `RateLimit` what is left (`r`) and in how many seconds it is whole again (`t`); beyond it the answer is 429 with `Retry-After`.",
    ),
    (
        "Money and time",
        "Money is whole minor units with their currency, and the same as people write it. Times are RFC 3339 in UTC. Ids are text of the form `cart_…`. Fields that are not known are refused, so that a slip of the keyboard is not taken for a wish.",
    ),
];

fn introduction() -> String {
    let mut text = "Everything the pages of Cartback do, for programs.\n".to_owned();
    for (title, words) in CHAPTERS {
        text.push_str(&format!("\n## {title}\n{words}\n"));
        match *title {
            "Tokens" => {
                for scope in Scope::ALL {
                    text.push_str(&format!("- `{}`: {}\n", scope.name(), scope.words()));
                }
            }
            "Paging" => text.push_str(&format!("`limit` is at most {ROWS_MAX}.\n")),
            "Problems" => text.push_str(&format!("\n{}", form::kinds())),
            "Rate limits" => {
                text.push_str(&format!("Unless the operator says otherwise it is {REQUESTS_A_MINUTE} requests.\n"));
            }
            _ => {}
        }
    }
    text
}

fn describe_all() -> Result<Value, String> {
    let mut all = serde_json::to_value(Everything::openapi()).map_err(|error| error.to_string())?;
    all["info"] = json!({ "title": "Cartback", "version": "1", "description": introduction() });
    all["servers"] = json!([{ "url": "/" }]);
    all["tags"] = nouns();
    all["components"]["securitySchemes"] = json!({ "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "A token of Cartback: `cb_` and 59 characters. It is bound to a shop and to scopes.",
    }});
    all["components"]["responses"] = problems();
    all["components"]["headers"] = headers();
    for operation in operations() {
        let place = &mut all["paths"][&operation.path][operation.method];
        let fields = place.as_object_mut().ok_or_else(|| format!("{} is not described", operation.path))?;
        complete(operation, fields);
    }
    sort_out(&mut all);
    patches(&mut all);
    Ok(all)
}

/// A merge patch may have `null` wherever it has a field.
fn patches(all: &mut Value) {
    let rules = with_nulls(all, &json!({ "$ref": "#/components/schemas/Rules" }), true);
    all["components"]["schemas"]["RulesPatch"] = rules;
    all["paths"]["/api/v1/shop/rules"]["patch"]["requestBody"]["content"]["application/json"]["schema"] =
        json!({ "$ref": "#/components/schemas/RulesPatch" });
}

fn with_nulls(all: &Value, schema: &Value, is_whole: bool) -> Value {
    if let Some(pointer) = schema["$ref"].as_str().and_then(|name| name.strip_prefix('#')) {
        return with_nulls(all, all.pointer(pointer).unwrap_or(&Value::Null), is_whole);
    }
    let mut schema = schema.clone();
    for (_, field) in schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten() {
        *field = with_nulls(all, field, false);
    }
    if let (Some(kind), false) = (schema["type"].as_str().map(str::to_owned), is_whole) {
        schema["type"] = json!([kind, "null"]);
        if let Some(names) = schema.get_mut("enum").and_then(Value::as_array_mut) {
            names.push(Value::Null);
        }
    }
    schema
}

/// Where a body has a list and should have an object: the readers of structs would take one for the other.
pub fn misplaced_list(operation: &Operation, body: &Value) -> Option<String> {
    let all = description().ok()?;
    let told = &all["paths"][&operation.path][operation.method]["requestBody"]["content"]["application/json"];
    misplaced(all, &told["schema"], body, String::new())
}

fn misplaced(all: &Value, schema: &Value, value: &Value, place: String) -> Option<String> {
    if let Some(pointer) = schema["$ref"].as_str().and_then(|name| name.strip_prefix('#')) {
        return misplaced(all, all.pointer(pointer)?, value, place);
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        return misplaced(all, choices.iter().find(|one| one["type"] != "null")?, value, place);
    }
    match value {
        Value::Array(_) if schema["properties"].is_object() => {
            Some(if place.is_empty() { "the body".into() } else { place })
        }
        Value::Array(rows) => rows
            .iter()
            .enumerate()
            .find_map(|(number, row)| misplaced(all, &schema["items"], row, format!("{place}[{number}]"))),
        Value::Object(fields) => fields.iter().find_map(|(name, field)| {
            let own = schema["properties"].get(name).unwrap_or(&schema["additionalProperties"]);
            misplaced(all, own, field, if place.is_empty() { name.clone() } else { format!("{place}.{name}") })
        }),
        _ => None,
    }
}

fn nouns() -> Value {
    let mut nouns: Vec<&str> = operations().iter().map(|operation| operation.noun).collect();
    nouns.dedup();
    nouns.into_iter().map(|noun| json!({ "name": noun })).collect()
}

/// What every operation of its kind has besides what it says itself.
fn complete(operation: &Operation, fields: &mut Map<String, Value>) {
    let name = fields.get("operationId").and_then(Value::as_str).unwrap_or(operation.name).to_owned();
    fields.insert("operationId".to_owned(), json!(format!("{}.{name}", operation.noun)));
    fields.insert("tags".to_owned(), json!([operation.noun]));
    if let Some(summary) = fields.get("summary").and_then(Value::as_str).map(str::trim) {
        let summary = json!(summary);
        fields.insert("summary".to_owned(), summary);
    }
    fields
        .insert("security".to_owned(), operation.needs.map_or(json!([]), |scope| json!([{ "token": [scope.name()] }])));
    let answers = fields.entry("responses").or_insert_with(|| json!({}));
    let is_tagged = answers.get("412").is_some();
    let mut statuses = vec!["400", "500"];
    if operation.needs.is_some() {
        statuses.extend(["401", "403", "404", "429", "503"]);
    }
    if operation.method != "get" {
        statuses.extend(["408", "413", "415"]);
    }
    if operation.once {
        statuses.extend(["409", "422"]);
    }
    for status in statuses {
        if answers.get(status).is_none() {
            answers[status] = json!({ "$ref": format!("#/components/responses/{status}") });
        }
    }
    let tagged = is_tagged || ["rules", "sequences", "texts"].contains(&operation.noun);
    for (status, answer) in answers.as_object_mut().into_iter().flatten() {
        if status.starts_with('2') && operation.needs.is_some() {
            answer["headers"] = success_headers(operation, status, tagged);
        }
    }
    let parameters = fields.entry("parameters").or_insert_with(|| json!([]));
    if let Some(parameters) = parameters.as_array_mut() {
        parameters.extend(header_parameters(operation, is_tagged));
    }
}

fn success_headers(operation: &Operation, status: &str, tagged: bool) -> Value {
    let named = |name: &str| json!({ "$ref": format!("#/components/headers/{name}") });
    let mut headers = json!({ "RateLimit": named("RateLimit"), "RateLimit-Policy": named("RateLimit-Policy") });
    if status == "201" {
        headers["Location"] = named("Location");
    }
    let is_one = tagged && status == "200" && !["list", "presets", "preview"].contains(&operation.name);
    if is_one {
        headers["ETag"] = named("ETag");
    }
    if operation.once {
        headers["Idempotency-Replayed"] = named("Idempotency-Replayed");
    }
    headers
}

fn header_parameters(operation: &Operation, tagged: bool) -> Vec<Value> {
    let header = |name: &str, about: &str, schema: Value| json!({ "name": name, "in": "header", "required": false, "description": about, "schema": schema });
    let mut headers = Vec::new();
    if operation.needs.is_some() {
        let about = "Of a token of the house: which shop it is about.";
        headers.push(header("Cartback-Shop", about, json!({ "type": "string", "pattern": "^[1-9][0-9]{0,8}$" })));
    }
    if operation.once {
        let about = "The same key with the same request is done once.";
        let schema = json!({ "type": "string", "minLength": 1, "maxLength": KEY_CHARS_MAX, "pattern": "^(\"[!#-~]+\"|[!#-~]+)$" });
        headers.push(header("Idempotency-Key", about, schema));
    }
    if tagged {
        let about = "The `ETag` of the state that is to be changed, or `*`.";
        headers.push(header("If-Match", about, json!({ "type": "string" })));
        if operation.method == "put" {
            let about = "`*`: only when it is not there yet.";
            headers.push(header("If-None-Match", about, json!({ "type": "string" })));
        }
    }
    headers
}

/// One answer per status, with the kinds of problem it may be.
fn problems() -> Value {
    let mut answers = Map::new();
    let mut statuses: Vec<u16> = KINDS.iter().map(|(_, status, ..)| *status).collect();
    statuses.dedup();
    for status in statuses {
        let of_status = KINDS.iter().filter(|(_, known, ..)| *known == status);
        let told: Vec<String> =
            of_status.map(|(kind, _, title, when)| format!("`{KIND}{kind}`: {title}. {when}")).collect();
        let mut answer = json!({
            "description": told.join("\n\n"),
            "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
        });
        if matches!(status, 429 | 503) {
            answer["headers"] = json!({ "Retry-After": { "$ref": "#/components/headers/Retry-After" } });
        }
        answers.insert(status.to_string(), answer);
    }
    Value::Object(answers)
}

fn headers() -> Value {
    let text = |about: &str| json!({ "description": about, "schema": { "type": "string" } });
    json!({
        "RateLimit": text("What is left of the minute: `\"minute\";r=599;t=42`."),
        "RateLimit-Policy": text("The share of a minute: `\"minute\";q=600;w=60`."),
        "Retry-After": { "description": "Seconds to wait.", "schema": { "type": "integer" } },
        "Location": text("Where it is from now on."),
        "ETag": text("Of this state; for `If-Match`."),
        "Idempotency-Replayed": text("`true`: the answer is an earlier one's."),
        "Link": text("The next page: `<…>; rel=\"next\"`."),
    })
}

/// Parameters without a `null` among their types: in a query there is none.
fn sort_out(all: &mut Value) {
    let paths = all["paths"].as_object_mut().into_iter().flatten();
    let operations = paths.flat_map(|(_, methods)| methods.as_object_mut().into_iter().flatten());
    for (_, operation) in operations {
        for parameter in operation["parameters"].as_array_mut().into_iter().flatten() {
            let schema = &mut parameter["schema"];
            let plain = schema["type"].as_array().and_then(|types| types.iter().find(|one| *one != "null")).cloned();
            if let Some(plain) = plain {
                schema["type"] = plain;
            }
            let one_of =
                schema["oneOf"].as_array().and_then(|all| all.iter().find(|one| one["type"] != "null")).cloned();
            if let Some(one) = one_of {
                *schema = one;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_is_described_and_every_name_leads_somewhere() {
        let all = description().unwrap();
        assert_eq!(all["openapi"], "3.1.0");
        let mut ids = Vec::new();
        for operation in operations() {
            let told = &all["paths"][&operation.path][operation.method];
            assert!(told["summary"].as_str().is_some_and(|summary| summary.len() > 5), "{}", operation.path);
            ids.push(told["operationId"].as_str().unwrap());
            let placed = operation.path.matches('{').count();
            let named = told["parameters"].as_array().unwrap().iter().filter(|one| one["in"] == "path").count();
            assert_eq!(placed, named, "{}", operation.path);
        }
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), count);
        let described: usize =
            all["paths"].as_object().unwrap().values().map(|one| one.as_object().unwrap().len()).sum();
        assert_eq!(described, count);
        // A null is a word of `enum` and `type` only, never a schema's own part.
        fn whole(value: &Value) -> bool {
            match value {
                Value::Object(fields) => {
                    let parts = ["enum", "properties", "items", "required"];
                    parts.iter().all(|part| fields.get(*part).is_none_or(|part| !part.is_null()))
                        && fields.values().all(whole)
                }
                Value::Array(all) => all.iter().all(whole),
                _ => true,
            }
        }
        assert!(whole(&all["components"]["schemas"]) && whole(&all["paths"]));
        let text = all.to_string();
        for part in text.split("\"#/").skip(1) {
            let pointer = format!("/{}", part.split('"').next().unwrap());
            assert!(all.pointer(&pointer).is_some(), "{pointer} leads nowhere");
        }
    }
}
