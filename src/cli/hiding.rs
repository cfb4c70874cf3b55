//! `--anonymize`: whether addresses and names are replaced, and by what.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::anonymize::{Anonymizer, Key, KeyError};
use crate::config::Config;
use crate::error::Error;

/// More than any key: what is longer is another file.
const KEY_FILE: u64 = 256;

/// Where help lists them.
const HEADING: &str = "What is told";

/// The options.
#[derive(Debug, Args)]
pub(super) struct Hiding {
    /// Replace addresses and names, in reports and in written captures alike
    ///
    /// The same stands for the same throughout, prefixes of addresses and sizes stay, and so do words and
    /// addresses that are the same everywhere (cluster.local, 169.254.169.253). Files of context would tell
    /// what is replaced, so they are refused beside it.
    #[arg(long, help_heading = HEADING)]
    #[arg(conflicts_with_all = ["kube", "iptables", "corefile", "resolv_conf"])]
    anonymize: bool,

    /// Replace them by the key in FILE, so that several runs and nodes agree [default: another each run]
    ///
    /// 32 hexadecimal digits, as `openssl rand -hex 16` prints them. Whoever has the key can try out what
    /// stands for what: keep it as you would keep the capture.
    #[arg(long, value_name = "FILE", requires = "anonymize", help_heading = HEADING)]
    anonymize_key: Option<PathBuf>,
}

impl Hiding {
    /// These settings, with what stands for the addresses in them.
    pub(super) fn apply(&self, config: Config) -> Result<Config, Error> {
        if !self.anonymize {
            return Ok(config);
        }
        let key = match &self.anonymize_key {
            None => Key::random()?,
            Some(path) => read(path)?,
        };
        let anonymizer = Anonymizer::new(key, &config.ports);
        Ok(config.anonymized(anonymizer))
    }
}

fn read(path: &Path) -> Result<Key, Error> {
    const OPTION: &str = "--anonymize-key";
    let mut text = String::new();
    let opened = File::open(path).and_then(|file| file.take(KEY_FILE).read_to_string(&mut text));
    match opened {
        // What is no text is no key.
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
            Err(Error::KeyFile { path: path.to_owned(), source: KeyError::Text })
        }
        Err(source) => Err(Error::ReadContext { option: OPTION, path: path.to_owned(), source }),
        Ok(_) => {
            Key::parse(&text).map_err(|source| Error::KeyFile { path: path.to_owned(), source })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hiding(path: Option<PathBuf>) -> Hiding {
        Hiding { anonymize: true, anonymize_key: path }
    }

    #[test]
    fn addresses_of_options_are_replaced_as_those_of_packets() {
        let vpc_dns: Vec<_> =
            ["169.254.169.253", "10.7.0.2"].map(|text| text.parse().unwrap()).into();
        let config = Config { vpc_dns: vpc_dns.clone(), ..Config::default() };
        let hidden = hiding(None).apply(config.clone()).unwrap();
        let anonymizer = hidden.anonymizer.unwrap();
        assert_eq!(
            hidden.vpc_dns,
            vpc_dns.iter().map(|&a| anonymizer.address(a)).collect::<Vec<_>>()
        );
        assert_eq!(hidden.vpc_dns[0], vpc_dns[0]);
        let off = Hiding { anonymize: false, anonymize_key: None };
        assert_eq!(off.apply(config.clone()).unwrap(), config);
    }

    #[test]
    fn a_key_is_read_from_its_file() {
        let path = std::env::temp_dir().join(format!("dnspect-key-{}", std::process::id()));
        std::fs::write(&path, "000102030405060708090a0b0c0d0e0f\n").unwrap();
        let [one, other] =
            [(); 2].map(|()| hiding(Some(path.clone())).apply(Config::default()).unwrap());
        assert!(one == other && one.anonymizer.is_some());
        for content in [&b"secret"[..], &[0xff; 40]] {
            std::fs::write(&path, content).unwrap();
            let error =
                hiding(Some(path.clone())).apply(Config::default()).unwrap_err().to_string();
            assert!(error.contains("openssl rand -hex 16"), "{error}");
        }
        std::fs::remove_file(&path).unwrap();
        assert!(hiding(Some(path)).apply(Config::default()).is_err());
    }
}
