//! What is no random loss: times in which nothing was answered at all.

use super::super::coredns_backend_gone;
use crate::aggregate::{Bin, Pair, Period};
use crate::model::{Address, Timestamp};
use crate::verdict::Facts;
use crate::verdict::outage::{Noise, Outage, Union};
use crate::verdict::silence::{by_client, by_server, noise};
use crate::verdict::times::Times;

/// The questions beside outages are cut into so many parts of equal size, at most,
const PARTS: u64 = 20;

/// of which each has at least so many losses, on average.
const LOSSES_A_PART: u64 = 3;

/// and so many seconds, or more in a long capture: what is asked in one is not divided.
const BINS_A_PART: u64 = 2;

/// With fewer parts chance decides.
const FEWEST_PARTS: u64 = 5;

/// Losses of independent packets vary from part to part as their number does: the variance is the
/// mean (Poisson). From this multiple on they crowd,
const DISPERSION: f64 = 4.0;

/// if the rate itself varies by so much: the variance beyond the mean, as a share of the squared mean. No link
/// loses the same all the time, and of thousands of losses that shows. All losses in four fifths of the
/// questions, and none in the others, come to so much.
const CROWDED: f64 = 0.25;

/// All outages of the capture.
pub(super) struct Outages<'a> {
    facts: &'a Facts<'a>,
    /// Clients who are lost without a time to it: nearly all, always.
    pub(super) walled: Vec<Address>,
    /// Outages of one client, in the order of their addresses.
    of_clients: Vec<(Address, Period)>,
    /// Outages of a server, or of everybody.
    of_all: Times,
}

impl<'a> Outages<'a> {
    pub(super) fn of(facts: &'a Facts<'a>) -> Outages<'a> {
        let pairs = || facts.aggregate.counting.pairs.iter();
        let (mut walled, mut of_clients) = (Vec::new(), Vec::new());
        let losses = |outage: &Outage| outage.lapse.losses;
        for client in by_client(pairs()).iter().filter(|client| client.is_walled()) {
            // Blocked from some moment on, or all the time: then it is not lossy besides.
            if client.outages.iter().all(|outage| outage.resumed.is_none()) {
                walled.push(client.address);
            }
            of_clients.extend(client.outages.iter().map(|outage| (client.address, losses(outage))));
        }
        let mut everybody = Union::default();
        for pair in pairs() {
            everybody.add(&pair.heard, &pair.lapses, noise(pair));
        }
        let mut of_all: Vec<Period> =
            everybody.outages(Noise::default()).iter().map(losses).collect();
        of_all.extend(by_server(pairs()).iter().flat_map(|s| s.outages.iter().map(losses)));
        of_all.extend(
            coredns_backend_gone::gone(facts)
                .iter()
                .flat_map(|gone| gone.outages.iter().map(losses)),
        );
        Outages { facts, walled, of_clients, of_all: Times::of(of_all) }
    }

    fn covers(&self, client: Address, losses: Period) -> bool {
        let start = self.of_clients.partition_point(|(of, _)| *of < client);
        let mut own = self.of_clients[start..].iter().take_while(|(of, _)| *of == client);
        self.of_all.overlap(losses) || own.any(|(_, outage)| outage.overlaps(losses))
    }

    /// Losses of a pair beside outages.
    pub(super) fn scattered(&self, pair: &Pair) -> u64 {
        let in_outages = pair.lapses.iter().filter(|lapse| self.covers(pair.client, lapse.losses));
        let dated: u64 = in_outages.map(|lapse| lapse.lost + lapse.rescued).sum();
        (pair.silent() + self.facts.rescued(pair)).saturating_sub(dated)
    }

    /// From the first of those to the last.
    pub(super) fn period(&self, pair: &Pair) -> Period {
        match self.scattered(pair) {
            0 => Period::default(),
            _ if pair.lapses.iter().any(|lapse| self.covers(pair.client, lapse.losses)) => {
                let beside =
                    pair.lapses.iter().filter(|lapse| !self.covers(pair.client, lapse.losses));
                Period::of(beside.map(|lapse| lapse.losses))
            }
            _ => Period::of([pair.losses, pair.rare().rescues]),
        }
    }

    /// Whether the losses beside outages crowd in time: the rest of something that was no full outage.
    pub(super) fn crowd_beside(&self, facts: &Facts<'_>) -> bool {
        let timeline = &facts.aggregate.counting.timeline;
        // What was asked last can be lost, and nobody knows yet.
        let beside = |time: Timestamp| {
            let bin = Period { first: time, last: time.plus(timeline.width()) };
            let mut clients = self.of_clients.iter().map(|(_, period)| period);
            facts.is_decided(time)
                && !self.of_all.overlap(bin)
                && !clients.any(|outage| outage.overlaps(bin))
        };
        let bins: Vec<&Bin> =
            timeline.bins().filter(|(time, _)| beside(*time)).map(|(_, bin)| bin).collect();
        let hurt = |bin: &Bin| u64::from(bin.unanswered + bin.rescued);
        let asked: u64 = bins.iter().map(|bin| u64::from(bin.asked)).sum();
        let losses: u64 = bins.iter().map(|bin| hurt(bin)).sum();
        let busy = bins.iter().filter(|bin| bin.asked > 0).count() as u64;
        let parts = (losses / LOSSES_A_PART).min(PARTS).min(busy / BINS_A_PART);
        if parts < FEWEST_PARTS {
            return false;
        }
        // A part ends where its share of the questions does.
        let (mut seen, mut counts) = (0, vec![0_u64; parts as usize]);
        for bin in &bins {
            let part = (seen * parts / asked.max(1)).min(parts - 1);
            counts[part as usize] += hurt(bin);
            seen += u64::from(bin.asked);
        }
        let mean = losses as f64 / parts as f64;
        let squares: f64 = counts.iter().map(|&count| (count as f64 - mean).powi(2)).sum();
        let variance = squares / (parts - 1) as f64;
        variance > DISPERSION * mean && variance - mean > CROWDED * mean.powi(2)
    }
}
