//! The `kubernetes` profile: pods look up names, step by step, and CoreDNS forwards what it must.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::answers;
use super::cluster::{Cluster, Ids};
use super::exchange::{Asked, Forwarded};
use super::forge::{self, Message, query};
use super::names::{Names, Step, Wanted, Zone};
use super::options::Options;
use super::random::{Zipf, mix};
use super::schedule::{Starts, Time};
use super::wire::{Path, Wire};

/// How long CoreDNS keeps what it forwarded.
const CACHED: Time = 30_000_000_000;
/// A pod leaves a name alone for at least this long after it was done with it.
const QUIET: Time = 1_000_000_000;
/// How many large answers do not fit into a datagram.
const TRUNCATED: f64 = 0.004;
/// Beyond this, what is over is thrown out of the tables.
const TABLE: usize = 1 << 18;

type Until = HashMap<u64, Time, FixedState>;

/// The state of the profile.
pub struct Kubernetes {
    cluster: Cluster,
    popularity: Zipf,
    names: Names,
    /// By pod and name: when it may be wanted again.
    busy: Until,
    /// By CoreDNS pod, name and type.
    cached: Until,
    tcp: f64,
    timeouts: f64,
    servfail: f64,
}

impl Kubernetes {
    pub fn new(options: &Options, wire: &mut Wire) -> Self {
        Kubernetes {
            cluster: Cluster::new(options, &mut wire.random),
            popularity: Zipf::new(options.clients(), 0.8),
            names: Names::new(),
            busy: Until::default(),
            cached: Until::default(),
            tcp: options.tcp,
            timeouts: options.timeouts(),
            servfail: options.servfail,
        }
    }

    /// Plays one lookup that begins now.
    pub fn play(&mut self, at: Time, wire: &mut Wire) {
        let pod = self.popularity.draw(&mut wire.random);
        let (key, wanted) = self.wish(at, pod, wire);
        let mut now = at;
        let mut ended = at;
        let mut starts = Starts::Lookup;
        for step in &wanted.steps {
            let (end, answered) = self.step(now, pod, step, wanted.kinds, starts, wire);
            ended = end;
            starts = Starts::Nothing;
            if !answered {
                break;
            }
            now = end + wire.random.between(40_000, 400_000);
        }
        forget(&mut self.busy, at);
        self.busy.insert(key, ended + QUIET);
    }

    /// A name that the pod is not busy with.
    fn wish(&mut self, at: Time, pod: usize, wire: &mut Wire) -> (u64, Wanted) {
        let namespace = self.cluster.pods[pod].namespace;
        let key = |wanted: &Wanted| mix((pod as u64) << 42 ^ wanted.identity);
        for _ in 0..8 {
            let wanted = self.names.draw(namespace, &mut wire.random);
            if self.busy.get(&key(&wanted)).is_none_or(|until| *until <= at) {
                return (key(&wanted), wanted);
            }
        }
        let wanted = self.names.session(namespace);
        (key(&wanted), wanted)
    }

    /// Asks for one name in all its types. Says when that was over, and whether all were answered.
    fn step(
        &mut self,
        at: Time,
        pod: usize,
        step: &Step,
        kinds: &[u16],
        starts: Starts,
        wire: &mut Wire,
    ) -> (Time, bool) {
        let over_tcp = wire.random.chance(self.tcp);
        let (path, Ids(ids), backend) = self.cluster.pods[pod].socket(&mut wire.random);
        let mut asked = Vec::with_capacity(2);
        for (kind, id) in kinds.iter().zip(ids) {
            let mut query = query(&step.name, *kind).id(id);
            if let Some(size) = self.cluster.pods[pod].edns {
                query = query.edns(size);
            }
            asked.push(self.serve(at, backend, query, step, over_tcp, wire));
        }
        if over_tcp {
            let pipelined = asked.len() < 2 || wire.random.chance(0.5);
            if pipelined {
                return (wire.tcp(at, &path, &asked, starts), true);
            }
            // Which connection is sooner there is open.
            let starts = match starts {
                Starts::Lookup => Starts::Either(wire.schedule.scheduled()),
                other => other,
            };
            let end = wire.tcp(at, &path, &asked[..1], starts);
            let path = self.another_socket(pod, &path, wire);
            return (wire.tcp(at + 30_000, &path, &asked[1..], starts).max(end), true);
        }
        let mut end = at;
        let mut answered = true;
        for (n, exchange) in asked.into_iter().enumerate() {
            let path = if n == 1 && self.cluster.pods[pod].two_sockets {
                self.another_socket(pod, &path, wire)
            } else {
                path
            };
            let starts = if n == 0 { starts } else { Starts::Nothing };
            let sent = at + n as u64 * wire.random.between(8_000, 60_000);
            match self.ask(sent, &path, pod, step, exchange, starts, wire) {
                Ok(done) => end = end.max(done),
                Err(gave_up) => {
                    end = end.max(gave_up);
                    answered = false;
                }
            }
        }
        (end, answered)
    }

