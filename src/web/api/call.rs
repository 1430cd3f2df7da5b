//! A call: one request whose token was let in, with everything a handler may ask it for. Reading is strict: what is not
//! known is refused, and the answer names the field.

use actix_web::{HttpRequest, http::header, web::Data};
use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    domain::{id::ShopId, seal::ShopKeys},
    pipeline::Core,
    store::{Read, shop::Shop, token::Token},
    web::{State, problem::Problem},
};

pub struct Call {
    pub state: Data<State>,
    /// `None` for what needs none.
    pub token: Option<Token>,
    /// Which shop a token of the house named; a shop's own token names none other.
    pub(super) named: Option<ShopId>,
    pub(super) request: HttpRequest,
    pub(super) body: Vec<u8>,
}

impl Call {
    pub fn core(&self) -> &Core {
        &self.state.core
    }

    /// The shop it is about. A token of the house names it in `Cartback-Shop`.
    pub fn shop(&self) -> Result<ShopId, Problem> {
        match &self.token {
            Some(token) if token.shop != ShopId::HOUSE => Ok(token.shop),
            Some(_) => self.named.inspect(|shop| crate::web::gate::of_shop(&self.request, *shop)).ok_or_else(|| {
                Problem::Wrong(vec!["a token of the house names the shop in the header Cartback-Shop".to_owned()])
            }),
            None => Err(Problem::Unauthorized),
        }
    }

    /// For the audit log: this asks for no change after all.
    pub fn changes_nothing(&self) {
        crate::web::gate::nothing(&self.request);
    }

    /// Whether the token is the house's.
    pub fn is_house(&self) -> bool {
        self.token.as_ref().is_some_and(|token| token.shop == ShopId::HOUSE)
    }

    /// The token's name, for what notes who did it.
    pub fn by(&self) -> String {
        self.token.as_ref().map_or_else(String::new, |token| format!("token {}", token.name))
    }

    /// The shop itself, and a connection to read with.
    pub async fn open(&self) -> Result<(Read, Shop, ShopKeys), Problem> {
        let mut read = self.core().db.read().await?;
        let shop = self.core().shop(&mut read, self.shop()?).await?;
        let (shop, keys) = shop.filter(|(shop, _)| shop.erased_at.is_none()).ok_or(Problem::NotFound)?;
        Ok((read, shop, keys))
    }

    /// A part of the path; what is none of its kind is not found.
    pub fn path<T: std::str::FromStr>(&self, name: &str) -> Result<T, Problem> {
        let part = self.request.match_info().get(name).ok_or(Problem::NotFound)?;
        part.parse().map_err(|_| Problem::NotFound)
    }

    pub fn query<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let read = actix_web::web::Query::<T>::from_query(self.request.query_string());
        read.map(actix_web::web::Query::into_inner)
            .map_err(|error| Problem::Wrong(vec![format!("the query: {}", without_values(&error.to_string()))]))
    }

    pub fn body<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        parse(&self.body)
    }

    /// The same question for the page that follows.
    pub fn query_after(&self, next: &str) -> String {
        let asked = url::form_urlencoded::parse(self.request.query_string().as_bytes());
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(asked.filter(|(name, _)| name != "after")).append_pair("after", next);
        query.finish()
    }

    pub fn has_body(&self) -> bool {
        !self.body.iter().all(u8::is_ascii_whitespace)
    }

    /// The entity tags the client says it has read; `None` when it says nothing.
    pub fn if_match(&self) -> Option<Tags> {
        self.header(header::IF_MATCH.as_str()).map(Tags::read)
    }

    /// Whether the client only wants to make what is not there yet (`If-None-Match: *`).
    pub fn only_new(&self) -> bool {
        self.header(header::IF_NONE_MATCH.as_str()) == Some("*")
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.request.headers().get(name).and_then(|value| value.to_str().ok()).map(str::trim)
    }

    pub fn accepts_html(&self) -> bool {
        self.header(header::ACCEPT.as_str()).is_some_and(|accept| accept.contains("text/html"))
    }
}

/// A list of entity tags, or any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tags(Vec<String>);

impl Tags {
    fn read(text: &str) -> Tags {
        Tags(text.split(',').map(|tag| tag.trim().to_owned()).collect())
    }

    /// Strong comparison: a weak tag equals none.
    pub fn hold(&self, etag: &str) -> bool {
        self.0.iter().any(|tag| tag == "*" || tag == etag)
    }
}

