//! The proof of one text as a page that stands by itself: to print, to file, to hand to a court. It needs no style sheet,
//! no script and no server, and holds the JSON it was made of with its hash.

use askama::Template;
use data_encoding::BASE64;
use sha2::{Digest, Sha256};

use super::words::{self, filters};

use crate::{domain::time::Time, pipeline::people::proof::Proof};

#[derive(Template)]
#[template(path = "page/proof.html")]
pub struct ProofPage {
    pub message: String,
    pub sections: Vec<Section>,
    pub sha256: String,
    pub json: String,
    pub made_at: String,
}

pub struct Section {
    pub title: &'static str,
    pub lines: Vec<(String, String)>,
}

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:48rem;margin:2rem auto;padding:0 1rem;color:#111;\
background:#fff}h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}table{border-collapse:collapse;width:100%}th,td\
{text-align:left;vertical-align:top;padding:.3rem .8rem .3rem 0;border-bottom:1px solid #ccc;overflow-wrap:anywhere;\
white-space:pre-wrap}th{width:14rem;font-weight:600}pre{white-space:pre-wrap;overflow-wrap:anywhere;font-size:.75rem}\
.hash{font-family:monospace;overflow-wrap:anywhere}h1,th,td{overflow-wrap:anywhere}";

impl ProofPage {
    pub fn new(proof: &Proof, now: Time) -> ProofPage {
        let section = |section: &crate::pipeline::people::proof::Section| Section {
            title: section.title,
            lines: section.lines.clone(),
        };
        ProofPage {
            message: proof.message.to_string(),
            sections: proof.sections.iter().map(section).collect(),
            sha256: proof.sha256.clone(),
            json: proof.json.clone(),
            made_at: now.to_string(),
        }
    }

    /// Where the JSON can be had.
    pub fn json_path(&self) -> String {
        format!("/messages/{}/proof.json", self.message)
    }

    pub fn style(&self) -> &'static str {
        STYLE
    }

    /// What a browser may do with this page: show its own style and nothing else.
    pub fn policy(&self) -> String {
        let hash = BASE64.encode(&Sha256::digest(STYLE.as_bytes()));
        format!(
            "default-src 'none'; style-src 'sha256-{hash}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
        )
    }
}
