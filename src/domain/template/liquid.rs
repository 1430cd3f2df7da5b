//! Accepts what people know from Shopify's Liquid by rewriting it into the engine's words: `| name: arg`, a few names
//! and `elsif`. It also refuses, before anything is parsed, the statements we do not have and nesting that a parser would
//! pay for. What it lets through is still checked by the grammar.

use super::Problem;

/// Between one pair of braces; it bounds how deep a parser can be led.
const TAG_BYTES_MAX: usize = 300;
const IF_DEPTH_MAX: usize = 5;

const NAMES: &[(&str, &str)] =
    &[("customer.first_name", "first_name"), ("checkout.total", "total"), ("shop.name", "shop")];
const FILTER_NAMES: &[(&str, &str)] = &[("upcase", "upper"), ("downcase", "lower"), ("strip", "trim")];

/// The template in the engine's words.
pub fn rewrite(template: &str) -> Result<String, Vec<Problem>> {
    let mut out = String::with_capacity(template.len() + 16);
    let mut rest = template;
    let mut depth = 0_usize;
    while let Some((text, tag)) = next_tag(rest) {
        out.push_str(text);
        rest = tag.rest;
        if tag.inside.len() > TAG_BYTES_MAX {
            return Err(vec![Problem::TagTooLong]);
        }
        let inside = match tag.kind {
            Kind::Comment => continue,
            Kind::Print => pieces(tag.inside),
            Kind::Statement => statement(tag.inside, &mut depth)?,
        };
        let (open, close) = if tag.kind == Kind::Print { ("{{", "}}") } else { ("{%", "%}") };
        out.push_str(open);
        out.push_str(tag.before);
        out.push_str(&inside);
        out.push_str(tag.after);
        out.push_str(close);
    }
    out.push_str(rest);
    Ok(out)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Print,
    Statement,
    Comment,
}

struct Tag<'a> {
    kind: Kind,
    /// The marks `-` and `+` at the braces, which eat or keep the space around them.
    before: &'a str,
    inside: &'a str,
    after: &'a str,
    rest: &'a str,
}

/// The text up to the next tag, and that tag. `None` when there is none, or one without an end: the parser has the words
/// for that.
fn next_tag(template: &str) -> Option<(&str, Tag<'_>)> {
    let (start, kind) = [("{{", Kind::Print), ("{%", Kind::Statement), ("{#", Kind::Comment)]
        .iter()
        .filter_map(|(open, kind)| template.find(open).map(|start| (start, *kind)))
        .min_by_key(|(start, _)| *start)?;
    let (text, tag) = template.split_at_checked(start)?;
    let inside = tag.get(2..)?;
    let end = match kind {
        Kind::Comment => inside.find("#}"),
        Kind::Print => end_outside_quotes(inside, "}}"),
        Kind::Statement => end_outside_quotes(inside, "%}"),
    }?;
    let (inside, rest) = inside.split_at_checked(end)?;
    let trimmed = inside.strip_prefix(['-', '+']).unwrap_or(inside);
    let (before, _) = inside.split_at_checked(inside.len() - trimmed.len())?;
    let core = trimmed.strip_suffix(['-', '+']).unwrap_or(trimmed);
    let (core, after) = trimmed.split_at_checked(core.len())?;
    Some((text, Tag { kind, before, inside: core, after, rest: rest.get(2..)? }))
}

fn end_outside_quotes(inside: &str, close: &str) -> Option<usize> {
    let mut quote = None;
    let mut escaped = false;
    for (at, character) in inside.char_indices() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if character == '\\' => escaped = true,
            Some(open) if character == open => quote = None,
            Some(_) => {}
            None if character == '"' || character == '\'' => quote = Some(character),
            None if inside.get(at..).is_some_and(|rest| rest.starts_with(close)) => return Some(at),
            None => {}
        }
    }
    None
}

