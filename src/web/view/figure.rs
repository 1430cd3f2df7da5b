//! A figure that opens the rows it counts. Decides no more than how that looks; the address is whoever makes it.

use std::fmt;

use askama::filters::HtmlSafe;

use super::{Page, format::Shown as _, query};

/// A count, as a link to a list of its period where there is one. Made of digits and an escaped address only, hence safe.
pub struct Figure {
    shown: String,
    href: Option<String>,
}

impl Figure {
    /// The rows are those of `path` with `pairs`, within the page's period; nothing opens nothing.
    pub fn new(page: &Page, count: u64, path: &str, pairs: &[(&str, &str)]) -> Figure {
        Figure { shown: count.shown(), href: (count > 0).then(|| page.list(&query(path, pairs))) }
    }

    /// A count whose rows no list can show by themselves.
    pub fn bare(count: u64) -> Figure {
        Figure { shown: count.shown(), href: None }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.href {
            // Every value in it is percent-encoded already.
            Some(href) => write!(f, r#"<a href="{}">{}</a>"#, href.replace('&', "&amp;"), self.shown),
            None => f.write_str(&self.shown),
        }
    }
}

impl HtmlSafe for Figure {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::view::{Section, sample};

    #[test]
    fn a_figure_opens_its_rows_and_nothing_opens_nothing() {
        let page = sample::page(Section::Report);
        let shown = Figure::new(&page, 1_204, "/messages", &[("product", "\"><b>&"), ("state", "")]).to_string();
        assert!(shown.starts_with("<a href=\"/messages?product=%22%3E%3Cb%3E%26&amp;"), "{shown}");
        assert!(shown.contains("&amp;from=") && shown.ends_with("\">1,204</a>"), "{shown}");
        assert_eq!(Figure::new(&page, 0, "/messages", &[]).to_string(), "0");
        assert_eq!(Figure::bare(7).to_string(), "7");
    }
}
