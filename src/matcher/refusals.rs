//! ICMP errors and TCP resets, tied to the query that they refuse.

use super::sighting::{Keys, Transport};
use super::{Matcher, Observer, Unwanted};
use crate::decode::{IcmpError, IcmpKind, message};
use crate::model::{Address, Endpoint, PacketMeta, Timestamp};

/// IP protocol number of UDP.
const UDP: u8 = 17;

/// Who said no, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The ICMP error; `None` is a TCP RST.
    pub icmp: Option<IcmpKind>,
    /// Who sent it.
    pub reporter: Address,
    /// TTL or hop limit that it arrived with.
    pub ttl: u8,
    /// Its frame.
    pub frame: u64,
    /// When it came.
    pub time: Timestamp,
    /// The client that is refused.
    pub client: Address,
    /// The server that it had asked.
    pub server: Address,
}

impl Matcher {
    /// Takes an ICMP error that quotes a packet from or to a DNS port. `is_dns_port` tells them.
    pub fn icmp(
        &mut self,
        packet: &PacketMeta,
        error: &IcmpError<'_>,
        is_dns_port: impl Fn(u16) -> bool,
        observer: &mut impl Observer,
    ) {
        self.advance(packet.time, observer);
        if !is_dns_port(error.quoted_destination_port) {
            if is_dns_port(error.quoted_source_port) {
                let (client, server) = (error.quoted_destination, error.quoted_source);
                let unwanted = Unwanted { kind: error.kind, client, server };
                observer.answer_unwanted(packet, unwanted);
            }
            return;
        }
        if !error.kind.refuses() {
            return;
        }
        let slot = if error.quoted_protocol == UDP { self.quoted(packet, error) } else { None };
        let refusal = Refusal {
            icmp: Some(error.kind),
            reporter: packet.source,
            ttl: packet.ttl,
            frame: packet.frame,
            time: packet.time,
            client: error.quoted_source,
            server: error.quoted_destination,
        };
        self.refuse(slot, packet, refusal, observer);
    }

    /// Takes a TCP RST from `packet`'s source to a connection between a client and a DNS port.
    pub fn reset(&mut self, packet: &PacketMeta, by_server: bool, observer: &mut impl Observer) {
        self.advance(packet.time, observer);
        let (client, server) = if by_server {
            (packet.to(), packet.from())
        } else {
            // A client that hangs up does not want its answer any more: nobody refused it.
            return;
        };
        let slot = self.in_flight.find_by_endpoints(Transport::Tcp, client, server.address);
        let refusal = Refusal {
            icmp: None,
            reporter: packet.source,
            ttl: packet.ttl,
            frame: packet.frame,
            time: packet.time,
            client: client.address,
            server: server.address,
        };
        self.refuse(slot, packet, refusal, observer);
    }

    fn refuse(
        &mut self,
        slot: Option<u32>,
        packet: &PacketMeta,
        refusal: Refusal,
        observer: &mut impl Observer,
    ) {
        let Some(slot) = slot else { return observer.refused(None, packet, refusal) };
        let transaction = self.in_flight.get_mut(slot);
        // The same error seen on a second interface refuses nothing new.
        let first = transaction.refusal().is_none_or(|old| old.time < transaction.last_sent);
        if first {
            transaction.refuse(refusal);
            observer.refused(Some(transaction), packet, refusal);
        }
    }

    /// The transaction whose query is quoted: by the quoted message where it is long enough (Linux
    /// quotes it whole), else the last one between the two sockets (RFC 792 asks for eight octets).
    fn quoted(&self, packet: &PacketMeta, error: &IcmpError<'_>) -> Option<u32> {
        let client = Endpoint { address: error.quoted_source, port: error.quoted_source_port };
        let quoted = error.quoted_payload;
        let whole = message::parse(quoted, quoted.len(), &self.hasher)
            .filter(crate::model::Message::has_question);
        match whole {
            Some(message) => {
                let query = PacketMeta {
                    source: client.address,
                    source_port: client.port,
                    destination: error.quoted_destination,
                    ..*packet
                };
                let keys = Keys::of(&query, &message, Transport::Udp, &self.hasher);
                let found = self.in_flight.find(keys.transaction, error.quoted_destination);
                found.map(|found| found.slot)
            }
            None => {
                self.in_flight.find_by_endpoints(Transport::Udp, client, error.quoted_destination)
            }
        }
    }
}
