//! Which findings appeared, changed or went since the look before.

use crate::verdict::{Finding, Scope};

/// A confidence that moves by less than this says the same.
const MATERIAL: f64 = 0.05;

/// What happened to a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Appeared,
    Changed,
    Gone,
}

impl Change {
    pub(super) fn word(self) -> &'static str {
        match self {
            Change::Appeared => "appeared",
            Change::Changed => "changed",
            Change::Gone => "gone",
        }
    }
}

/// The findings as they were told last.
#[derive(Debug, Default)]
pub(super) struct Told(Vec<Finding>);

/// Whether two findings are one at two times: of a cause, about the same servers and interfaces; clients and
/// names become more while it goes on.
fn is_same(one: &Finding, other: &Finding) -> bool {
    one.cause == other.cause
        && one.scope.servers == other.scope.servers
        && one.scope.interfaces == other.scope.interfaces
}

/// Whether it says something else now. Figures in its evidence move all the time.
fn differs(one: &Finding, other: &Finding) -> bool {
    let sorted = |scope: &Scope| {
        let mut lists = [scope.clients.clone(), scope.names.clone()];
        for list in &mut lists {
            list.sort_unstable();
        }
        lists
    };
    one.severity != other.severity
        || one.normal != other.normal
        || (one.confidence - other.confidence).abs() >= MATERIAL - f64::EPSILON
        || sorted(&one.scope) != sorted(&other.scope)
}

impl Told {
    /// Tells what is new. What did not change enough stays as it was told, so that small steps add up.
    pub(super) fn update<'f>(
        &mut self,
        now: &'f [Finding],
        tell: &mut dyn FnMut(Change, &'f Finding),
    ) -> Vec<Finding> {
        let mut before = std::mem::take(&mut self.0);
        for finding in now {
            // Of two that are alike, the second has another one before.
            let known = before.iter().position(|told| is_same(told, finding));
            let known =
                known.or_else(|| before.iter().position(|told| told.cause == finding.cause));
            let told = match known.map(|at| before.remove(at)) {
                Some(told) if is_same(&told, finding) && !differs(&told, finding) => told,
                known => {
                    let change = if known.is_some() { Change::Changed } else { Change::Appeared };
                    tell(change, finding);
                    finding.clone()
                }
            };
            self.0.push(told);
        }
        before
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::{Mitigation, Severity, Window};

    fn finding(cause: &'static str, servers: &[&str], confidence: f64) -> Finding {
        Finding {
            cause,
            category: "x",
            normal: false,
            severity: Severity::Low,
            confidence,
            window: Window::default(),
            scope: Scope {
                servers: servers.iter().map(ToString::to_string).collect(),
                ..Scope::default()
            },
            evidence: Vec::new(),
            alternatives: Vec::new(),
            mitigation: Mitigation::default(),
            confirm: Vec::new(),
            summary: String::new(),
            damage: 0,
            losses: 0,
        }
    }

    fn steps(told: &mut Told, now: &[Finding]) -> Vec<String> {
        let mut said = Vec::new();
        let gone = told.update(now, &mut |change, finding| {
            said.push(format!("{} {}", change.word(), finding.cause));
        });
        said.extend(
            gone.iter().map(|finding| format!("{} {}", Change::Gone.word(), finding.cause)),
        );
        said
    }

    #[test]
    fn only_what_is_new_is_told() {
        let mut told = Told::default();
        assert_eq!(steps(&mut told, &[finding("a", &["1"], 0.6)]), ["appeared a"]);
        assert!(steps(&mut told, &[finding("a", &["1"], 0.62)]).is_empty());
        // Small steps add up.
        assert!(steps(&mut told, &[finding("a", &["1"], 0.64)]).is_empty());
        assert_eq!(steps(&mut told, &[finding("a", &["1"], 0.66)]), ["changed a"]);
        let two = [finding("b", &[], 0.5), finding("a", &["1"], 0.66)];
        assert_eq!(steps(&mut told, &two), ["appeared b"]);
        assert_eq!(steps(&mut told, &two[..1]), ["gone a"]);
        assert_eq!(steps(&mut told, &[]), ["gone b"]);
    }

    #[test]
    fn another_scope_is_a_change_and_a_second_one_appears() {
        let mut told = Told::default();
        steps(&mut told, &[finding("a", &["1"], 0.6)]);
        assert_eq!(steps(&mut told, &[finding("a", &["1", "2"], 0.6)]), ["changed a"]);
        let two = [finding("a", &["3"], 0.6), finding("a", &["1", "2"], 0.6)];
        assert_eq!(steps(&mut told, &two).len(), 2);
        assert!(steps(&mut told, &two).is_empty());
        let mut wider = two.clone();
        wider[0].scope.clients.push("9".to_owned());
        wider[1].severity = Severity::High;
        assert_eq!(steps(&mut told, &wider), ["changed a", "changed a"]);
    }
}