/// `if`, `elif`, `else` and `endif`, and how deep they stand.
fn statement(inside: &str, depth: &mut usize) -> Result<String, Vec<Problem>> {
    let inside = inside.trim_start();
    let word_end = inside.find(|character: char| !is_word(character)).unwrap_or(inside.len());
    let (word, rest) = inside.split_at_checked(word_end).unwrap_or((inside, ""));
    let word = match word {
        "if" => {
            *depth += 1;
            if *depth > IF_DEPTH_MAX {
                return Err(vec![Problem::TooDeep]);
            }
            "if"
        }
        "elif" | "elsif" => "elif",
        "else" => "else",
        "endif" => {
            *depth = depth.saturating_sub(1);
            "endif"
        }
        other => {
            let named = if other.is_empty() { inside } else { other };
            return Err(vec![Problem::NotAllowed(format!("`{}`", named.chars().take(20).collect::<String>().trim()))]);
        }
    };
    Ok(format!(" {word}{} ", pieces(rest)))
}

/// Rewrites the inside of a tag piece by piece: strings as they are, words by their aliases, `| name: a, b` into
/// `| name(a, b)`.
fn pieces(inside: &str) -> String {
    let mut out = String::with_capacity(inside.len() + 2);
    let mut rest = inside;
    let mut last = Last::Other;
    let mut open = false;
    while let Some(first) = rest.chars().next() {
        let end = match first {
            '"' | '\'' => string_end(rest),
            _ if is_word(first) => rest.find(|c: char| !is_word(c) && c != '.').unwrap_or(rest.len()),
            _ => first.len_utf8(),
        };
        let (piece, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        rest = after;
        match first {
            ':' if last == Last::FilterName => {
                out.push('(');
                open = true;
            }
            '|' => {
                close(&mut out, &mut open);
                out.push('|');
            }
            _ if is_word(first) => {
                let aliases = if last == Last::Pipe { FILTER_NAMES } else { NAMES };
                out.push_str(aliases.iter().find(|(name, _)| *name == piece).map_or(piece, |(_, ours)| ours));
            }
            _ => out.push_str(piece),
        }
        last = match first {
            '|' => Last::Pipe,
            _ if is_word(first) && last == Last::Pipe => Last::FilterName,
            _ if first.is_whitespace() => last,
            _ => Last::Other,
        };
    }
    close(&mut out, &mut open);
    out
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    Pipe,
    FilterName,
    Other,
}

fn close(out: &mut String, open: &mut bool) {
    if std::mem::take(open) {
        out.push(')');
    }
}

fn string_end(text: &str) -> usize {
    let mut characters = text.char_indices();
    let quote = characters.next().map(|(_, quote)| quote);
    let mut escaped = false;
    for (at, character) in characters {
        if escaped {
            escaped = false;
        } else if character == '\\' {
            escaped = true;
        } else if Some(character) == quote {
            return at + character.len_utf8();
        }
    }
    text.len()
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(template: &str, expected: &str) {
        assert_eq!(rewrite(template).as_deref(), Ok(expected), "{template}");
    }

    #[test]
    fn liquid_becomes_ours() {
        check("plain {text}", "plain {text}");
        check("{{ link }}", "{{ link }}");
        check("{{customer.first_name}}", "{{first_name}}");
        check("{{ customer.first_name | default: \"there\" }}", "{{ first_name | default( \"there\" )}}");
        check("{{ shop.name | upcase | truncate: 9 | strip }}", "{{ shop | upper | truncate( 9 )| trim }}");
        check("{{- checkout.total -}}", "{{- total -}}");
        check("{{ \"customer.first_name | a: b }}\" }}", "{{ \"customer.first_name | a: b }}\" }}");
        check("{{ x | default: 'it\\'s }}' }}", "{{ x | default( 'it\\'s }}' )}}");
        check(
            "{% if a %}{% elsif customer.first_name == 'b' %}{% else %}{% endif %}",
            "{% if a  %}{% elif first_name == 'b'  %}{% else  %}{% endif  %}",
        );
        check("a{# {{ no }} #}b", "ab");
        check("{{ no end", "{{ no end");
    }

    #[test]
    fn other_statements_are_refused_by_name() {
        for word in ["for", "set", "macro", "include", "raw", "with", "do", "assign", "unless"] {
            let refused = rewrite(&format!("{{%- {word} x %}}"));
            assert_eq!(refused, Err(vec![Problem::NotAllowed(format!("`{word}`"))]));
        }
    }
}
