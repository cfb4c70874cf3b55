//! Files of context: found, read and understood before the analysis begins.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use clap::Args;

use crate::context::{Context, Corefile, Ethtool, Kube, Malformed, ResolvConf, Ruleset, Text};
use crate::error::Error;

/// The largest file of context: 10,000 pods take some 100 MB of JSON.
const MAX_CONTEXT: u64 = 1 << 30;

/// Where help lists them.
const HEADING: &str = "What you know besides the capture";

/// The options that name them.
#[derive(Debug, Args)]
pub(super) struct Files {
    /// Counters of the ENI: output of `ethtool -S eth0`, or that of before and after the capture
    ///
    /// Two readings tell whether AWS dropped packets in between (linklocal_allowance_exceeded,
    /// conntrack_allowance_exceeded and the others); one tells only that it did some time.
    #[arg(long, value_name = "FILE[,FILE]", value_delimiter = ',', num_args = 1)]
    #[arg(help_heading = HEADING)]
    ethtool: Vec<PathBuf>,

    /// Objects of the cluster: output of `kubectl get pods,services,nodes -A -o json`
    ///
    /// Names then stand beside addresses; the cluster DNS, its pods and what became of them are known.
    #[arg(long, value_name = "FILE", help_heading = HEADING)]
    kube: Option<PathBuf>,

    /// Firewall of the node: output of `iptables-save`, `ip6tables-save` or `nft list ruleset`
    ///
    /// Rules that drop or reject the packets of a finding are quoted. One file may hold several outputs.
    #[arg(long, value_name = "FILE", help_heading = HEADING)]
    iptables: Option<PathBuf>,

    /// Configuration of CoreDNS: the Corefile out of the ConfigMap kube-system/coredns
    #[arg(long, value_name = "FILE", help_heading = HEADING)]
    corefile: Option<PathBuf>,

    /// Configuration of a client: /etc/resolv.conf of an affected pod
    #[arg(long, value_name = "FILE", help_heading = HEADING)]
    resolv_conf: Option<PathBuf>,
}

impl Files {
    /// Reads them all.
    pub(super) fn read(&self) -> Result<Context, Error> {
        Ok(Context {
            ethtool: self.ethtool()?,
            kube: parsed("--kube", self.kube.as_deref(), Kube::parse)?,
            iptables: parsed("--iptables", self.iptables.as_deref(), Ruleset::parse)?,
            corefile: parsed("--corefile", self.corefile.as_deref(), Corefile::parse)?,
            resolv_conf: parsed("--resolv-conf", self.resolv_conf.as_deref(), ResolvConf::parse)?,
            ..Context::default()
        })
    }

    fn ethtool(&self) -> Result<Option<Ethtool>, Error> {
        const OPTION: &str = "--ethtool";
        let files = read_all(OPTION, &self.ethtool)?;
        let parsed = match files.as_slice() {
            [] => return Ok(None),
            [one] => Ethtool::parse(one.text(), None),
            [before, after] => Ethtool::parse(before.text(), Some(after.text())),
            [.., last] => {
                let many = files.len();
                let what = format!("{many} files; expected one, or before and after");
                Err(last.text().malformed(1, what))
            }
        };
        parsed.map(Some).map_err(malformed(OPTION))
    }
}

/// A file and what stands in it.
struct Owned {
    name: String,
    text: String,
}

impl Owned {
    fn text(&self) -> Text<'_> {
        Text { file: &self.name, text: &self.text }
    }
}

/// One file, if it is given.
fn parsed<T>(
    option: &'static str,
    path: Option<&Path>,
    parse: fn(Text<'_>) -> Result<T, Malformed>,
) -> Result<Option<T>, Error> {
    let Some(path) = path else { return Ok(None) };
    let file = read(option, path)?;
    parse(file.text()).map(Some).map_err(malformed(option))
}

fn malformed(option: &'static str) -> impl Fn(Malformed) -> Error {
    move |malformed| Error::Context { option, malformed }
}

fn read_all(option: &'static str, paths: &[PathBuf]) -> Result<Vec<Owned>, Error> {
    paths.iter().map(|path| read(option, path)).collect()
}

fn read(option: &'static str, path: &Path) -> Result<Owned, Error> {
    let fail = |source| Error::ReadContext { option, path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(fail)?;
    file.take(MAX_CONTEXT + 1).read_to_end(&mut bytes).map_err(fail)?;
    if bytes.len() as u64 > MAX_CONTEXT {
        return Err(fail(io::Error::new(ErrorKind::FileTooLarge, "it is larger than 1 GiB")));
    }
    Ok(Owned { name: path.display().to_string(), text: decoded(bytes) })
}

/// Bytes to text: UTF-8, or what Windows PowerShell writes with `>`, by their byte order mark.
fn decoded(bytes: Vec<u8>) -> String {
    let wide = |pair: fn([u8; 2]) -> u16| -> String {
        let units: Vec<u16> =
            bytes[2..].chunks_exact(2).map(|two| pair([two[0], two[1]])).collect();
        String::from_utf16_lossy(&units)
    };
    match bytes.as_slice() {
        [0xff, 0xfe, ..] => wide(u16::from_le_bytes),
        [0xfe, 0xff, ..] => wide(u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        _ => match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_read_as_it_was_saved() {
        let text = "pods: é\n";
        let wide: Vec<u16> = text.encode_utf16().collect();
        let little =
            [vec![0xff, 0xfe], wide.iter().flat_map(|u| u.to_le_bytes()).collect()].concat();
        let big = [vec![0xfe, 0xff], wide.iter().flat_map(|u| u.to_be_bytes()).collect()].concat();
        let marked = [&[0xef, 0xbb, 0xbf], text.as_bytes()].concat();
        for bytes in [text.as_bytes().to_vec(), little, big, marked] {
            assert_eq!(decoded(bytes), text);
        }
        assert_eq!(decoded(vec![b'a', 0xff]), "a\u{fffd}");
        assert_eq!(decoded(vec![0xff, 0xfe, 0x41]), "");
    }
}
