//! `iptables-save`, `ip6tables-save`, `iptables -S`: one option after the other.

use super::rule::{Action, Family, Match, OneOf, Protocol, Range, Rule, network, ports};
use super::{Point, Ruleset};
use crate::context::{Malformed, Text, quoted};

/// Where in the output a line stands.
pub(super) struct State {
    family: Family,
    table: String,
}

impl Default for State {
    fn default() -> State {
        // `iptables -S` names no table: it lists the filter table.
        State { family: Family::Any, table: "filter".to_owned() }
    }
}

impl State {
    fn table(&self) -> String {
        let family = match self.family {
            Family::V4 => "ip",
            Family::V6 => "ip6",
            Family::Any => "any",
        };
        format!("{family} {}", self.table)
    }
}

/// One line.
pub(super) fn line(
    rules: &mut Ruleset,
    state: &mut State,
    text: Text<'_>,
    number: u64,
    line: &str,
) -> Result<(), Malformed> {
    let fail = |what: &str| Err(text.malformed(number, format!("{what}: {}", quoted(line))));
    if let Some(comment) = line.strip_prefix('#') {
        if comment.contains("ip6tables-save") {
            state.family = Family::V6;
        } else if comment.contains("iptables-save") {
            state.family = Family::V4;
        }
        return Ok(());
    }
    if line == "COMMIT" {
        return Ok(());
    }
    if let Some(table) = line.strip_prefix('*') {
        table.clone_into(&mut state.table);
        return Ok(());
    }
    if let Some(chain) = line.strip_prefix(':') {
        let mut words = chain.split_whitespace();
        let (Some(name), Some(policy)) = (words.next(), words.next()) else {
            return fail("expected `:CHAIN POLICY [packets:bytes]`");
        };
        declare(rules, state, name, policy, number);
        return Ok(());
    }
    let Some(words) = split(line) else { return fail("a quote is not closed") };
    let mut words = words.as_slice();
    let mut packets = None;
    if let Some(counted) = words.first().and_then(|word| word.strip_prefix('[')) {
        packets = counted.split(':').next().and_then(|number| number.parse().ok());
        words = &words[1..];
    }
    match words {
        [verb, name, policy] if verb == "-P" => declare(rules, state, name, policy, number),
        [verb, name] if verb == "-N" => declare(rules, state, name, "-", number),
        [verb, name, rest @ ..] if verb == "-A" => {
            let (family, table) = (state.family, state.table());
            let place = rules.chain(&table, family, name);
            let mut rule = Rule { line: number, text: line.to_owned(), packets, ..Rule::default() };
            if let Err(what) = conditions(&mut rule, rest) {
                return fail(what);
            }
            hang(rules, place);
            rules.chains[place].rules.push(rule);
        }
        _ => return fail("expected a line of `iptables-save` or `nft list ruleset`"),
    }
    Ok(())
}

fn declare(rules: &mut Ruleset, state: &State, name: &str, policy: &str, line: u64) {
    let place = rules.chain(&state.table(), state.family, name);
    hang(rules, place);
    rules.chains[place].drops = (policy == "DROP").then_some(line);
}

/// Packets enter the built-in chains.
fn hang(rules: &mut Ruleset, place: usize) {
    let chain = &mut rules.chains[place];
    chain.point = match chain.name.as_str() {
        "PREROUTING" => Some(Point::Prerouting),
        "INPUT" => Some(Point::Input),
        "FORWARD" => Some(Point::Forward),
        "OUTPUT" => Some(Point::Output),
        "POSTROUTING" => Some(Point::Postrouting),
        _ => None,
    };
}

