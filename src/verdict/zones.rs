//! Failing names in groups: which zones they lie in, as far as names tell.

use std::collections::BTreeMap;

use crate::aggregate::FailingName;
use crate::model::{display_name, labels};

/// Names listed for a scope.
const LISTED: usize = 20;

/// Names that end alike.
#[derive(Clone, Debug, Default)]
pub struct Zone<'a> {
    /// What all of them end in, as people write it.
    pub name: String,
    /// The rows of its names.
    pub rows: Vec<&'a FailingName>,
}

impl Zone<'_> {
    /// Adds up a figure of all its rows.
    pub fn sum(&self, figure: impl Fn(&FailingName) -> u64) -> u64 {
        self.rows.iter().map(|row| figure(row)).sum()
    }
}

/// Groups rows by the last two labels of their names, largest `weight` first. A group is called by
/// all that its names have in common.
pub fn zones<'a>(
    rows: impl Iterator<Item = &'a FailingName>,
    weight: impl Fn(&FailingName) -> u64,
) -> Vec<Zone<'a>> {
    let mut groups: BTreeMap<&[u8], Vec<&FailingName>> = BTreeMap::new();
    for row in rows {
        groups.entry(tail(&row.name, 2)).or_default().push(row);
    }
    let mut zones: Vec<Zone<'a>> =
        groups.into_values().map(|rows| Zone { name: display_name(shared(&rows)), rows }).collect();
    zones.sort_by(|a, b| b.sum(&weight).cmp(&a.sum(&weight)).then_with(|| a.name.cmp(&b.name)));
    zones
}

/// Zones in words: the first two, and how many more.
pub fn words(zones: &[Zone<'_>]) -> String {
    match zones {
        [] => "names outside".to_owned(),
        [one] => one.name.clone(),
        [one, two] => format!("{} and {}", one.name, two.name),
        [one, two, more @ ..] => format!("{}, {} and {} more", one.name, two.name, more.len()),
    }
}

/// The names of these zones as a scope lists them, in the order of the zones.
pub fn listed(zones: &[Zone<'_>]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for row in zones.iter().flat_map(|zone| &zone.rows) {
        let name = display_name(&row.name);
        if names.len() == LISTED {
            break;
        }
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// Puts the first name in the place of `NAME`, if it may stand in a command: anything but letters,
/// digits, dots, hyphens and underscores came from somebody who wants it run.
pub fn fill(commands: &mut [String], names: &[String]) {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let fits = |name: &&String| {
        name.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_') && name.chars().all(plain)
    };
    if let Some(name) = names.first().filter(fits) {
        super::commands::fill(commands, "NAME", name);
    }
}

/// A display filter for names that end like these; for any name, if they are many.
pub fn filter(zones: &[Zone<'_>]) -> String {
    /// Zones of a filter that is still read.
    const MOST: usize = 4;
    let one = |zone: &Zone<'_>| {
        let text = zone.name.replace('\\', "\\\\").replace('"', "\\\"");
        format!("lower(dns.qry.name) contains \"{text}\"")
    };
    match zones {
        [zone] => one(zone),
        [] => "dns".to_owned(),
        _ if zones.len() > MOST => "dns".to_owned(),
        _ => format!("({})", zones.iter().map(one).collect::<Vec<_>>().join(" || ")),
    }
}

/// The last `count` labels of a name.
fn tail(name: &[u8], count: usize) -> &[u8] {
    let all = labels(name).count();
    let skipped: usize =
        labels(name).take(all.saturating_sub(count)).map(|label| 1 + label.len()).sum();
    &name[skipped.min(name.len())..]
}

/// The longest run of whole labels that all names end in.
fn shared<'a>(rows: &[&'a FailingName]) -> &'a [u8] {
    let Some(first) = rows.first() else { return &[] };
    let most = labels(&first.name).count();
    let fits = |count: &usize| {
        let end = tail(&first.name, *count);
        rows.iter().all(|row| tail(&row.name, *count) == end)
    };
    let count = (1..=most).rev().find(fits).unwrap_or(0);
    tail(&first.name, count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Name;

    fn row(name: &str, servfail: u64) -> FailingName {
        FailingName { name: Name::from_text(name).0, servfail, ..FailingName::default() }
    }

    #[test]
    fn names_are_grouped_by_what_they_end_in() {
        let rows = [
            row("a.broken.example.com", 2),
            row("www.example.org", 9),
            row("b.c.broken.example.com", 5),
        ];
        let zones = zones(rows.iter(), |row| row.servfail);
        let found: Vec<_> = zones.iter().map(|z| (z.name.as_str(), z.rows.len())).collect();
        assert_eq!(found, [("www.example.org", 1), ("broken.example.com", 2)]);
        assert_eq!(words(&zones), "www.example.org and broken.example.com");
        assert_eq!(listed(&zones).len(), 3);
    }

    #[test]
    fn no_name_from_the_network_is_run() {
        for (name, command) in [
            ("www.example.com", "dig www.example.com"),
            ("_ldap._tcp.example.com", "dig _ldap._tcp.example.com"),
            ("-f.example", "dig NAME"),
            ("a;reboot", "dig NAME"),
            ("$(id).example", "dig NAME"),
        ] {
            let mut commands = ["dig NAME".to_owned()];
            fill(&mut commands, &[name.to_owned()]);
            assert_eq!(commands, [command]);
        }
    }

    #[test]
    fn a_name_alone_and_a_short_one_are_zones_too() {
        let rows = [row("localhost", 1)];
        assert_eq!(zones(rows.iter(), |row| row.servfail)[0].name, "localhost");
        assert_eq!(words(&[]), "names outside");
    }
}
