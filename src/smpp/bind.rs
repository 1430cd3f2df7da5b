//! How a session is bound: the account as the connector describes it in the headers of a request.

use std::fmt;

use data_encoding::HEXLOWER;
use rusmpp::{
    Pdu,
    pdus::{BindTransceiver, BindTransmitter},
    types::COctetString,
    values::InterfaceVersion,
};
use sha2::{Digest, Sha256};

use crate::http::{HttpError, Request, SMPP_SCHEMES};

/// An account at a message centre. `Debug` shows the host only.
#[derive(Clone, PartialEq, Eq)]
pub struct Bind {
    pub host: String,
    pub port: u16,
    pub tls: bool,
    /// The operator chose this address: private networks, and plain TCP, are allowed.
    pub private: bool,
    pub system_id: String,
    pub password: String,
    pub system_type: String,
    /// As a transceiver, which hears receipts and replies; else as a transmitter.
    pub hears: bool,
    /// Texts that may wait for their answer at once, at least 1.
    pub window: usize,
}

/// Which session: two accounts that differ in anything have two. It tells nothing of what it was made of.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionKey([u8; 32]);

const WINDOW: usize = 10;
const WINDOW_MAX: usize = 100;

impl Bind {
    /// The account that a request is addressed to.
    pub fn of(request: &Request) -> Result<Bind, HttpError> {
        let not_allowed = |why: &str| HttpError::NotAllowed(why.to_owned());
        let url = url::Url::parse(&request.url).map_err(|_| not_allowed("not an address of a message centre"))?;
        let (Some(host), Some(port)) = (url.host_str(), url.port()) else {
            return Err(not_allowed("an address of a message centre has a host and a port"));
        };
        if !SMPP_SCHEMES.contains(&url.scheme()) || !url.username().is_empty() || url.password().is_some() {
            return Err(not_allowed("only smpp(s)://host:port"));
        }
        let header = |name: &str| {
            let found = request.headers.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        let bind = Bind {
            host: host.trim_matches(['[', ']']).to_owned(),
            port,
            tls: url.scheme() == "smpps",
            private: request.private,
            system_id: header("smpp-system-id"),
            password: header("smpp-password"),
            system_type: header("smpp-system-type"),
            hears: header("smpp-bind") != "transmitter",
            window: header("smpp-window").parse().unwrap_or(WINDOW).clamp(1, WINDOW_MAX),
        };
        if !bind.tls && !bind.private {
            return Err(not_allowed("only smpps outside private networks"));
        }
        bind.pdu().ok_or_else(|| not_allowed("the system id, the password or the system type is too long"))?;
        Ok(bind)
    }

    pub fn key(&self) -> SessionKey {
        let mut hash = Sha256::new();
        let flags = [self.tls, self.private, self.hears].map(u8::from);
        for piece in [&self.host, &self.system_id, &self.password, &self.system_type] {
            hash.update(piece.len().to_be_bytes());
            hash.update(piece);
        }
        hash.update(flags);
        hash.update(self.port.to_be_bytes());
        hash.update(self.window.to_be_bytes());
        SessionKey(hash.finalize().into())
    }

    /// The request to bind; none when a field is longer than SMPP 3.4 allows or not ASCII.
    pub fn pdu(&self) -> Option<Pdu> {
        let system_id = COctetString::from_string(self.system_id.clone()).ok()?;
        let password = COctetString::from_string(self.password.clone()).ok()?;
        let system_type = COctetString::from_string(self.system_type.clone()).ok()?;
        Some(if self.hears {
            let bind = BindTransceiver::builder().system_id(system_id).password(password).system_type(system_type);
            bind.interface_version(InterfaceVersion::Smpp3_4).build().into()
        } else {
            let bind = BindTransmitter::builder().system_id(system_id).password(password).system_type(system_type);
            bind.interface_version(InterfaceVersion::Smpp3_4).build().into()
        })
    }
}

impl fmt::Debug for Bind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bind({})", self.host)
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionKey({})", HEXLOWER.encode(self.0.get(..4).unwrap_or_default()))
    }
}
