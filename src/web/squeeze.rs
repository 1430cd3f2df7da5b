//! Our own scripts as they are served to other people's pages: comment lines and the white space that means nothing left
//! out, names as they are. No general minifier: it knows strings, templates and regular expressions, and takes only lines
//! that end as ours do (no statement ends without its semicolon).

/// What white space may be left out beside.
const PUNCTUATION: &str = "{}()[],;:?=<>&|+*!";
/// A slash after one of these begins a regular expression, and is no division.
const BEFORE_REGEX: &str = "(,=>:[!&|?{};";
/// A line that ends so goes on in the next.
const GOES_ON: &str = "{,;([:?&|";

/// The script without comments and needless white space.
pub fn squeezed(script: &str) -> String {
    let lines = script.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//"));
    let text: Vec<char> = lines.collect::<Vec<_>>().join("\n").chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(&c) = text.get(at) {
        let before = out.chars().next_back();
        let is = |set: &str, c: Option<char>| c.is_some_and(|c| set.contains(c));
        let end = match c {
            '\'' | '"' | '`' => end_of_string(&text, at),
            '/' if is(BEFORE_REGEX, before) => end_of_regex(&text, at),
            ' ' if is(PUNCTUATION, before) || is(PUNCTUATION, text.get(at + 1).copied()) => {
                at += 1;
                continue;
            }
            '\n' if is(GOES_ON, before) => {
                at += 1;
                continue;
            }
            _ => at,
        };
        out.extend(text.get(at..=end).unwrap_or_default());
        at = end + 1;
    }
    out
}

fn end_of_string(text: &[char], from: usize) -> usize {
    let quote = text.get(from);
    let mut at = from + 1;
    while at < text.len() && text.get(at) != quote {
        at += if text.get(at) == Some(&'\\') { 2 } else { 1 };
    }
    at.min(text.len() - 1)
}

fn end_of_regex(text: &[char], from: usize) -> usize {
    let (mut at, mut in_class) = (from + 1, false);
    while let Some(&c) = text.get(at) {
        match c {
            '\\' => at += 1,
            '[' => in_class = true,
            ']' => in_class = false,
            '/' if !in_class => return at,
            _ => {}
        }
        at += 1;
    }
    text.len() - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_means_nothing_goes() {
        #[track_caller]
        fn check(script: &str, expected: &str) {
            assert_eq!(squeezed(script), expected);
        }
        check("// a word\nlet a = 1, b = 'x  y';\n  if (a) return b;\n", "let a=1,b='x  y';if(a)return b;");
        check("a = /[/ ]+ x/ .test(`b ${c} d`);", "a=/[/ ]+ x/ .test(`b ${c} d`);");
        check("let f = (x) => {\n  return x / 2;\n}\ng()", "let f=(x)=>{return x / 2;}\ng()");
        check("s = 'it\\'s  so' ;", "s='it\\'s  so';");
        check("'open", "'open");
        check("x = /open", "x=/open");
    }
}
