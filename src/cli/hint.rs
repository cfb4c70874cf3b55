//! Words for what people try that is not in this version, or that other tools call differently.

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Options of the contract that come in later versions, and what to do without them.
const LATER_OPTIONS: [(&str, &str); 1] =
    [("--summary", "give all captures to one `dnspect read` to get one verdict")];

/// Adds a tip to an error of the command line where there is something helpful to say.
pub(super) fn add(mut error: clap::Error) -> clap::Error {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let tip = match error.kind() {
        ErrorKind::InvalidSubcommand => context(ContextKind::InvalidSubcommand).and_then(command),
        ErrorKind::UnknownArgument => context(ContextKind::InvalidArg).and_then(option),
        ErrorKind::InvalidValue => context(ContextKind::InvalidValue).and_then(value),
        _ => None,
    };
    if let Some(tip) = tip {
        let tips = ContextValue::StyledStrs(vec![StyledStr::from(tip)]);
        error.insert(ContextKind::Suggested, tips);
    }
    error
}

fn command(word: &str) -> Option<String> {
    match word {
        "live" => Some(
            "live capture is left out of this build; record with `tcpdump -i any -w file.pcap 'port \
             53 or icmp or icmp6 or (ip[6:2] & 0x1fff != 0) or ip6 proto 44'` and run `dnspect read \
             file.pcap`"
                .to_owned(),
        ),
        "merge" => Some(
            "merging summaries is not in this version; give all captures to one `dnspect read`"
                .to_owned(),
        ),
        // Most likely a capture.
        _ if word.contains(['.', '/', '\\']) => {
            Some("to analyse a capture, run `dnspect read FILE`".to_owned())
        }
        _ => None,
    }
}

fn option(word: &str) -> Option<String> {
    let name = word.split('=').next().unwrap_or(word);
    if let Some((name, instead)) = LATER_OPTIONS.iter().find(|(later, _)| *later == name) {
        return Some(format!("{name} is not in this version; {instead}"));
    }
    match name {
        "-i" | "--interface" if cfg!(feature = "live") => {
            Some("`dnspect live -i IFACE` captures; `dnspect read FILE` reads".to_owned())
        }
        "-i" | "--interface" => command("live"),
        "-r" | "-f" | "--file" => {
            Some("files are given without an option: `dnspect read FILE`".to_owned())
        }
        "-j" | "--json" => Some("for JSON, use `--format json`".to_owned()),
        "--yaml" => Some("for YAML, use `--format yaml`".to_owned()),
        _ => None,
    }
}

fn value(word: &str) -> Option<String> {
    match word {
        "html" | "markdown" => Some(format!("{word} reports are not in this version")),
        _ => None,
    }
}
