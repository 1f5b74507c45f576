//! Who can read or change an open file: the decision, apart from how the facts are found out.

use std::path::Path;

/// What is known of an open file.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    pub(super) kind: Kind,
    pub(super) owner: u32,
    pub(super) group: u32,
    pub(super) mode: u32,
    /// Its access control list, if it has one. Then the group's bits of `mode` are the list's mask.
    pub(super) acl: Option<Vec<Entry>>,
    /// The mount that it was opened through cannot be written to.
    pub(super) is_on_read_only_mount: bool,
    /// It is below `$CREDENTIALS_DIRECTORY`, which the service manager fills.
    pub(super) is_credential: bool,
    /// Whose link its name is, if it is one.
    pub(super) link_owner: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    /// One without a name, as a shell's `<(…)` makes it.
    Pipe,
    Other(&'static str),
}

/// This process, as the system judges it.
#[derive(Debug, Clone)]
pub(super) struct Process {
    pub(super) user: u32,
    pub(super) groups: Vec<u32>,
}

/// An entry of an access control list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) whom: Whom,
    pub(super) rights: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whom {
    Owner,
    User(u32),
    OwningGroup,
    Group(u32),
    Mask,
    Others,
}

const READ: u32 = 4;
const WRITE: u32 = 2;
const ROOT: u32 = 0;

impl Facts {
    /// Whether a secret may be in it: no one but this process's user and root can read it, or it is where
    /// service managers and containers put secrets.
    ///
    /// # Errors
    /// What is wrong with it, and what to do.
    pub(super) fn for_secret(&self, process: &Process, path: &Path) -> Result<(), String> {
        match self.kind {
            Kind::Pipe => return Ok(()),
            Kind::Other(what) => return Err(format!("is {what}, not a file")),
            Kind::File => {}
        }
        self.ours(process, "read and replace")?;
        let others = self.others(process);
        // Where no one can write, other users are other parts of one container at most.
        let is_handed_in = self.is_on_read_only_mount || self.is_credential;
        if others & !READ == 0 && (others == 0 || is_handed_in || self.is_for_group(process)) {
            return Ok(());
        }
        let mode = self.mode & 0o777;
        Err(format!(
            "is open to others than its owner (mode {mode:03o}{}); {}",
            if self.acl.is_some() {
                ", and an access control list"
            } else {
                ""
            },
            self.cure(path)
        ))
    }

    /// Whether what it says may be obeyed: no one but this process's user and root can change it.
    ///
    /// # Errors
    /// What is wrong with it, and what to do.
    pub(super) fn for_orders(&self, process: &Process) -> Result<(), String> {
        match self.kind {
            Kind::Pipe => return Ok(()),
            Kind::Other(what) => return Err(format!("is {what}, not a file")),
            Kind::File => {}
        }
        self.ours(process, "change")?;
        if self.is_on_read_only_mount || self.others(process) & WRITE == 0 {
            return Ok(());
        }
        let mode = self.mode & 0o777;
        let cure = if self.acl.is_some() {
            "run `setfacl -b` and `chmod go-w` on it"
        } else {
            "run `chmod go-w` on it"
        };
        Err(format!(
            "can be changed by others than its owner (mode {mode:03o}); {cure}"
        ))
    }

    fn ours(&self, process: &Process, what: &str) -> Result<(), String> {
        let is_other = |user: &u32| ![ROOT, process.user].contains(user);
        if self.is_on_read_only_mount {
            return Ok(());
        }
        if is_other(&self.owner) {
            return Err(format!(
                "belongs to user {}, who can {what} it; run `chown {}` on it, or mount it read-only",
                self.owner, process.user
            ));
        }
        if let Some(owner) = self.link_owner.filter(is_other) {
            return Err(format!(
                "is a symbolic link of user {owner}, who can lead it elsewhere; name the file itself"
            ));
        }
        Ok(())
    }

