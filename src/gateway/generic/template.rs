//! Templates of a request: addresses, headers and bodies with placeholders, each filled in escaped for where it stands,
//! and the checks that a filled template is still what it was meant to be.

use serde_json::Value;

/// What placeholders stand for.
pub struct Words<'a> {
    pub to: &'a str,
    pub to_digits: &'a str,
    pub from: &'a str,
    pub text: &'a str,
    pub reference: &'a str,
    pub callback: &'a str,
    pub secret: &'a str,
}

impl<'a> Words<'a> {
    fn of(&self, name: &str) -> Option<&'a str> {
        Some(match name {
            "to" => self.to,
            "to_digits" => self.to_digits,
            "from" => self.from,
            "text" => self.text,
            "ref" => self.reference,
            "callback" => self.callback,
            "secret" => self.secret,
            _ => return None,
        })
    }

    fn all(word: &'a str) -> Words<'a> {
        Words { to: word, to_digits: word, from: word, text: word, reference: word, callback: word, secret: word }
    }
}

/// Fills a template in one pass, so that a text which has `{to}` in it stays as it was written.
pub fn render(template: &str, words: &Words, escape: fn(&str) -> String) -> String {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        match after.split_once('}').and_then(|(name, tail)| Some((words.of(name)?, tail))) {
            Some((word, tail)) => {
                out.push_str(&escape(word));
                rest = tail;
            }
            None => {
                out.push('{');
                rest = after;
            }
        }
    }
    out + rest
}

/// Everything but RFC 3986's unreserved characters; a space as `%20`, which paths, queries and forms all read.
pub fn percent(word: &str) -> String {
    let escape = |byte: u8| match byte {
        b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    word.bytes().map(escape).collect()
}

/// As it stands between the quotes of a JSON string.
pub fn in_json(word: &str) -> String {
    let quoted = Value::from(word).to_string();
    quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().to_owned()
}

/// A body that begins as JSON does is JSON; any other is a form.
pub fn is_json(template: &str) -> bool {
    template.trim_start().starts_with(['{', '[']) && !starts_with_placeholder(template)
}

fn starts_with_placeholder(template: &str) -> bool {
    let name = template.trim_start().strip_prefix('{').and_then(|after| Some(after.split_once('}')?.0));
    name.is_some_and(|name| Words::all("").of(name).is_some())
}

/// Names and values of headers, one a line or with `|` between.
pub fn headers(lines: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = lines.split(['\n', '|']).map(str::trim).filter(|line| !line.is_empty());
    lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name.trim(), value.trim()))
}

/// A name in braces that is no placeholder is a slip of the pen, which would be sent as it stands.
fn placeholders(template: &str) -> impl Iterator<Item = &str> {
    let names = template.split('{').skip(1).filter_map(|after| Some(after.split_once('}')?.0));
    names.filter(|name| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
}

fn check_placeholders(template: &str) -> Result<(), &'static str> {
    match placeholders(template).all(|name| Words::all("").of(name).is_some()) {
        true => Ok(()),
        false => Err("use only {to}, {to_digits}, {from}, {text}, {ref}, {callback} and {secret}"),
    }
}

/// No message chooses where it is sent to: scheme, host and port are the same whatever the placeholders stand for.
pub fn check_url(template: &str) -> Result<(), &'static str> {
    const WANTED: &str = "be an http:// or https:// address without a user, a password or a #";
    check_placeholders(template)?;
    let filled = |word| url::Url::parse(&render(template, &Words::all(word), percent)).map_err(|_| WANTED);
    let (one, other) = (filled("1")?, filled("2")?);
    let plain = matches!(one.scheme(), "http" | "https")
        && one.has_host()
        && one.username().is_empty()
        && one.password().is_none()
        && one.fragment().is_none();
    if !plain {
        return Err(WANTED);
    }
    if one.origin() == other.origin() { Ok(()) } else { Err("have its placeholders after the host") }
}

/// What looks like JSON must be JSON once it is filled, even with a text full of quotes.
pub fn check_body(template: &str) -> Result<(), &'static str> {
    check_placeholders(template)?;
    if !is_json(template) {
        return Ok(());
    }
    let words = Words { to_digits: "12125550101", ..Words::all("+1 \"x\"\n") };
    let filled = render(template, &words, in_json);
    serde_json::from_str::<Value>(&filled).map(drop).map_err(|_| "be JSON with its placeholders between quotes")
}

pub fn check_headers(lines: &str) -> Result<(), &'static str> {
    /// These are the client's, or follow from the kind of body.
    const OURS: &[&str] = &["host", "content-length", "content-type", "transfer-encoding", "connection"];
    // A number or a text may hold what no header can.
    if placeholders(lines).any(|name| !matches!(name, "secret" | "ref")) {
        return Err("use only {secret} and {ref}");
    }
    for line in lines.split(['\n', '|']).map(str::trim).filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').ok_or("be lines like Name: value")?;
        let name = name.trim();
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if name.is_empty() || !name.bytes().all(token) || !value.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            return Err("be lines like Name: value, in plain ASCII");
        }
        if OURS.iter().any(|ours| name.eq_ignore_ascii_case(ours)) {
            return Err("leave Host, Content-Type, Content-Length, Transfer-Encoding and Connection to us");
        }
    }
    Ok(())
}
