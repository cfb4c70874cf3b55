//! Labels of names: each becomes letters of the same number, the same for the same label wherever it
//! stands, so that search lists, compression and sizes stay what they are.
//!
//! A label of digits becomes digits, and a very short one, or a short number, depends on the labels behind
//! it too: reverse names and addresses in block lists are made of those, and a table of ten digits or of
//! 256 numbers is quickly guessed from a few known ones.

use super::key::{Key, Purpose};

/// Labels that say nothing of whose they are: the words of Kubernetes, clouds and the DNS, and top-level
/// domains of more than two letters that nobody calls a host or a namespace.
const KEPT: [&[u8]; 39] = [
    b"_tcp",
    b"_udp",
    b"amazonaws",
    b"app",
    b"arpa",
    b"aws",
    b"biz",
    b"cloud",
    b"cluster",
    b"com",
    b"compute",
    b"coredns",
    b"default",
    b"dev",
    b"ec2",
    b"edu",
    b"example",
    b"gov",
    b"in-addr",
    b"info",
    b"int",
    b"internal",
    b"invalid",
    b"ip6",
    b"kube-dns",
    b"kube-public",
    b"kube-system",
    b"kubernetes",
    b"local",
    b"localdomain",
    b"localhost",
    b"mil",
    b"net",
    b"onion",
    b"org",
    b"pod",
    b"svc",
    b"test",
    b"xyz",
];

/// Top-level domains of countries (ISO 3166-1, and those of history), one after the other.
const COUNTRIES: &[u8] = b"acadaeafagaialamaoaqarasatauawaxazbabbbdbebfbgbhbibjbmbnbobrbsbtbwbybz\
cacccdcfcgchcickclcmcncocrcucvcwcxcyczdedjdkdmdodzeceeegereseteufifjfkfmfofrgagbgdgegfggghgiglgmgngpgq\
grgsgtgugwgyhkhmhnhrhthuidieiliminioiqirisitjejmjojpkekgkhkikmknkpkrkwkykzlalblclilklrlsltlulvlymamcmd\
memgmhmkmlmmmnmompmqmrmsmtmumvmwmxmymznancnenfngninlnonpnrnunzompapepfpgphpkplpmpnprpsptpwpyqarerorsru\
rwsasbscsdsesgshsiskslsmsnsosrssstsusvsxsysztctdtftgthtjtktltmtntotrtttvtwtzuaugukusuyuzvavcvevgvivnvu\
wfwsyeytzazmzw";

/// The longest label (RFC 1035, section 2.3.4).
pub(super) const LONGEST: usize = 63;

/// Whether a label stays as it is.
pub(super) fn is_kept(label: &[u8]) -> bool {
    if let &[a, b] = label {
        let pair = [a.to_ascii_lowercase(), b.to_ascii_lowercase()];
        if COUNTRIES.chunks_exact(2).any(|country| country == pair) {
            return true;
        }
    }
    KEPT.iter().any(|kept| label.eq_ignore_ascii_case(kept))
}

/// Whether what becomes of a label depends on the labels behind it.
pub(super) fn is_short(label: &[u8]) -> bool {
    label.len() == 1 || label.len() <= 3 && label.iter().all(u8::is_ascii_digit)
}

/// Writes what stands for `label` into `out`, which is as long. `behind`: the labels behind it, if it
/// [is short](is_short).
pub(super) fn label(key: &Key, label: &[u8], behind: &[u8], out: &mut [u8]) {
    if is_kept(label) {
        out.copy_from_slice(label);
        return;
    }
    let length = label.len().min(LONGEST);
    let mut folded = [0; LONGEST];
    for (folded, octet) in folded.iter_mut().zip(label) {
        *folded = octet.to_ascii_lowercase();
    }
    let folded = &folded[..length];
    let digits = folded.iter().all(u8::is_ascii_digit);
    let purpose = if digits { Purpose::Number } else { Purpose::Label };
    if let &[symbol] = folded
        && (digits || symbol.is_ascii_lowercase())
    {
        let (first, count) = if digits { (b'0', 10) } else { (b'a', 26) };
        let [image] = &mut *out else { return };
        *image = first + permuted(key, purpose, behind, symbol - first, count);
        if label[0].is_ascii_uppercase() {
            *image = image.to_ascii_uppercase();
        }
        return;
    }
    let seed;
    let seed: &[u8] = if behind.is_empty() {
        folded
    } else {
        seed = [folded, b".", behind].concat();
        &seed
    };
    let (first, count) = if digits { (b'0', 10) } else { (b'a', 26) };
    // Once more where chance made a word that is kept.
    for attempt in 0..4 {
        spell(key, purpose, attempt << 6, seed, first, count, out);
        if !is_kept(out) {
            break;
        }
    }
    for (out, octet) in out.iter_mut().zip(label) {
        if octet.is_ascii_uppercase() {
            *out = out.to_ascii_uppercase();
        }
    }
}