    /// A further port of the pod, to the same CoreDNS.
    fn another_socket(&mut self, pod: usize, path: &Path, wire: &mut Wire) -> Path {
        let client = self.cluster.pods[pod].socket(&mut wire.random).0.client;
        Path { client, ..*path }
    }

    /// One question over UDP, and over TCP once its answer is truncated. The error is the time at
    /// which the client gives up.
    #[allow(clippy::too_many_arguments)]
    fn ask(
        &mut self,
        at: Time,
        path: &Path,
        pod: usize,
        step: &Step,
        mut exchange: Asked,
        starts: Starts,
        wire: &mut Wire,
    ) -> Result<Time, Time> {
        let lost = wire.random.chance(self.timeouts);
        let cut = step.exists && step.zone == Zone::World && wire.random.chance(TRUNCATED);
        let full = cut.then(|| exchange.response.clone());
        if full.is_some() {
            exchange.response.answers.clear();
            exchange.response = exchange.response.truncated();
        }
        let end = wire.udp(at, path, &exchange, lost, starts).ok_or(at + 15_000_000_000)?;
        let Some(response) = full else { return Ok(end) };
        let path = self.another_socket(pod, path, wire);
        let again = Asked { query: exchange.query, response, latency: 250_000, forwarded: None };
        Ok(wire.tcp(end + 60_000, &path, &[again], Starts::Nothing))
    }

    /// What CoreDNS does with a question; it asks the VPC resolver if it must.
    fn serve(
        &mut self,
        at: Time,
        backend: usize,
        query: Message,
        step: &Step,
        over_tcp: bool,
        wire: &mut Wire,
    ) -> Asked {
        if !over_tcp && wire.random.chance(self.servfail) {
            let latency = wire.random.between(400_000_000, 2_000_000_000);
            let response = answers::servfail(&query);
            return Asked { query, response, latency, forwarded: None };
        }
        // Slower than the copies of a query take to pass, never slower than a client's patience.
        let latency = wire.random.log_normal(260_000.0, 0.5).clamp(150_000.0, 300e6) as Time;
        let response = answers::answer(&query, step);
        if step.zone == Zone::Cluster {
            return Asked { query, response, latency, forwarded: None };
        }
        let name = answers::spread(&step.name);
        let key = mix(name ^ u64::from(query.questions[0].kind) << 1 ^ backend as u64);
        // CoreDNS ran before the capture began: what it knew then expires little by little, and the
        // VPC resolver does not see a burst that no real node would send.
        let before = forge::START.as_nanos() as Time + mix(key) % CACHED;
        if *self.cached.get(&key).unwrap_or(&before) > at {
            return Asked { query, response, latency, forwarded: None };
        }
        forget(&mut self.cached, at);
        self.cached.insert(key, at + CACHED);
        let upstream = wire.random.log_normal(1_500_000.0, 0.6).clamp(200_000.0, 1e9) as Time;
        let (path, Ids([id, _])) = self.cluster.forwarders[backend].socket();
        let exchange = Box::new(Asked {
            query: query.clone().id(id),
            response: response.clone().id(id),
            latency: upstream,
            forwarded: None,
        });
        let forwarded = Forwarded { path, after: latency / 2, exchange };
        let latency = latency + upstream;
        if over_tcp {
            // When the query will have come, the connection knows.
            return Asked { query, response, latency, forwarded: Some(forwarded) };
        }
        forwarded.send(at, wire);
        Asked { query, response, latency, forwarded: None }
    }
}

/// Keeps a table of times small.
fn forget(table: &mut Until, now: Time) {
    if table.len() == table.capacity() && table.len() >= TABLE {
        table.retain(|_, until| *until > now);
    }
}
