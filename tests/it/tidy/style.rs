//! What style sheets and templates must keep to, so that pages can be read from the right and are never shown in an old
//! binary's clothes.

use super::{Problem, check, hold};

/// Sides by the page's own direction, not the screen's.
fn sides(path: &str, text: &str) -> Vec<Problem> {
    let physical = ["margin-left", "margin-right", "padding-left", "padding-right", "border-left", "border-right"];
    let placed = ["left:", "right:", "text-align: left", "text-align: right", "float: left", "float: right"];
    let lines = text.lines().enumerate();
    lines
        .flat_map(|(number, line)| {
            let declarations = line.split(['{', ';']).map(str::trim);
            let found = declarations.filter(|declaration| {
                physical.iter().chain(&placed).any(|start| declaration.starts_with(start))
                    || four_values(declaration).is_some_and(|[_, right, _, left]| right != left)
            });
            found
                .map(|declaration| {
                    Problem::at(
                        path,
                        number + 1,
                        format!("`{declaration}` names a side: say `inline-start` or `inline-end`"),
                    )
                })
                .collect::<Vec<_>>()
        })
        .collect()
}

/// Top, right, bottom, left of a margin or padding.
fn four_values(declaration: &str) -> Option<[&str; 4]> {
    let values = declaration.strip_prefix("margin: ").or_else(|| declaration.strip_prefix("padding: "))?;
    let values: Vec<&str> = values.trim_end_matches('}').split_whitespace().collect();
    values.try_into().ok()
}

/// Nothing moves by itself, so nobody has to ask for less of it.
fn motion(path: &str, text: &str) -> Vec<Problem> {
    let moves = ["transition", "animation", "scroll-behavior", "@keyframes"];
    let lines = text.lines().enumerate().filter(|(_, line)| moves.iter().any(|word| line.contains(word)));
    lines.map(|(number, _)| Problem::at(path, number + 1, "motion: show the state, not the way there".into())).collect()
}

/// `asset::href` puts the hash of the content into an address.
fn hashed(path: &str, text: &str) -> Vec<Problem> {
    let lines = text.lines().enumerate().filter(|(_, line)| line.contains("\"/assets/"));
    lines
        .map(|(number, _)| Problem::at(path, number + 1, "an asset without its hash: use `asset::href`".into()))
        .collect()
}

#[test]
fn styles_name_no_side() {
    hold("assets/css", ".css", sides);
}

#[test]
fn nothing_moves() {
    hold("assets/css", ".css", motion);
}

#[test]
fn templates_name_assets_by_their_content() {
    hold("templates", ".html", hashed);
}

#[test]
fn the_style_rules_can_fail() {
    let css = ".a { margin-left: 1px; }\n.b { color: red; right: 0; }\n.c { padding: 1px 2px 3px 4px; }\n\
               .d { padding: 1px 2px 3px 2px; margin-inline-start: 1px; inset-inline-end: 0; border-radius: 1px; }\n\
               .e { text-align: right }";
    check(sides, "assets/css/x.css", css, &[1, 2, 3, 5]);
    let html =
        "<link href=\"/assets/css/x.css\">\n<a href=\"/carts\">\n<script src=\"{{ asset::href(\"js/x.js\") }}\">";
    check(hashed, "templates/x.html", html, &[1]);
}