/// One of `count` symbols for each of them: with so few, chance would make many the same.
fn permuted(key: &Key, purpose: Purpose, behind: &[u8], symbol: u8, count: u8) -> u8 {
    const NUMBER: u8 = u8::MAX;
    let mut symbols: [u8; 26] = std::array::from_fn(|at| at as u8);
    let mut fractions = key.bits(purpose, NUMBER, behind);
    for at in (1..count).rev() {
        // Thirteen draws from 64 bits: 26! is less than 2 to the 89.
        let fraction = &mut fractions[usize::from(at) / 13];
        let scaled = u128::from(*fraction) * u128::from(at + 1);
        *fraction = scaled as u64;
        symbols.swap(usize::from(at), (scaled >> 64) as usize);
    }
    symbols[usize::from(symbol)]
}

/// Fills `out` with symbols that depend on the key and `seed`: `count` of them from `first` on.
fn spell(
    key: &Key,
    purpose: Purpose,
    number: u8,
    seed: &[u8],
    first: u8,
    count: u64,
    out: &mut [u8],
) {
    /// Letters that 64 bits are enough for.
    const SYMBOLS: usize = 13;
    for (at, out) in out.chunks_mut(2 * SYMBOLS).enumerate() {
        let words = key.bits(purpose, number | at as u8, seed);
        for (word, out) in words.into_iter().zip(out.chunks_mut(SYMBOLS)) {
            let mut fraction = word;
            for symbol in out {
                let scaled = u128::from(fraction) * u128::from(count);
                *symbol = first + (scaled >> 64) as u8;
                fraction = scaled as u64;
            }
        }
    }
}

/// A hardware address: the bits for groups and for local use stay, and so does that of everybody.
pub(super) fn hardware(key: &Key, address: [u8; 6]) -> [u8; 6] {
    const KINDS: u8 = 0b11;
    if address == [0; 6] || address == [0xff; 6] {
        return address;
    }
    let [bits, _] = key.bits(Purpose::Hardware, 0, &address);
    let mut image = [0; 6];
    image.copy_from_slice(&bits.to_be_bytes()[..6]);
    image[0] = image[0] & !KINDS | address[0] & KINDS;
    image
}

