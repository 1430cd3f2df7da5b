//! An advertising platform: as it is asked, with something wrong, and one that is changed.

use askama::Template;

use super::{HOSTILE, Section, page};
use crate::{
    domain::connector::Settings,
    pipeline::sink,
    web::view::{form, platform::Platform, words::t},
};

pub fn pages() -> Vec<(&'static str, askama::Result<String>)> {
    let asked = |kind: &str, kept: &Settings| {
        let spec = sink::kinds().find(|spec| spec.kind == kind).unwrap();
        Platform {
            page: page(Section::Webhooks),
            sink: None,
            kind: kind.into(),
            name: spec.name.into(),
            kinds: sink::kinds().map(|spec| (spec.kind, spec.name)).collect(),
            fields: form::settings(spec, kept, &Default::default(), None),
            steps: spec.connect.iter().map(|step| t(step)).collect(),
            problems: Vec::new(),
        }
    };
    let nothing = Settings::default();
    let mut wrong = asked("google_ads", &nothing);
    wrong.problems = vec![HOSTILE.into()];
    wrong.fields[0].problem = Some("must be a number, without dashes or spaces".into());
    let kept = [("dataset_id", "1234567890"), ("access_token", "EAAB1"), ("event", "Purchase")];
    let kept = Settings::restored(kept.map(|(key, value)| (key.to_owned(), value.to_owned())).into());
    let mut changed = asked("meta", &kept);
    changed.sink = Some(("sink_06f0000000001".into(), HOSTILE.into()));
    vec![
        ("platform", asked("ga4", &nothing).render()),
        ("platform-wrong", wrong.render()),
        ("platform-changed", changed.render()),
    ]
}
