//! The other end of a session: a message centre that says what a test tells it to, reading by the codec.

use rusmpp::{
    decode::DecodeWithLength,
    pdus::{BindTransceiverResp, SubmitSmResp},
    types::COctetString,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_util::bytes::BytesMut;

use super::*;

pub struct Centre {
    listener: TcpListener,
    pub port: u16,
}

impl Centre {
    pub async fn open() -> Centre {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        Centre { listener, port }
    }

    /// Somebody who has connected and said nothing.
    pub async fn visitor(&self) -> Peer {
        Peer(timeout(LONG, self.listener.accept()).await.expect("nobody came").unwrap().0)
    }

    /// Somebody who has bound.
    pub async fn bound(&self) -> Peer {
        let mut peer = self.visitor().await;
        let bind = peer.next().await;
        assert_eq!(bind.id(), CommandId::BindTransceiver);
        peer.say(0, bind.sequence_number(), BindTransceiverResp::default()).await;
        peer
    }
}

pub struct Peer(TcpStream);

impl Peer {
    pub async fn octets(&mut self) -> Vec<u8> {
        let length = timeout(LONG, self.0.read_u32()).await.expect("nothing was said").expect("the session hung up");
        let mut octets = vec![0; length as usize - 4];
        self.0.read_exact(&mut octets).await.unwrap();
        [length.to_be_bytes().to_vec(), octets].concat()
    }

    pub async fn next(&mut self) -> Command {
        decoded(&self.octets().await)
    }

    pub async fn hung_up(&mut self) -> bool {
        self.0.read_u32().await.is_err()
    }

    pub async fn say(&mut self, status: u32, sequence: u32, pdu: impl Into<Pdu>) {
        self.say_octets(&pdu::octets(status, sequence, pdu)).await;
    }

    pub async fn say_octets(&mut self, octets: &[u8]) {
        self.0.write_all(octets).await.unwrap();
    }

    pub async fn takes(&mut self, command: &Command, id: &str) {
        let id = COctetString::from_string(id.to_owned()).unwrap();
        self.say(0, command.sequence_number(), SubmitSmResp::builder().message_id(id).build()).await;
    }

    pub async fn refuses(&mut self, command: &Command, status: u32) {
        self.say(status, command.sequence_number(), SubmitSmResp::default()).await;
    }

    /// A deliver_sm octet by octet, so that nothing of ours has written it.
    pub async fn delivers(&mut self, sequence: u32, esm_class: u8, octets: &[u8], fields: &[u8]) {
        let mut body = b"\0\x01\x0112125550101\0\x05\0CornerShop\0".to_vec();
        body.extend([esm_class, 0, 0, 0, 0, 0, 0, 0, 0, u8::try_from(octets.len()).unwrap()]);
        body.extend(octets);
        body.extend(fields);
        let length = u32::try_from(16 + body.len()).unwrap();
        let head: Vec<u8> = [length, 5, 0, sequence].iter().flat_map(|number| number.to_be_bytes()).collect();
        self.say_octets(&[head, body].concat()).await;
    }

    /// The answer to a deliver_sm: sequence number and status.
    pub async fn acknowledged(&mut self) -> (u32, u32) {
        let answer = self.next().await;
        assert_eq!(answer.id(), CommandId::DeliverSmResp);
        (answer.sequence_number(), answer.status().into())
    }
}

/// As the codec reads it.
pub fn decoded(octets: &[u8]) -> Command {
    let mut rest = BytesMut::from(&octets[4..]);
    Command::decode(&mut rest, octets.len() - 4).unwrap().0
}