    // What anybody may do to it but its owner, root and this process's user.
    fn others(&self, process: &Process) -> u32 {
        let Some(acl) = &self.acl else {
            return self.mode >> 3 & 7 | self.mode & 7;
        };
        let mask = acl.iter().find(|entry| entry.whom == Whom::Mask);
        let mask = mask.map_or(7, |mask| mask.rights);
        acl.iter().fold(0, |others, entry| {
            let rights = match entry.whom {
                Whom::Owner | Whom::Mask => 0,
                Whom::User(user) if [ROOT, process.user].contains(&user) => 0,
                Whom::Others => entry.rights,
                Whom::User(_) | Whom::OwningGroup | Whom::Group(_) => entry.rights & mask,
            };
            others | rights
        })
    }

    // As `fsGroup` of Kubernetes has it: root's, for a group that this process is in, and for no one else.
    fn is_for_group(&self, process: &Process) -> bool {
        let group_only = self.acl.is_none() && self.mode & 0o077 == 0o040;
        // Root needs no group to read its own file.
        let is_root = process.user == ROOT;
        group_only && self.owner == ROOT && !is_root && process.groups.contains(&self.group)
    }

    fn cure(&self, path: &Path) -> &'static str {
        let shown = path.to_string_lossy();
        if self.acl.is_some() {
            "run `setfacl -b` and `chmod 600` on it"
        } else if shown.contains("/kubernetes.io/") || shown.contains("/..data/") {
            "set `defaultMode: 0400` for the volume, or mount it read-only with an `fsGroup`"
        } else if shown.starts_with("/run/secrets/") || shown.starts_with("/var/run/secrets/") {
            "mount it read-only, or with `mode: 0400` and the `uid` of the container's user"
        } else {
            "run `chmod 600` on it"
        }
    }
}

