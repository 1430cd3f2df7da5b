//! Again, by itself: for a page or a sheet that was asked for, where there is no form to carry on. What was posted is
//! asked for where it was posted to (`web::again`).

use actix_web::{
    HttpRequest, HttpResponse,
    http::header,
    web::{Data, Form, Query},
};
use serde::Deserialize;

use crate::web::{State, again, gate, problem::Problem, session, view::again::Refusal};

#[derive(Deserialize)]
pub struct Asked {
    #[serde(default)]
    to: String,
}

impl Asked {
    /// Where it leads: a place of ours and nowhere else. A sheet would leave the browser where it is, so its list is
    /// shown instead, from where it is taken.
    fn to(&self) -> String {
        let ours = self.to.starts_with('/')
            && !self.to.starts_with("//")
            && !self.to.contains(|letter: char| letter == '\\' || letter.is_control());
        if !ours {
            return "/".to_owned();
        }
        let (path, query) = self.to.split_once('?').unwrap_or((&self.to, ""));
        match path.strip_suffix(".csv") {
            Some(list) if query.is_empty() => format!("{list}?done=proved"),
            Some(list) => format!("{list}?{query}&done=proved"),
            None => self.to.clone(),
        }
    }

    fn form(&self) -> String {
        format!("/again?{}", url::form_urlencoded::Serializer::new(String::new()).append_pair("to", &self.to).finish())
    }
}

pub async fn get(state: Data<State>, request: HttpRequest, asked: Query<Asked>) -> Result<HttpResponse, Problem> {
    let visitor = session::visitor(&state, &request).await?;
    if again::is_stale(&visitor, state.core.now()) {
        again::show(&again::page(&state, &visitor, asked.form(), String::new(), Refusal::None).await?)
    } else {
        Ok(on(&asked))
    }
}

#[derive(Deserialize)]
pub struct Typed {
    #[serde(default)]
    again_password: String,
    #[serde(default)]
    again_code: String,
}

pub async fn post(
    state: Data<State>,
    request: HttpRequest,
    asked: Query<Asked>,
    typed: Form<Typed>,
) -> Result<HttpResponse, Problem> {
    let visitor = session::visitor(&state, &request).await?;
    match again::prove(&state, &visitor, &typed.again_password, &typed.again_code).await? {
        None => Ok(on(&asked)),
        Some(refusal) => {
            gate::refused(&request);
            again::show(&again::page(&state, &visitor, asked.form(), String::new(), refusal).await?)
        }
    }
}

fn on(asked: &Asked) -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((header::LOCATION, asked.to()))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .finish()
}

#[cfg(test)]
mod tests {
    use super::Asked;

    #[test]
    fn it_leads_to_a_place_of_ours() {
        #[track_caller]
        fn check(to: &str, expected: &str) {
            assert_eq!(Asked { to: to.to_owned() }.to(), expected, "{to}");
        }
        check("/account/second", "/account/second");
        check("/people.csv", "/people?done=proved");
        check("/people.csv?show=consents&shop=2", "/people?show=consents&shop=2&done=proved");
        for foreign in
            ["", "https://evil.example", "//evil.example", "/\\evil.example", "/\tevil", "javascript:alert(1)"]
        {
            check(foreign, "/");
        }
    }
}
