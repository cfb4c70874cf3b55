//! Whom to become instead of root. Pure: the environment and `/etc/passwd` are handed in.

/// A user with its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct User {
    /// The user.
    pub uid: u32,
    /// Its first group.
    pub gid: u32,
}

/// Why `--user` cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UserError {
    /// No such user.
    #[error(
        "--user {0:?}: no such user in /etc/passwd; a number does as well, as 1000 or 1000:1000"
    )]
    Unknown(String),
    /// Only root may become another.
    #[error("--user {0:?}: only root may become another user; leave it out")]
    NotRoot(String),
    /// Not on this system.
    #[error("--user {0:?}: not in this build; leave it out")]
    NotHere(String),
}

/// Without a user of this name, the number that stands for it everywhere.
const NOBODY: User = User { uid: 65_534, gid: 65_534 };

/// Who is meant: the one named, else the one who called sudo, else nobody.
#[cfg_attr(not(all(feature = "sandbox", target_os = "linux")), allow(dead_code))]
pub(super) fn chosen(
    name: Option<&str>,
    sudo: (Option<&str>, Option<&str>),
    passwd: &str,
) -> Result<User, UserError> {
    if let Some(name) = name {
        let found = find(passwd, name).or_else(|| numbers(passwd, name));
        return found.ok_or_else(|| UserError::Unknown(name.to_owned()));
    }
    let number = |text: Option<&str>| text?.parse().ok().filter(|&number: &u32| number > 0);
    if let (Some(uid), Some(gid)) = (number(sudo.0), number(sudo.1)) {
        return Ok(User { uid, gid });
    }
    Ok(find(passwd, "nobody").unwrap_or(NOBODY))
}

/// `name:password:uid:gid:…`, a line a user.
fn users(passwd: &str) -> impl Iterator<Item = (&str, User)> {
    passwd.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        Some((name, User { uid, gid }))
    })
}

fn find(passwd: &str, name: &str) -> Option<User> {
    users(passwd).find(|(known, _)| *known == name).map(|(_, user)| user)
}

/// `1000:1000`; `1000` with the group of that user.
fn numbers(passwd: &str, text: &str) -> Option<User> {
    if let Some((uid, gid)) = text.split_once(':') {
        return Some(User { uid: uid.parse().ok()?, gid: gid.parse().ok()? });
    }
    let uid = text.parse().ok()?;
    let known = users(passwd).find(|(_, user)| user.uid == uid).map(|(_, user)| user);
    Some(known.unwrap_or(User { uid, gid: uid }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "\
root:x:0:0:root:/root:/bin/sh
broken line
ann:x:1000:100:Ann,,,:/home/ann:/bin/sh
nobody:x:65533:65532::/:/sbin/nologin
";

    fn user(uid: u32, gid: u32) -> User {
        User { uid, gid }
    }

    #[test]
    fn the_caller_of_sudo_comes_before_nobody() {
        let chosen = |sudo| chosen(None, sudo, PASSWD).unwrap();
        assert_eq!(chosen((Some("1001"), Some("1002"))), user(1001, 1002));
        assert_eq!(chosen((None, None)), user(65_533, 65_532));
        // What root calls sudo for, or what makes no sense.
        for uid in ["0", "", "-1", "x", "99999999999"] {
            assert_eq!(chosen((Some(uid), Some("5"))), user(65_533, 65_532), "{uid}");
        }
        assert_eq!(super::chosen(None, (None, None), "").unwrap(), NOBODY);
    }

    #[test]
    fn a_user_is_named_by_name_or_number() {
        let chosen = |name| chosen(Some(name), (Some("7"), Some("7")), PASSWD);
        assert_eq!(chosen("ann"), Ok(user(1000, 100)));
        assert_eq!(chosen("1000"), Ok(user(1000, 100)));
        assert_eq!(chosen("4000"), Ok(user(4000, 4000)));
        assert_eq!(chosen("4000:5"), Ok(user(4000, 5)));
        assert_eq!(chosen("root"), Ok(user(0, 0)));
        for name in ["bob", "", "1000:", ":", "4000:x", "-1"] {
            assert_eq!(chosen(name), Err(UserError::Unknown(name.to_owned())), "{name}");
        }
        let error = UserError::Unknown("\x1b[31m".to_owned()).to_string();
        assert!(!error.contains('\x1b'), "{error}");
    }
}