/// The name of an interface: `eth0`, `ens5` and `any` say nothing; the network plugins' names are
/// hashes of pods' names, which can be tried out, so the part behind their prefix goes.
pub(super) fn interface(key: &Key, name: &str) -> String {
    const PREFIXES: [&str; 8] = ["cali", "cilium_", "eni", "gke", "lxc", "tap", "veth", "azv"];
    const PLAIN: [&str; 19] = [
        "any",
        "bond",
        "br",
        "cbr",
        "cni",
        "docker",
        "dummy",
        "en",
        "eno",
        "ens",
        "eth",
        "ifb",
        "kube-ipvs",
        "lo",
        "nodelocaldns",
        "pktap",
        "team",
        "tunl",
        "wlan",
    ];
    /// More than a number: part of a hash.
    const NUMBER: usize = 3;
    let letters = name.trim_end_matches(|c: char| c.is_ascii_digit());
    if PLAIN.contains(&letters) && name.len() - letters.len() <= NUMBER {
        return name.to_owned();
    }
    let prefix =
        PREFIXES.iter().find(|prefix| name.starts_with(**prefix)).map_or("", |prefix| prefix);
    let rest = &name.as_bytes()[prefix.len()..];
    let mut out = vec![0; rest.len().min(LONGEST)];
    spell(key, Purpose::Interface, 0, name.as_bytes(), b'a', 26, &mut out);
    format!("{prefix}{}", String::from_utf8_lossy(&out))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Key {
        Key::parse("000102030405060708090a0b0c0d0e0f").unwrap()
    }

    fn image(text: &str, behind: &str) -> String {
        let mut out = vec![0; text.len()];
        label(&key(), text.as_bytes(), behind.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn well_known_labels_stay_and_others_do_not() {
        for text in
            ["com", "CoM", "svc", "cluster", "local", "in-addr", "_tcp", "de", "uk", "kube-system"]
        {
            assert_eq!(image(text, ""), text);
        }
        for text in [
            "payments",
            "db",
            "x1",
            "_ldap",
            "a-very-long-label-of-somebody-who-has-63-octets-for-it-and-u",
        ] {
            let image = image(text, "");
            assert_eq!(image.len(), text.len());
            assert!(
                image != text && image.bytes().all(|c| c.is_ascii_lowercase()),
                "{text}: {image}"
            );
        }
    }

    #[test]
    fn case_is_a_pattern_on_top() {
        let (plain, mixed) = (image("payments", ""), image("pAyMENTs", ""));
        assert_eq!(mixed.to_ascii_lowercase(), plain);
        let pattern: Vec<bool> = mixed.bytes().map(|c| c.is_ascii_uppercase()).collect();
        assert_eq!(pattern, [false, true, false, true, true, true, true, false]);
    }

    #[test]
    fn numbers_stay_numbers_and_short_ones_depend_on_what_is_behind() {
        assert!(is_short(b"10") && is_short(b"a") && !is_short(b"db") && !is_short(b"1234"));
        let images: Vec<String> =
            ["", "1", "2", "3"].iter().map(|behind| image("192", behind)).collect();
        assert!(images.iter().all(|image| image.bytes().all(|c| c.is_ascii_digit())));
        assert!(images.windows(2).any(|pair| pair[0] != pair[1]), "{images:?}");
        assert_eq!(image("4242424242424242424", "").bytes().filter(u8::is_ascii_digit).count(), 19);
    }

    #[test]
    fn labels_are_rarely_confused() {
        let images: std::collections::BTreeSet<String> =
            (0..10_000).map(|number| image(&format!("web-{number:05}"), "")).collect();
        assert_eq!(images.len(), 10_000);
    }

    #[test]
    fn single_letters_and_digits_are_never_confused() {
        for (symbols, behind) in
            [("0123456789", ""), ("0123456789", "1"), ("abcdefghijklmnopqrstuvwxyz", "1")]
        {
            let images: std::collections::BTreeSet<String> =
                symbols.chars().map(|c| image(&c.to_string(), behind)).collect();
            assert_eq!(images.into_iter().collect::<String>(), symbols);
        }
        let all = |behind: &str| ["1", "2", "3", "4"].map(|text| image(text, behind));
        assert_ne!(all("1"), all(""));
    }

    #[test]
    fn hardware_addresses_keep_their_kind() {
        assert_eq!(hardware(&key(), [0xff; 6]), [0xff; 6]);
        assert_eq!(hardware(&key(), [0; 6]), [0; 6]);
        for first in [0x02, 0x00, 0x33, 0x01] {
            let address = [first, 1, 2, 3, 4, 5];
            let image = hardware(&key(), address);
            assert!(image != address && image[0] & 3 == first & 3);
        }
    }

    #[test]
    fn only_names_of_pods_interfaces_are_hidden() {
        for name in ["eth0", "any", "lo", "ens5", "docker0", "wlan0", "cbr0"] {
            assert_eq!(interface(&key(), name), name);
        }
        for (name, prefix) in
            [("eni1a2b3c4d5e6", "eni"), ("cali0123456789a", "cali"), ("acme-corp", "")]
        {
            let image = interface(&key(), name);
            assert!(
                image.starts_with(prefix) && image != name && image.len() == name.len(),
                "{image}"
            );
        }
    }
}
