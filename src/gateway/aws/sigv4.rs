//! AWS Signature Version 4 (AWS, "Create a signed AWS API request"): the time, the region and the service go into the
//! key, everything of the request into what is signed.

use data_encoding::HEXLOWER;
use ring::hmac;
use sha2::{Digest, Sha256};

use crate::{
    domain::time::Time,
    http::{Method, Request},
};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

pub struct Signer<'s> {
    pub key_id: &'s str,
    pub secret: &'s str,
    pub region: &'s str,
    pub service: &'s str,
}

impl Signer<'_> {
    /// The request with its time and its signature. Every header it has is signed. A path that needs escaping is not
    /// foreseen, as no operation here has one. What is no URL cannot leave and stays as it is.
    pub fn sign(&self, request: Request, at: Time) -> Request {
        let Ok(url) = url::Url::parse(&request.url) else { return request };
        let Some(host) = url.host_str() else { return request };
        let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let time = at.to_timestamp().strftime("%Y%m%dT%H%M%SZ").to_string();
        let day = time.split('T').next().unwrap_or_default();
        let request = request.header("x-amz-date", time.as_str());

        let mut headers: Vec<(String, &str)> =
            request.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.trim())).collect();
        headers.push(("host".into(), &host));
        headers.sort();
        let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
        let names = names.join(";");
        let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();

        let canonical =
            [method(request.method), url.path(), url.query().unwrap_or(""), &lines, &names, &hash(&request.body)];
        let scope = format!("{day}/{}/{}/aws4_request", self.region, self.service);
        let told = [ALGORITHM, &time, &scope, &hash(canonical.join("\n").as_bytes())].join("\n");

        let first = mac(format!("AWS4{}", self.secret).as_bytes(), day);
        let key = [self.region, self.service, "aws4_request"].iter().fold(first, |key, part| mac(key.as_ref(), part));
        let signature = HEXLOWER.encode(mac(key.as_ref(), &told).as_ref());
        let credential = format!("{}/{scope}", self.key_id);
        request.header(
            "authorization",
            format!("{ALGORITHM} Credential={credential}, SignedHeaders={names}, Signature={signature}"),
        )
    }
}

fn method(method: Method) -> &'static str {
    match method {
        Method::Get => "GET",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Delete => "DELETE",
    }
}

fn hash(bytes: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(bytes))
}

fn mac(key: &[u8], text: &str) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// AWS's published test suite signs as this person, at 2015-08-30 12:36:00 UTC.
    #[track_caller]
    fn check(request: Request, names: &str, signature: &str) {
        let signer = Signer {
            key_id: "AKIDEXAMPLE",
            secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
            region: "us-east-1",
            service: "service",
        };
        let signed = signer.sign(request, Time::from_seconds(1_440_938_160));
        let expected = format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders={names}, \
             Signature={signature}"
        );
        assert_eq!(signed.headers.last(), Some(&("authorization".to_owned(), expected)));
    }

    #[test]
    fn the_published_vectors() {
        const URL: &str = "https://example.amazonaws.com/";
        let get = Request::get(URL);
        let post = Request { method: Method::Post, ..Request::get(URL) };
        check(get, "host;x-amz-date", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
        check(post.clone(), "host;x-amz-date", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b");
        let form = Request { body: b"Param1=value1".to_vec(), ..post }
            .header("content-type", "application/x-www-form-urlencoded");
        let signature = "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a";
        check(form, "content-type;host;x-amz-date", signature);
    }

    #[test]
    fn what_is_no_address_stays_unsigned() {
        let signer = Signer { key_id: "A", secret: "b", region: "c", service: "d" };
        for url in ["", "no address", "data:,x"] {
            assert_eq!(signer.sign(Request::get(url), Time::from_seconds(0)).headers, []);
        }
    }
}