/// JSON of this form; what is wrong with it is told with its place.
pub fn parse<T: DeserializeOwned>(json: &[u8]) -> Result<T, Problem> {
    let mut reader = serde_json::Deserializer::from_slice(json);
    let read: T = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let error = error.into_inner();
        let why = if error.is_data() {
            without_values(&error.to_string())
        } else {
            format!("the body is no JSON, at line {} column {}", error.line(), error.column())
        };
        let about_nothing = path == "." || !error.is_data();
        Problem::Wrong(vec![if about_nothing { why } else { format!("{path}: {why}") }])
    })?;
    reader.end().map_err(|_| Problem::Wrong(vec!["the body goes on after its JSON".to_owned()]))?;
    Ok(read)
}

/// What a reader says is wrong, without what it read: "invalid type: string "Ana", expected u32" becomes "must be u32".
fn without_values(said: &str) -> String {
    let said = said.rsplit_once(" at line ").map_or(said, |(said, _)| said);
    match said.split_once(", expected ") {
        Some((what, expected)) if what.starts_with("invalid type") || what.starts_with("invalid value") => {
            format!("must be {expected}")
        }
        _ if said.starts_with("unknown ")
            || said.starts_with("missing field")
            || said.starts_with("duplicate field") =>
        {
            said.chars().take(SAID_CHARS_MAX).collect()
        }
        _ => "is not of its kind".to_owned(),
    }
}

const SAID_CHARS_MAX: usize = 300;

/// Rows of one page when nobody says how many, and the most.
pub const ROWS: u32 = 50;
pub const ROWS_MAX: u32 = 200;

/// How a list is asked for, besides its filters.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Window {
    pub limit: u32,
    pub after: Option<String>,
}

impl Window {
    pub fn of(limit: Option<u32>, after: Option<&String>) -> Result<Window, Problem> {
        let limit = limit.unwrap_or(ROWS);
        if !(1..=ROWS_MAX).contains(&limit) {
            return Err(Problem::Wrong(vec![format!("limit: must be 1 to {ROWS_MAX}")]));
        }
        Ok(Window { limit, after: after.cloned() })
    }

    /// Where the page begins: a cursor is what an earlier answer gave, or the id of a row.
    pub fn cursor<T: std::str::FromStr>(&self) -> Result<Option<T>, Problem> {
        let wrong = || Problem::Wrong(vec!["after: must be the `next` of an earlier answer".to_owned()]);
        self.after.as_ref().map(|after| after.parse().map_err(|_| wrong())).transpose()
    }

    /// One more than asked for: whether there is a next page is known then.
    pub fn most(&self) -> u32 {
        self.limit + 1
    }

    /// Cuts the one too many, and answers the cursor of the next page when there was one.
    pub fn cut<T>(&self, rows: &mut Vec<T>, cursor: impl Fn(&T) -> String) -> Option<String> {
        let limit = self.limit as usize;
        if rows.len() <= limit {
            return None;
        }
        rows.truncate(limit);
        rows.last().map(cursor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_is_not_repeated() {
        #[track_caller]
        fn check(said: &str, expected: &str) {
            assert_eq!(without_values(said), expected);
        }
        check("invalid type: string \"Ana\", expected u32 at line 1 column 3", "must be u32");
        check("invalid value: integer `-4`, expected u32", "must be u32");
        check(
            "unknown field `colour`, expected `a` or `b` at line 1 column 3",
            "unknown field `colour`, expected `a` or `b`",
        );
        check("not an id of the form cart_…", "is not of its kind");
    }

    #[test]
    fn a_page_has_a_next_one_only_when_there_is_more() {
        let window = Window::of(Some(2), None).unwrap();
        let mut rows = vec![9, 8, 7];
        assert_eq!(window.cut(&mut rows, ToString::to_string), Some("8".to_owned()));
        assert_eq!(rows, [9, 8]);
        assert_eq!(window.cut(&mut rows, ToString::to_string), None);
        assert!(Window::of(Some(0), None).is_err() && Window::of(Some(201), None).is_err());
    }

    #[test]
    fn tags_are_compared_strongly() {
        let tags = Tags::read("\"a\", W/\"b\"");
        assert!(tags.hold("\"a\"") && !tags.hold("\"b\"") && Tags::read("*").hold("\"c\""));
    }
}
