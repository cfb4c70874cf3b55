//! What pods ask for: services, names outside, names that are gone.

use super::cluster::NAMESPACES;
use super::forge::{A, AAAA, HTTPS, Name, PTR, SRV, TXT};
use super::random::{Random, Zipf, mix};

const SERVICES: usize = 2000;
const EXTERNALS: usize = 1510;
const MISSING: usize = 60;
pub const BOTH: &[u16] = &[A, AAAA];

/// A name that a pod wants, and the way to it.
pub struct Wanted {
    /// What makes two wishes of one pod the same.
    pub identity: u64,
    /// The names asked, in turn, until one exists.
    pub steps: Vec<Step>,
    pub kinds: &'static [u16],
}

/// A name on the way.
pub struct Step {
    pub name: Name,
    pub zone: Zone,
    pub exists: bool,
}

/// Who knows the name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Zone {
    /// CoreDNS itself.
    Cluster,
    /// The VPC resolver: the node's search domain.
    Vpc,
    /// The VPC resolver: the internet.
    World,
}

impl Zone {
    /// The owner of the SOA in a negative answer.
    pub fn apex(self) -> &'static str {
        match self {
            Zone::Cluster => "cluster.local",
            Zone::Vpc => "eu-west-1.compute.internal",
            Zone::World => "com",
        }
    }
}

/// The popularity of names.
pub struct Names {
    services: Zipf,
    externals: Zipf,
    sessions: u64,
}

impl Names {
    pub fn new() -> Self {
        let (services, externals) = (Zipf::new(SERVICES, 0.9), Zipf::new(EXTERNALS, 1.0));
        Names { services, externals, sessions: 0 }
    }

    /// What a pod of this namespace wants next.
    pub fn draw(&mut self, namespace: u64, random: &mut Random) -> Wanted {
        match random.unit() {
            ..0.46 => self.service(namespace, random),
            ..0.92 => self.external(namespace, random),
            ..0.93 => missing(namespace, random),
            _ => self.single(random),
        }
    }

    /// A name that nobody wanted before.
    pub fn session(&mut self, namespace: u64) -> Wanted {
        self.sessions += 1;
        let id = mix(self.sessions);
        let name = format!("s-{id:016x}.sessions.vendor7.com");
        walk(1 << 40 | self.sessions, &name, namespace, 4, Zone::World)
    }

    fn service(&self, namespace: u64, random: &mut Random) -> Wanted {
        let service = self.services.draw(random) as u64;
        // A service name is in use in a few namespaces.
        let home = mix(service * 4 + random.below(4)) % NAMESPACES;
        let identity = service * NAMESPACES + home;
        // How an application spells a name does not change while it runs.
        match (home == namespace, mix(identity ^ namespace << 32) % 20) {
            (true, ..15) => {
                walk(identity, &format!("backend-{service}"), namespace, 0, Zone::Cluster)
            }
            (_, ..17) => {
                let name = format!("backend-{service}.team-{home}");
                walk(identity, &name, namespace, 1, Zone::Cluster)
            }
            (_, spelling) => {
                let name = format!("backend-{service}.team-{home}.svc.cluster.local");
                if spelling == 17 {
                    // Four dots are fewer than ndots: the whole list first, suffixes doubled.
                    walk(identity, &name, namespace, 4, Zone::Cluster)
                } else {
                    absolute(identity, &name, BOTH, Zone::Cluster)
                }
            }
        }
    }

    fn external(&mut self, namespace: u64, random: &mut Random) -> Wanted {
        if random.chance(0.03) {
            return self.session(namespace);
        }
        let rank = self.externals.draw(random) as u64;
        walk(1 << 24 | rank, &external(rank), namespace, 4, Zone::World)
    }

    /// One question of another type, for an absolute name.
    fn single(&self, random: &mut Random) -> Wanted {
        let service = self.services.draw(random) as u64;
        let rank = self.externals.draw(random) as u64;
        match random.below(4) {
            0 => {
                let name = format!("{}.{}.100.10.in-addr.arpa", service % 250 + 1, service / 250);
                absolute(1 << 26 | service, &name, &[PTR], Zone::Cluster)
            }
            1 => {
                let home = mix(service) % NAMESPACES;
                let name = format!("_http._tcp.backend-{service}.team-{home}.svc.cluster.local");
                absolute(1 << 27 | service, &name, &[SRV], Zone::Cluster)
            }
            2 => {
                let name = format!("_dmarc.vendor{rank}.com");
                absolute(1 << 28 | rank, &name, &[TXT], Zone::World)
            }
            _ => absolute(1 << 24 | rank, &external(rank), &[HTTPS], Zone::World),
        }
    }
}

/// Names outside have one dot or two.
fn external(rank: u64) -> String {
    match rank % 3 {
        0 => format!("vendor{rank}.com"),
        1 => format!("api.vendor{rank}.com"),
        _ => format!("cdn-{rank}.assets{}.com", rank % 97),
    }
}

/// A service that was removed, and whose users were not told.
fn missing(namespace: u64, random: &mut Random) -> Wanted {
    let which = random.below(MISSING as u64);
    let name = format!("old-{which}.legacy");
    let mut wanted = walk(1 << 25 | which, &name, namespace, 4, Zone::World);
    for step in &mut wanted.steps {
        step.exists = false;
    }
    wanted
}

/// A name that is asked as it is.
fn absolute(identity: u64, name: &str, kinds: &'static [u16], zone: Zone) -> Wanted {
    let steps = vec![Step { name: Name::parse(name), zone, exists: true }];
    Wanted { identity, steps, kinds }
}

/// The search list of a pod, and at last the name itself, up to the step that exists.
fn walk(identity: u64, name: &str, namespace: u64, found: usize, zone: Zone) -> Wanted {
    let step = |n: usize| {
        let (full, zone) = match n {
            0 => (format!("{name}.team-{namespace}.svc.cluster.local"), Zone::Cluster),
            1 => (format!("{name}.svc.cluster.local"), Zone::Cluster),
            2 => (format!("{name}.cluster.local"), Zone::Cluster),
            3 => (format!("{name}.eu-west-1.compute.internal"), Zone::Vpc),
            _ => (name.to_string(), zone),
        };
        Step { name: Name::parse(&full), zone, exists: n == found }
    };
    Wanted { identity, steps: (0..=found).map(step).collect(), kinds: BOTH }
}
