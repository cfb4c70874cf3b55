//! Questions that got nothing back: whose they are, and whether it is a wall or a drizzle.

use std::collections::BTreeMap;

use super::facts::{FEW, Facts};
use super::finding::Evidence;
use super::outage::{Noise, Outage, Union, worst};
use crate::aggregate::{Lapse, Missed, Pair, Period, Tally};
use crate::model::{Address, Span};

/// From this share on silence is a wall: what gets through are answers that were on their way, or
/// came from a cache.
pub const WALL: f64 = 0.9;

/// All pairs of one client, or of one server, added up.
#[derive(Clone, Debug, Default)]
pub struct Sum<'a> {
    /// Whose pairs they are.
    pub address: Address,
    /// The pairs.
    pub pairs: Vec<&'a Pair>,
    /// Their transactions.
    pub all: Tally,
    /// Of these, for names outside the cluster.
    pub external: Tally,
    /// Of these, for names of the cluster.
    pub cluster: Tally,
    /// Unanswered without a word from anybody.
    pub silent: u64,
    /// When answers came.
    pub answers: Period,
    /// When questions were sent that stayed unanswered.
    pub losses: Period,
    /// Times in which nothing was answered and questions were lost in silence.
    pub outages: Vec<Outage>,
}

impl<'a> Sum<'a> {
    fn add(&mut self, pair: &'a Pair) {
        self.pairs.push(pair);
        self.all.add(pair.all());
        self.external.add(pair.external());
        self.cluster.add(pair.cluster());
        self.silent += pair.silent();
        self.answers.join(pair.answers);
        self.losses.join(pair.losses);
    }

    /// Whether there is a wall: silence all the time, from the start, from some moment on, or from one
    /// moment to another; or nearly all is lost.
    pub fn is_walled(&self) -> bool {
        let share = Facts::share(self.silent, self.silent + self.all.answered);
        self.silent >= FEW && (!self.outages.is_empty() || share >= WALL)
    }

    /// The worst outage, and how many others there are, in words.
    pub fn worst(&self) -> Option<(&Outage, String)> {
        worst(&self.outages)
    }

    /// Questions that the wall took.
    pub fn walled_off(&self) -> u64 {
        match self.outages.iter().map(|outage| outage.lapse.lost).sum() {
            0 => self.silent,
            lost => lost,
        }
    }

    /// When the wall stood: the worst time of it.
    pub fn window(&self) -> Period {
        self.worst().map_or(self.losses, |(outage, _)| outage.period())
    }

    /// Everything that its pairs know of silences.
    fn union(&self) -> Union {
        let mut union = Union::default();
        for pair in &self.pairs {
            union.add(&pair.heard, &pair.lapses, noise(pair));
        }
        union
    }

    /// Whether anybody refused, so that the silence has a voice beside it.
    pub fn is_refused(&self) -> bool {
        self.pairs.iter().any(|pair| pair.refused() > 0)
    }

    /// The servers asked.
    pub fn servers(&self) -> Vec<Address> {
        let mut servers: Vec<Address> = self.pairs.iter().map(|pair| pair.server).collect();
        servers.sort_unstable();
        servers.dedup();
        servers
    }

    /// Frames of queries without an answer.
    pub fn lost_frames(&self) -> impl Iterator<Item = u64> {
        self.pairs.iter().flat_map(|pair| pair.lost_frames.iter())
    }
}

/// Adds pairs up by client, in the order of their addresses.
pub fn by_client<'a>(pairs: impl Iterator<Item = &'a Pair>) -> Vec<Sum<'a>> {
    grouped(pairs, |pair| pair.client)
}

/// Adds pairs up by server, in the order of their addresses.
pub fn by_server<'a>(pairs: impl Iterator<Item = &'a Pair>) -> Vec<Sum<'a>> {
    grouped(pairs, |pair| pair.server)
}