/// Reads `system.posix_acl_access`, as the kernel writes it. `None` if it is not readable as one.
pub(super) fn acl(bytes: &[u8]) -> Option<Vec<Entry>> {
    let (version, entries) = bytes.split_first_chunk::<4>()?;
    if u32::from_le_bytes(*version) != 2 || entries.len() % 8 != 0 {
        return None;
    }
    entries
        .chunks_exact(8)
        .map(|entry| {
            let rights = u32::from(u16::from_le_bytes([entry[2], entry[3]]));
            let id = u32::from_le_bytes([entry[4], entry[5], entry[6], entry[7]]);
            let whom = match u16::from_le_bytes([entry[0], entry[1]]) {
                0x01 => Whom::Owner,
                0x02 => Whom::User(id),
                0x04 => Whom::OwningGroup,
                0x08 => Whom::Group(id),
                0x10 => Whom::Mask,
                0x20 => Whom::Others,
                _ => return None,
            };
            Some(Entry { whom, rights })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ME: u32 = 1000;
    const MY_GROUP: u32 = 1001;
    const OTHER: u32 = 65534;

    fn me() -> Process {
        Process {
            user: ME,
            groups: vec![MY_GROUP, 50],
        }
    }

    fn root() -> Process {
        Process {
            user: ROOT,
            groups: vec![0],
        }
    }

    fn file(owner: u32, group: u32, mode: u32) -> Facts {
        Facts {
            kind: Kind::File,
            owner,
            group,
            mode,
            acl: None,
            is_on_read_only_mount: false,
            is_credential: false,
            link_owner: None,
        }
    }

    fn with_acl(mut facts: Facts, entries: &[(Whom, u32)]) -> Facts {
        let entry = |(whom, rights): &(Whom, u32)| Entry {
            whom: *whom,
            rights: *rights,
        };
        facts.acl = Some(entries.iter().map(entry).collect());
        facts
    }

    fn read_only(facts: Facts) -> Facts {
        Facts {
            is_on_read_only_mount: true,
            ..facts
        }
    }

    fn credential(facts: Facts) -> Facts {
        Facts {
            is_credential: true,
            ..facts
        }
    }

    fn secret(facts: &Facts, process: &Process) -> Result<(), String> {
        facts.for_secret(process, Path::new("/home/a/token"))
    }

    // As systemd gives a credential to the user of a service.
    fn systemd(user: u32) -> Facts {
        with_acl(
            file(ROOT, ROOT, 0o440),
            &[
                (Whom::Owner, 4),
                (Whom::User(user), 4),
                (Whom::OwningGroup, 0),
                (Whom::Mask, 4),
                (Whom::Others, 0),
            ],
        )
    }

    #[test]
    fn secret_is_accepted_where_nobody_else_can_read_it() {
        for (what, facts, process) in [
            ("mine", file(ME, MY_GROUP, 0o600), me()),
            ("mine, read only", file(ME, OTHER, 0o400), me()),
            ("root's", file(ROOT, ROOT, 0o400), root()),
            ("systemd's list", systemd(ME), me()),
            ("a list for root", systemd(ROOT), me()),
            ("systemd's list, as root", systemd(ROOT), root()),
            ("fsGroup", file(ROOT, MY_GROUP, 0o440), me()),
            ("fsGroup, a further group", file(ROOT, 50, 0o640), me()),
            ("Kubernetes' default", read_only(file(ROOT, ROOT, 0o644)), me()),
            ("Swarm's default", read_only(file(ROOT, ROOT, 0o444)), me()),
            (
                "Compose's file of the host's user",
                read_only(file(1234, 1234, 0o444)),
                me(),
            ),
            ("a credential", credential(file(ROOT, ROOT, 0o440)), me()),
            (
                "a list whose mask takes the group's rights",
                with_acl(
                    file(ME, MY_GROUP, 0o600),
                    &[
                        (Whom::Owner, 6),
                        (Whom::Group(OTHER), 6),
                        (Whom::Mask, 0),
                        (Whom::Others, 0),
                    ],
                ),
                me(),
            ),
        ] {
            assert_eq!(secret(&facts, &process), Ok(()), "{what}");
        }
        let pipe = Facts {
            kind: Kind::Pipe,
            ..file(OTHER, OTHER, 0o666)
        };
        assert_eq!(secret(&pipe, &me()), Ok(()));
    }

    #[test]
    fn secret_is_refused_where_somebody_else_can_read_it() {
        let list = |whom, mask| with_acl(systemd(ME), &[(Whom::Owner, 6), (whom, 4), (Whom::Mask, mask)]);
        for (what, facts, process, part) in [
            (
                "group",
                file(ME, MY_GROUP, 0o640),
                me(),
                "(mode 640); run `chmod 600` on it",
            ),
            ("others", file(ME, MY_GROUP, 0o604), me(), "chmod 600"),
            ("root's, for all", file(ROOT, ROOT, 0o444), me(), "chmod 600"),
            (
                "root's, for a strange group",
                file(ROOT, OTHER, 0o440),
                me(),
                "chmod 600",
            ),
            (
                "root's, a group that may write",
                file(ROOT, MY_GROUP, 0o460),
                me(),
                "chmod 600",
            ),
            (
                "of another user",
                file(OTHER, OTHER, 0o600),
                me(),
                "belongs to user 65534",
            ),
            (
                "of another user, read by root",
                file(OTHER, OTHER, 0o600),
                root(),
                "chown 0",
            ),
            (
                "of another user, for my group",
                file(OTHER, MY_GROUP, 0o440),
                me(),
                "belongs to",
            ),
            (
                "read-only, written by others",
                read_only(file(ROOT, ROOT, 0o666)),
                me(),
                "open to others",
            ),
            (
                "a credential of another user",
                credential(file(OTHER, ROOT, 0o400)),
                me(),
                "belongs to",
            ),
            (
                "a list for another user",
                list(Whom::User(OTHER), 4),
                me(),
                "setfacl -b",
            ),
            (
                "a list for a group",
                list(Whom::Group(OTHER), 4),
                me(),
                "access control list",
            ),
            (
                "a list for the owning group",
                list(Whom::OwningGroup, 4),
                me(),
                "setfacl -b",
            ),
            ("a list for all", list(Whom::Others, 0), me(), "setfacl -b"),
        ] {
            let why = secret(&facts, &process).expect_err(what);
            assert!(why.contains(part), "{what}: {why}");
        }
    }

    #[test]
    fn secret_that_stays_refused_names_the_cure_for_its_mount() {
        let facts = file(ROOT, ROOT, 0o444);
        for (path, cure) in [
            ("/run/secrets/token", "`mode: 0400`"),
            ("/var/run/secrets/kubernetes.io/x/token", "`defaultMode: 0400`"),
            ("/etc/repass/..data/token", "`fsGroup`"),
            ("/etc/repass/token", "`chmod 600`"),
        ] {
            let why = facts.for_secret(&me(), Path::new(path)).unwrap_err();
            assert!(why.contains(cure), "{path}: {why}");
        }
    }

    #[test]
    fn orders_are_taken_where_nobody_else_can_give_them() {
        for (what, facts, process) in [
            ("mine", file(ME, MY_GROUP, 0o644), me()),
            ("root's", file(ROOT, ROOT, 0o644), me()),
            ("root's, as root", file(ROOT, ROOT, 0o755), root()),
            ("a mounted one", read_only(file(1234, 1234, 0o666)), me()),
            (
                "a list of readers",
                with_acl(file(ME, 1, 0o640), &[(Whom::User(OTHER), 4), (Whom::Mask, 6)]),
                me(),
            ),
        ] {
            assert_eq!(facts.for_orders(&process), Ok(()), "{what}");
        }
        let link = |owner| Facts {
            link_owner: Some(owner),
            ..file(ROOT, ROOT, 0o644)
        };
        assert_eq!(link(ME).for_orders(&me()), Ok(()));
        for (what, facts, process, part) in [
            (
                "group may write",
                file(ME, MY_GROUP, 0o664),
                me(),
                "(mode 664); run `chmod go-w` on it",
            ),
            ("all may write", file(ROOT, ROOT, 0o646), me(), "chmod go-w"),
            (
                "of another user",
                file(OTHER, OTHER, 0o644),
                me(),
                "belongs to user 65534, who can change it",
            ),
            (
                "of another user, as root",
                file(OTHER, OTHER, 0o644),
                root(),
                "belongs to",
            ),
            (
                "mine, as root",
                file(ME, ME, 0o600),
                root(),
                "belongs to user 1000",
            ),
            (
                "another user's link",
                link(OTHER),
                me(),
                "symbolic link of user 65534",
            ),
            (
                "a list with a writer",
                with_acl(file(ME, 1, 0o660), &[(Whom::User(OTHER), 6), (Whom::Mask, 6)]),
                me(),
                "setfacl -b",
            ),
        ] {
            let why = facts.for_orders(&process).expect_err(what);
            assert!(why.contains(part), "{what}: {why}");
        }
    }

    #[test]
    fn acl_is_read_as_the_kernel_writes_it() {
        let mut bytes = vec![2, 0, 0, 0];
        for (tag, rights, id) in [
            (1_u16, 4_u16, u32::MAX),
            (2, 4, 65534),
            (4, 0, u32::MAX),
            (16, 4, u32::MAX),
            (32, 0, u32::MAX),
        ] {
            bytes.extend(tag.to_le_bytes());
            bytes.extend(rights.to_le_bytes());
            bytes.extend(id.to_le_bytes());
        }
        assert_eq!(acl(&bytes), systemd(65534).acl);
        for wrong in [
            &b""[..],
            &[1, 0, 0, 0],
            &[2, 0, 0, 0, 1],
            &[2, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0],
        ] {
            assert_eq!(acl(wrong), None, "{wrong:?}");
        }
    }
}