/// Words as a shell has them: quotes keep spaces, a backslash keeps the next character.
fn split(line: &str) -> Option<Vec<String>> {
    let (mut words, mut word, mut open) = (Vec::new(), None::<String>, false);
    let mut rest = line.chars();
    while let Some(c) = rest.next() {
        match c {
            '"' => {
                open = !open;
                word.get_or_insert_default();
            }
            '\\' if open => word.get_or_insert_default().extend(rest.next()),
            c if c.is_whitespace() && !open => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    (!open).then_some(words)
}

/// The options of a rule.
fn conditions(rule: &mut Rule, words: &[String]) -> Result<(), &'static str> {
    let mut not = false;
    let mut at = 0;
    while at < words.len() {
        let option = words[at].as_str();
        at += 1;
        if option == "!" {
            not = true;
            continue;
        }
        let values = words[at..].iter().take_while(|word| !word.starts_with('-') && *word != "!");
        let values: Vec<&str> = values.map(String::as_str).collect();
        // A value may look like an option only in a comment, which is quoted.
        at += match option {
            "--comment" | "--log-prefix" | "--string" | "--hex-string" => 1.min(words.len() - at),
            _ => values.len(),
        };
        let first = values.first().copied().unwrap_or_default();
        match option {
            "-s" | "--source" | "--src-range" => rule.source = Some(list(not, first, network)),
            "-d" | "--destination" | "--dst-range" => {
                rule.destination = Some(list(not, first, network));
            }
            "-p" | "--protocol" => {
                let values = Protocol::of(first).map(|p| (p, p)).into_iter().collect();
                let all = matches!(first, "all" | "0");
                rule.protocols = (!all).then_some(OneOf { not, values, unclear: false });
            }
            "--dport" | "--destination-port" | "--dports" | "--destination-ports" => {
                rule.ports = Some(list(not, first, ports));
            }
            "--sport" | "--source-port" | "--sports" | "--source-ports" => {
                rule.source_ports = Some(list(not, first, ports));
            }
            "-i" | "--in-interface" | "-o" | "--out-interface" => {
                rule.on(option.starts_with("-o") || option == "--out-interface", not, first);
            }
            "--ctstate" | "--state" => rule.states = Some(states(not, first)),
            "--ctdir" => {
                let later = Match::of((first == "REPLY") != not);
                rule.states = Some((later.not(), later));
            }
            "--syn" => rule.states = Some((Match::of(!not), Match::of(not))),
            "-m" | "--match" => {
                let chance = ["statistic", "limit", "hashlimit", "string", "recent", "u32", "bpf"];
                rule.partial |= chance.contains(&first);
            }
            "-j" | "--jump" | "-g" | "--goto" => rule.action = action(option, first)?,
            "--to-destination" => {
                let to = first.rsplit_once(':').map_or(first, |(address, _)| address);
                let to = to.trim_matches(['[', ']']).parse().or_else(|_| first.parse());
                rule.action = Action::Dnat(to.into_iter().collect());
            }
            // What says how the action is done, or how a match that is known to be partial works.
            "--comment" | "--reject-with" | "--log-prefix" | "--log-level" | "--to-ports"
            | "--to-source" | "--random-fully" | "--random" | "--set-xmark" | "--or-mark"
            | "--and-mark" | "--xor-mark" | "--set-mark" | "--persistent" => {}
            _ => rule.unclear = true,
        }
        not = false;
    }
    Ok(())
}

fn action(option: &str, target: &str) -> Result<Action, &'static str> {
    Ok(match target {
        "" => return Err("a jump without a target"),
        // Address translation ends a table of its own, and passes.
        "ACCEPT" | "MASQUERADE" | "SNAT" | "NETMAP" | "REDIRECT" => Action::Accept,
        "DROP" => Action::Drop,
        "REJECT" => Action::Reject,
        "RETURN" => Action::Return,
        "DNAT" => Action::Dnat(Vec::new()),
        "LOG" | "MARK" | "CONNMARK" | "CT" | "NOTRACK" | "TTL" | "HL" | "TOS" | "DSCP"
        | "TCPMSS" | "CHECKSUM" | "NFLOG" | "TRACE" | "SET" | "AUDIT" | "CLASSIFY" | "TEE"
        | "CONNSECMARK" | "SECMARK" | "ULOG" | "ECN" => Action::Nothing,
        // A chain, or an extension of which nobody knows what it does.
        _ => Action::Jump(target.to_owned(), !matches!(option, "-g" | "--goto")),
    })
}

/// Values with commas between.
fn list<T>(not: bool, text: &str, parse: fn(&str) -> Option<Range<T>>) -> OneOf<Range<T>> {
    let parsed: Vec<Option<Range<T>>> = text.split(',').map(parse).collect();
    let unclear = parsed.iter().any(Option::is_none);
    OneOf { not, values: parsed.into_iter().flatten().collect(), unclear }
}

/// `NEW,RELATED`: whether the first packet of a flow has such a state, and whether its answer.
fn states(not: bool, text: &str) -> (Match, Match) {
    let has = |state: &str| text.split(',').any(|one| one.eq_ignore_ascii_case(state));
    let (first, later) = (Match::of(has("NEW")), Match::of(has("ESTABLISHED")));
    let maybe = |found: Match| {
        let other = has("UNTRACKED") || has("DNAT") || has("SNAT");
        if found == Match::No && other { Match::Maybe } else { found }
    };
    let (first, later) = (maybe(first), maybe(later));
    if not { (first.not(), later.not()) } else { (first, later) }
}

/// The same of nftables.
pub(super) fn states_of(not: bool, text: &str) -> (Match, Match) {
    states(not, text)
}
