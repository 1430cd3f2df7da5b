//! Between octets and what they mean. What we say is written by the codec. What a centre says is read leniently, field by
//! field: centres leave out ends of strings and whole bodies, and a receipt must not be lost over that.

use data_encoding::HEXLOWER;
use rusmpp::{
    Command, CommandStatus, Pdu,
    encode::{Encode, Length},
    pdus::SubmitSm,
    tlvs::MessageSubmissionRequestTlvValue,
    types::{AnyOctetString, COctetString, EmptyOrFullCOctetString, OctetString},
    values::{DataCoding, EsmClass, MessagePayload, Npi, RegisteredDelivery, Ton},
};
use serde::Deserialize;

pub const BIND_TRANSMITTER_RESP: u32 = 0x8000_0002;
pub const SUBMIT_SM_RESP: u32 = 0x8000_0004;
pub const DELIVER_SM: u32 = 0x0000_0005;
pub const UNBIND: u32 = 0x0000_0006;
pub const UNBIND_RESP: u32 = 0x8000_0006;
pub const BIND_TRANSCEIVER_RESP: u32 = 0x8000_0009;
pub const ENQUIRE_LINK: u32 = 0x0000_0015;
pub const ALERT_NOTIFICATION: u32 = 0x0000_0102;
pub const GENERIC_NACK: u32 = 0x8000_0000;
/// Set in every answer.
pub const ANSWER: u32 = 0x8000_0000;

/// command_status values that are acted on or said (SMPP 3.4, 5.1.3).
pub const OK: u32 = 0x00;
pub const INVALID_COMMAND: u32 = 0x03;
pub const BIND_FAILED: u32 = 0x0d;
pub const INVALID_PASSWORD: u32 = 0x0e;
pub const INVALID_SYSTEM_ID: u32 = 0x0f;
pub const QUEUE_FULL: u32 = 0x14;
pub const THROTTLED: u32 = 0x58;
/// ESME_RX_T_APPN: send it again later.
pub const NOT_NOW: u32 = 0x64;
/// ESME_RX_P_APPN: do not send it again.
pub const NEVER: u32 = 0x65;

/// One PDU as octets.
pub fn octets(status: u32, sequence: u32, pdu: impl Into<Pdu>) -> Vec<u8> {
    let command = Command::new(CommandStatus::from(status), sequence, pdu);
    let mut octets = vec![0; 4 + command.length()];
    let length = u32::try_from(octets.len()).unwrap_or_default().to_be_bytes();
    if let Some((head, body)) = octets.split_at_mut_checked(4) {
        head.copy_from_slice(&length);
        command.encode(body);
    }
    octets
}

/// A PDU that came.
pub struct Frame {
    pub id: u32,
    pub status: u32,
    pub sequence: u32,
    pub body: Vec<u8>,
}

impl Frame {
    /// From all octets of it, its length first.
    pub fn of(octets: &[u8]) -> Option<Frame> {
        let mut cursor = Cursor(octets);
        cursor.long()?;
        Some(Frame { id: cursor.long()?, status: cursor.long()?, sequence: cursor.long()?, body: cursor.0.to_vec() })
    }

    /// The first string of the body: message_id of a submit_sm_resp.
    pub fn name(&self) -> String {
        Cursor(&self.body).string()
    }
}

/// A text as the connector describes it.
#[derive(Deserialize)]
pub struct Submission {
    source: Address,
    destination: Address,
    validity_period: String,
    receipt: bool,
    data_coding: u8,
    pub payload: bool,
    parts: Vec<Part>,
}

#[derive(Deserialize)]
struct Address {
    address: String,
    ton: u8,
    npi: u8,
}

#[derive(Deserialize)]
struct Part {
    #[serde(default)]
    udh: String,
    octets: String,
}

const UDH: u8 = 0b0100_0000;
const FINAL_RECEIPT: u8 = 1;

impl Submission {
    /// A submit_sm for each part, of which the last asks for the receipt; none when a field has no place in one.
    pub fn parts(&self) -> Option<Vec<SubmitSm>> {
        let last = self.parts.len().checked_sub(1)?;
        self.parts.iter().enumerate().map(|(at, part)| self.submit(part, at == last)).collect()
    }