fn grouped<'a>(
    pairs: impl Iterator<Item = &'a Pair>,
    key: impl Fn(&Pair) -> Address,
) -> Vec<Sum<'a>> {
    let mut sums: BTreeMap<Address, Sum<'a>> = BTreeMap::new();
    for pair in pairs {
        let address = key(pair);
        sums.entry(address).or_insert_with(|| Sum { address, ..Sum::default() }).add(pair);
    }
    let mut sums: Vec<Sum<'a>> = sums.into_values().collect();
    // What everybody loses says what is chance.
    let mut elsewhere = Noise::default();
    for sum in &sums {
        let in_a_row = sum.pairs.iter().flat_map(|pair| pair.lapses.iter());
        let rows: u64 = in_a_row.filter(|lapse| lapse.alone >= FEW).map(Lapse::hurt).sum();
        sum.pairs.iter().for_each(|pair| elsewhere.join(noise(pair)));
        elsewhere.hurt = elsewhere.hurt.saturating_sub(rows);
    }
    for sum in sums.iter_mut().filter(|sum| sum.silent >= FEW) {
        sum.outages = sum.union().outages(elsewhere);
        sum.outages.retain(Outage::is_silent);
    }
    sums
}

/// What a pair loses of what it asks.
pub fn noise(pair: &Pair) -> Noise {
    Noise { sent: pair.all().sent, hurt: pair.all().unanswered + pair.rare().rescued }
}

/// Where the lost queries of these pairs were last seen, if the capture shows queries on their way
/// on; and whether that was before they left this node.
pub fn last_seen(facts: &Facts<'_>, pairs: &[&Pair]) -> Option<(Evidence, bool)> {
    let onward = facts.aggregate.counting.pairs.iter().any(|pair| pair.seen_beyond > 0);
    let lost: u64 = pairs.iter().map(|pair| pair.silent()).sum();
    let beyond: u64 = pairs.iter().map(|pair| pair.lost_beyond).sum();
    if !onward || lost == 0 {
        return None;
    }
    let here = beyond == 0;
    let text = if here {
        "None of the lost queries was seen behind the interface that it came in on, as those of \
         others are: they are dropped on this node."
            .to_owned()
    } else {
        format!(
            "{beyond} of the {lost} lost queries were seen on their way on: they, or their \
             answers, are dropped behind this node or on the way back."
        )
    };
    Some((Evidence::new("seen_on_the_way", beyond as f64, "count", text), here))
}

/// When the answers to this client came as far as this node and no further, although others of its answers reach it:
/// it asked again for them.
pub fn missed(client: &Sum<'_>) -> Option<Missed> {
    /// In less time it does not ask again by a timer.
    const LASTING: Span = Span::from_secs(2);
    let is_wall = |pair: &&&Pair| {
        let missed = pair.rare().missed.longest();
        let lasting = missed.resent.min(missed.undelivered) >= FEW
            && missed.period.last.since(missed.period.first) >= LASTING;
        // Several that wait ask again at one moment.
        let many = missed.resent >= 2 * FEW && pair.undelivered >= missed.resent;
        (lasting || many) && pair.all().answered >= pair.undelivered + FEW
    };
    let walls = client.pairs.iter().filter(is_wall).map(|pair| pair.rare().missed.longest());
    walls.max_by_key(|missed| missed.undelivered)
}

/// The clients whose answers come as far as this node and never to them, while those to others do; or not for a time.
/// (Where answers bypass the client's interface, as with Cilium's `redirect_peer`, it is so for all.)
pub fn cut_off<'s, 'a>(facts: &Facts<'_>, clients: &'s [Sum<'a>]) -> Vec<&'s Sum<'a>> {
    /// Answers to queries that were translated, and those of them that the client did not get.
    fn ways<'p>(pairs: impl Iterator<Item = &'p Pair>) -> (u64, u64) {
        pairs
            .filter(|pair| pair.translated > 0)
            .fold((0, 0), |(all, lost), pair| (all + pair.all().answered, lost + pair.undelivered))
    }
    let all = ways(facts.aggregate.counting.pairs.iter());
    let is_missing = |client: &&Sum<'_>| {
        let (answered, lost) = ways(client.pairs.iter().copied());
        lost >= FEW && Facts::share(lost, answered) >= WALL
    };

    // A whole namespace may be cut off: what goes well elsewhere is that of all others.
    let cut: Vec<&Sum<'a>> = clients.iter().filter(is_missing).collect();
    let (answered, lost) = ways(cut.iter().flat_map(|client| client.pairs.iter().copied()));
    let (delivered, ended) = (all.0 - answered, all.1 - lost);
    let others_get_theirs = delivered >= FEW && Facts::share(ended, delivered) < 1.0 - WALL;
    if others_get_theirs && !cut.is_empty() {
        return cut;
    }
    clients.iter().filter(|client| missed(client).is_some()).collect()
}
