//! The node's own `resolv.conf`; where that names systemd-resolved's stub only, the one behind it, as the
//! kubelet and CoreDNS take it.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::Roots;
use crate::context::{ResolvConf, Text};

/// A `resolv.conf` has some hundred octets.
const MAX_RESOLV_CONF: u64 = 1 << 20;

/// Reads it; says in `absent` why there is none.
pub(super) fn read(roots: &Roots, absent: &mut Vec<String>) -> Option<ResolvConf> {
    let own = parsed(&roots.resolv_conf);
    let stub = own.as_ref().is_ok_and(|conf| {
        let mut named = conf.nameservers.iter();
        !conf.nameservers.is_empty() && named.all(|(server, _)| server.ip().is_loopback())
    });
    if stub && let Ok(behind) = parsed(&roots.behind_stub) {
        return Some(behind);
    }
    match own {
        Ok(conf) => Some(conf),
        Err(why) => {
            absent.push(why);
            None
        }
    }
}

fn parsed(path: &Path) -> Result<ResolvConf, String> {
    let file = path.display().to_string();
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|opened| opened.take(MAX_RESOLV_CONF).read_to_end(&mut bytes))
        .map_err(|error| format!("{file} cannot be read: {error}"))?;
    let text = String::from_utf8_lossy(&bytes);
    ResolvConf::parse(Text { file: &file, text: &text })
        .map_err(|malformed| format!("{malformed}: it is left out"))
}
