//! How resolvers look names up, and how they go on when nothing comes (measured in `captures/lab`).

use std::time::Duration;

use super::{Ask, Reply, Rng, Story, What};
use crate::forge::{A, AAAA, ms, us};

/// Whose resolver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stub {
    Glibc,
    Musl,
    Go,
}

impl Stub {
    pub(crate) const ALL: [Stub; 3] = [Stub::Glibc, Stub::Musl, Stub::Go];

    fn timer(self) -> Duration {
        if self == Stub::Musl { ms(2500) } else { ms(5003) }
    }
}

/// What one name came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Found,
    Negative,
    /// NODATA for all families.
    Empty,
    Failed,
    Refused,
    Silence,
}

/// Decides what becomes of each question.
pub(crate) type Fate<'a> = &'a mut dyn FnMut(&Ask<'_>) -> Reply;

impl Story {
    /// The names that the resolver tries, in their order.
    pub(crate) fn walk(&self, stub: Stub, name: &str) -> Vec<String> {
        if let Some(whole) = name.strip_suffix('.') {
            return vec![whole.to_owned()];
        }
        let listed = self.search.iter().map(|suffix| format!("{name}.{suffix}"));
        if name.matches('.').count() < self.ndots {
            listed.chain([name.to_owned()]).collect()
        } else if stub == Stub::Musl {
            vec![name.to_owned()]
        } else {
            [name.to_owned()].into_iter().chain(listed).collect()
        }
    }

    /// `getaddrinfo`: returns when it is over.
    pub(crate) fn lookup(
        &mut self,
        at: Duration,
        client: usize,
        name: &str,
        fate: Fate<'_>,
    ) -> Duration {
        let stub = self.stubs[client];
        let walk = self.walk(stub, name);
        let (mut time, mut next) = (at, 0);
        while let Some(step) = walk.get(next) {
            let (end, came) = self.step(time, client, step, fate);
            time = end + self.rng.span(us(30), us(400));
            let goes_on = match came {
                Step::Found | Step::Refused => false,
                Step::Negative => true,
                Step::Empty | Step::Failed => stub != Stub::Musl,
                Step::Silence => stub == Stub::Go,
            };
            // After silence, glibc leaves the list out and tries the name as it is.
            let as_is = came == Step::Silence && stub == Stub::Glibc && next + 1 < walk.len();
            next = match () {
                () if goes_on => next + 1,
                () if as_is => walk.len() - 1,
                () => break,
            };
        }
        time
    }

    /// One name, both families, with its retries.
    fn step(
        &mut self,
        at: Duration,
        client: usize,
        name: &str,
        fate: Fate<'_>,
    ) -> (Duration, Step) {
        let stub = self.stubs[client];
        let seeds = [self.rng.next(), self.rng.next()];
        let mut ports = [self.port(); 2];
        let mut ids = [self.id(), self.id()];
        if stub == Stub::Musl {
            // From the clock; in the lab the second was 120 to 403 above the first.
            ids[1] = ids[0].wrapping_add(120 + ids[1] % 280);
        }
        let mut came: [Option<(Duration, Step)>; 2] = [None; 2];
        let mut start = at;
        for attempt in 0..2 {
            if attempt > 0 && stub == Stub::Go {
                ids = [self.id(), self.id()];
            }
            if stub == Stub::Go {
                ports = [self.port(), self.port()];
            }
            // With one of the two answered, glibc asks for both again, one after the other.
            let in_turn = stub == Stub::Glibc && came.iter().flatten().count() == 1;
            let mut pause = Duration::ZERO;
            for (n, kind) in [A, AAAA].into_iter().enumerate() {
                let done =
                    came[n].is_some_and(|(time, step)| time <= start && step != Step::Failed);
                if done && !(in_turn && n == 0) {
                    continue;
                }
                let ask = Ask {
                    time: start + pause + us(n as u64 * 12),
                    client,
                    backend: self.backend_of(client, ports[n]),
                    name,
                    kind,
                    attempt,
                    rng: Rng(seeds[n].wrapping_add(u64::from(attempt) << 32)),
                };
                let reply = fate(&ask);
                self.exchange(&ask, ports[n], ids[n], stub == Stub::Go, &reply);
                let end = ask.time + reply.after;
                if in_turn {
                    pause = reply.after + us(60);
                }
                let told = match (reply.refusal, reply.what) {
                    (Some(_), _) => Some(Step::Refused),
                    _ if reply.reach < 6 || reply.untranslated => None,
                    (_, What::Address) => Some(Step::Found),
                    (_, What::NoData) => Some(Step::Empty),
                    (_, What::NxDomain | What::NxOutside) => Some(Step::Negative),
                    (_, What::ServFail(_)) => Some(Step::Failed),
                    (_, What::Refused(_)) => Some(Step::Refused),
                };
                if let Some(step) = told {
                    let first = came[n].is_none_or(|(time, old)| end < time || old == Step::Failed);
                    came[n] = if first { Some((end, step)) } else { came[n] };
                }
            }
            let whole = came.iter().flatten().map(|(time, _)| *time).max();
            let steps = came.map(|one| one.map(|(_, step)| step));
            let deadline = start + stub.timer();
            match whole {
                Some(end) if steps.iter().all(Option::is_some) && end <= deadline => {
                    if steps.contains(&Some(Step::Refused)) && stub != Stub::Musl {
                        return (end, Step::Refused);
                    }
                    if !steps.contains(&Some(Step::Refused))
                        && (attempt > 0 || !steps.contains(&Some(Step::Failed)))
                    {
                        return (end, sum(steps));
                    }
                    start =
                        if steps.contains(&Some(Step::Refused)) { deadline } else { end + us(300) };
                }
                _ => start = deadline,
            }
        }
        let steps = came.map(|one| one.filter(|(time, _)| *time <= start).map(|(_, step)| step));
        (start, sum(steps))
    }
}

fn sum(steps: [Option<Step>; 2]) -> Step {
    match () {
        () if steps.contains(&Some(Step::Found)) => Step::Found,
        () if steps.contains(&None) => Step::Silence,
        () if steps.contains(&Some(Step::Refused)) => Step::Refused,
        () if steps.contains(&Some(Step::Failed)) => Step::Failed,
        () if steps.contains(&Some(Step::Empty)) => Step::Empty,
        () => Step::Negative,
    }
}
