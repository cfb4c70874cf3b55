//! One packet between a client and a server, as every capturing interface on its way sees it.
//!
//! On its way from a pod to CoreDNS a packet passes the pod's veth (still to the ClusterIP), the ENI
//! (to CoreDNS' pod, by DNAT), CoreDNS' veth, and mirrors; each hop takes one from the TTL and leaves
//! the IP-ID. An answer passes the same interfaces the other way round.

use std::net::{IpAddr, SocketAddr};

use super::forge::{Direction, Packet, Transport};
use super::output::{INTERFACES, POD_INTERFACES};
use super::random::Random;
use super::schedule::{Copy, Item, Key, Note, Payload, Schedule, Time};

/// A client's socket and the server that it asks.
#[derive(Clone, Copy)]
pub struct Path {
    pub client: SocketAddr,
    pub server: SocketAddr,
    /// Who really answers, if the server is a ClusterIP.
    pub backend: IpAddr,
    /// The interface of the client.
    pub interface: u32,
    pub vlan: u16,
}

/// Where packets go.
pub struct Wire {
    pub schedule: Schedule,
    pub random: Random,
    copies: u8,
    ip_id: u16,
}

impl Wire {
    pub fn new(schedule: Schedule, random: Random, copies: u8) -> Self {
        Wire { schedule, random, copies, ip_id: 0 }
    }

    /// Sends from the client, or back to it; says where the first copy will stand in the file.
    pub fn send(
        &mut self,
        time: Time,
        path: &Path,
        from_client: bool,
        transport: Transport,
        notes: [Note; 2],
    ) -> Key {
        self.ip_id = self.ip_id.wrapping_add(1).max(1);
        let ends =
            if from_client { (path.client, path.server) } else { (path.server, path.client) };
        let packet = Packet {
            from: ends.0,
            to: ends.1,
            ttl: 64,
            ip_id: self.ip_id,
            dont_fragment: true,
            transport,
        };
        let last = self.copies - 1;
        if last == 0 {
            let direction = if from_client { Direction::Incoming } else { Direction::Outgoing };
            let (payload, copy) = (Payload::Ip(packet), Copy::Original);
            let item = Item { payload, interface: 0, direction, vlan: path.vlan, notes, copy };
            return self.schedule.push(time, item);
        }
        let backend = SocketAddr::new(path.backend, path.server.port());
        let translated = backend != path.server;
        let mut key = None;
        let mut seen_at = time;
        for hop in 0..=last {
            let place = if from_client { hop } else { last - hop };
            let mut packet = packet.clone();
            packet.ttl -= hop;
            if place > 0 {
                *(if from_client { &mut packet.to } else { &mut packet.from }) = backend;
            }
            let copy = match hop {
                0 => Copy::Original,
                // The packet first crosses to the other side of the DNAT where the pod's veth is
                // left (to the server) or reached (back).
                _ if translated && place == u8::from(from_client) => Copy::OtherStream,
                _ => Copy::SameStream,
            };
            let interface = match u32::from(place) {
                0 => path.interface,
                1 => 0,
                // CoreDNS' own packets begin at CoreDNS' veth, and go on to a mirror.
                place => place - u32::from(path.interface != 1),
            };
            // Into the node from the pod, out of it to the server; and back.
            let inward = (place == 0) == from_client;
            let direction = if inward { Direction::Incoming } else { Direction::Outgoing };
            let payload = Payload::Ip(packet);
            let item = Item { payload, interface, direction, vlan: path.vlan, notes, copy };
            let pushed = self.schedule.push(seen_at, item);
            key.get_or_insert(pushed);
            seen_at += self.random.between(4_000, 16_000);
        }
        key.unwrap_or_default()
    }

    /// The interface of a pod.
    pub fn pod_interface(pod: usize) -> u32 {
        INTERFACES.len() as u32 + pod as u32 % POD_INTERFACES
    }

    /// Foreign traffic, seen once.
    pub fn noise(&mut self, time: Time, payload: Payload) {
        let (direction, copy) = (Direction::Incoming, Copy::Original);
        let notes = [Note::Noise, Note::Nothing];
        self.schedule.push(time, Item { payload, interface: 0, direction, vlan: 0, notes, copy });
    }
}