    fn submit(&self, part: &Part, last: bool) -> Option<SubmitSm> {
        let hex = |text: &str| HEXLOWER.decode(text.as_bytes()).ok();
        let octets = [hex(&part.udh)?, hex(&part.octets)?].concat();
        // The codec's own default sets the bit of a delivery acknowledgement.
        let esm_class = if part.udh.is_empty() { 0 } else { UDH };
        let submit = SubmitSm::builder()
            .source_addr_ton(Ton::from(self.source.ton))
            .source_addr_npi(Npi::from(self.source.npi))
            .source_addr(COctetString::from_string(self.source.address.clone()).ok()?)
            .dest_addr_ton(Ton::from(self.destination.ton))
            .dest_addr_npi(Npi::from(self.destination.npi))
            .destination_addr(COctetString::from_string(self.destination.address.clone()).ok()?)
            .esm_class(EsmClass::from(esm_class))
            .validity_period(EmptyOrFullCOctetString::from_string(self.validity_period.clone()).ok()?)
            .registered_delivery(RegisteredDelivery::from(u8::from(self.receipt && last) * FINAL_RECEIPT))
            .data_coding(DataCoding::from(self.data_coding));
        Some(match self.payload {
            true => {
                u16::try_from(octets.len()).ok()?;
                let payload = MessagePayload::new(AnyOctetString::from_vec(octets));
                submit.push_tlv(MessageSubmissionRequestTlvValue::MessagePayload(payload)).build()
            }
            false => submit.short_message(OctetString::from_vec(octets).ok()?).build(),
        })
    }
}

/// A deliver_sm as far as anything in it is of use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    pub source: String,
    pub destination: String,
    pub esm_class: u8,
    pub data_coding: u8,
    /// Without the header of a part.
    pub octets: Vec<u8>,
    pub place: Option<Place>,
    pub receipted_message_id: Option<String>,
    pub message_state: Option<u8>,
    pub network_error_code: Option<Vec<u8>>,
}

/// Which part of which text this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    pub name: u16,
    pub number: u8,
    pub of: u8,
}

impl Heard {
    /// From the body of a deliver_sm; none when it ends before its text.
    pub fn of(body: &[u8]) -> Option<Heard> {
        let mut cursor = Cursor(body);
        cursor.string();
        cursor.take(2)?;
        let source = cursor.string();
        cursor.take(2)?;
        let destination = cursor.string();
        let esm_class = cursor.octet()?;
        cursor.take(2)?;
        cursor.string();
        cursor.string();
        cursor.take(2)?;
        let data_coding = cursor.octet()?;
        cursor.octet()?;
        let length = usize::from(cursor.octet()?);
        let octets = cursor.take(length)?.to_vec();
        let mut heard = Heard { source, destination, esm_class, data_coding, octets, ..Heard::default() };
        heard.read_fields(cursor);
        if heard.esm_class & UDH != 0 {
            heard.cut_header();
        }
        heard.place = heard.place.filter(|place| place.of > 1 && (1..=place.of).contains(&place.number));
        Some(heard)
    }

    /// The optional fields; what follows a broken one is not read.
    fn read_fields(&mut self, mut cursor: Cursor<'_>) {
        let (mut name, mut of, mut number) = (None, None, None);
        while let (Some(tag), Some(length)) = (cursor.short(), cursor.short()) {
            let Some(value) = cursor.take(usize::from(length)) else { break };
            match tag {
                0x001e => self.receipted_message_id = Some(Cursor(value).string()),
                0x0423 => self.network_error_code = Some(value.to_vec()),
                0x0424 if self.octets.is_empty() => self.octets = value.to_vec(),
                0x0427 => self.message_state = value.first().copied(),
                0x020c => name = Cursor(value).short(),
                0x020e => of = value.first().copied(),
                0x020f => number = value.first().copied(),
                _ => {}
            }
        }
        if let (Some(name), Some(of), Some(number)) = (name, of, number) {
            self.place = Some(Place { name, number, of });
        }
    }

    /// The user data header before the text (3GPP TS 23.040, 9.2.3.24): elements 0 and 8 say which part this is.
    fn cut_header(&mut self) {
        let mut cursor = Cursor(&self.octets);
        let header = cursor.octet().and_then(|length| cursor.take(usize::from(length)));
        let Some(header) = header else { return };
        let rest = cursor.0.to_vec();
        let mut header = Cursor(header);
        while let (Some(element), Some(length)) = (header.octet(), header.octet()) {
            match (element, header.take(usize::from(length))) {
                (0, Some(&[name, of, number])) => self.place = Some(Place { name: name.into(), number, of }),
                (8, Some(&[high, low, of, number])) => {
                    self.place = Some(Place { name: u16::from_be_bytes([high, low]), number, of });
                }
                (_, Some(_)) => {}
                (_, None) => break,
            }
        }
        self.octets = rest;
    }
}

struct Cursor<'o>(&'o [u8]);

impl<'o> Cursor<'o> {
    fn take(&mut self, count: usize) -> Option<&'o [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn octet(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn short(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    fn long(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    /// Up to its null octet, or to the end where that is missing.
    fn string(&mut self) -> String {
        let mut pieces = self.0.splitn(2, |&octet| octet == 0);
        let text = pieces.next().unwrap_or_default();
        self.0 = pieces.next().unwrap_or_default();
        text.iter().map(|&octet| char::from(octet)).filter(|character| !character.is_control()).collect()
    }
}
