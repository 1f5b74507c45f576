//! Samba as a domain controller of Active Directory: its LDAP service alone, in one process.

use std::fs;
use std::process::Command;

use super::ldif::{Ldif, Values, unicode_password};
use super::{Directory, MANAGER, SERVICE, START, user};
use crate::real_servers::servers::{Result, free_address, run};

const BASE: &str = "DC=example,DC=org";
const NEVER: &str = "-9223372036854775808";

// Users for one case each, with what is special about them.
const SPECIAL: [(&str, Values); 8] = [
    ("mustchange", &[("pwdLastSet", "0")]),
    ("disabled", &[("userAccountControl", "514")]),
    ("accountexpired", &[("accountExpires", "125911584000000000")]),
    ("expired", &[]),
    ("nochange", &[]),
    ("minage", &[]),
    ("long", &[]),
    ("lock", &[]),
];

// Fine-grained policies for the users of the same names: precedence, least length, least age in days, history, threshold.
const POLICIES: [(&str, u32, u32, i64, u32, u32); 3] = [
    ("minage", 10, 8, 1, 3, 0),
    ("long", 11, 20, 0, 0, 0),
    ("lock", 12, 8, 0, 2, 3),
];

// Of the schema of Active Directory.
const USER_CLASS: &str = "bf967aba-0de6-11d0-a285-00aa003049e2";
const RESET_PASSWORD: &str = "00299570-246d-11d0-a768-00aa006e0529";
const CHANGE_PASSWORD: &str = "ab721a53-1e2f-11d0-9819-00aa0040529b";
const PWD_LAST_SET: &str = "bf967a0a-0de6-11d0-a285-00aa003049e2";
const INFO: &str = "bf96793e-0de6-11d0-a285-00aa003049e2";
const LOCKOUT_TIME: &str = "28630ebf-41d5-11d1-a9c1-0000f80367c1";

impl Directory {
    pub(super) async fn start_samba(&mut self, users: usize) -> Result<()> {
        let library = self.folder.join("portmap.so");
        fs::write(self.folder.join("portmap.c"), include_str!("portmap.c"))?;
        run(Command::new("cc").current_dir(&self.folder).args([
            "-shared",
            "-fPIC",
            "-o",
            "portmap.so",
            "portmap.c",
            "-ldl",
        ]))?;
        for name in ["private", "state", "cache", "lock", "run"] {
            fs::create_dir_all(self.folder.join(name))?;
        }
        let conf = self.folder.join("smb.conf");
        fs::write(&conf, self.smb_conf())?;
        run(Command::new("samba-tool")
            .env("LD_PRELOAD", &library)
            .args([
                "domain",
                "provision",
                "--realm=EXAMPLE.ORG",
                "--domain=EXAMPLE",
                "--server-role=dc",
            ])
            .args(["--host-name=dc1", "--host-ip=127.0.0.1", "--dns-backend=NONE"])
            .args(["--base-schema=2012_R2", &format!("--adminpass={MANAGER}"), "-s"])
            .arg(&conf))?;
        // Provisioning replaces it.
        fs::write(&conf, self.smb_conf())?;
        let ports = format!(
            "389={} 636={} 3268={} 3269={}",
            self.ldap_port,
            self.ldaps_port,
            free_address()?.port(),
            free_address()?.port()
        );
        self.spawn(
            Command::new("/usr/sbin/samba")
                .env("LD_PRELOAD", library)
                .env("REPASS_PORTS", ports)
                .args([
                    "-F",
                    "-M",
                    "single",
                    "--no-process-group",
                    "--debug-stdout",
                    "-d",
                    "1",
                    "-s",
                ])
                .arg(&conf),
        )?;
        self.wait().await?;
        self.samba_entries(users).apply(
            &self.folder,
            &self.ldaps_url(),
            self.server.manager_dn(),
            MANAGER,
        )?;
        self.delegate().await?;
        self.expire("expired")
    }

    fn smb_conf(&self) -> String {
        format!(
            "[global]\nnetbios name = DC1\nrealm = EXAMPLE.ORG\nworkgroup = EXAMPLE\n\
             server role = active directory domain controller\nserver services = ldap\n\
             interfaces = 127.0.0.1/8\nbind interfaces only = yes\n\
             private dir = {folder}/private\nstate directory = {folder}/state\ncache directory = {folder}/cache\n\
             lock directory = {folder}/lock\npid directory = {folder}/run\nncalrpc dir = {folder}/run/ncalrpc\n\
             winbindd socket directory = {folder}/run/winbindd\nntp signd socket directory = {folder}/run/ntp\n\
             binddns dir = {folder}/dns\nlog file = {folder}/samba.log\ntls enabled = yes\n\
             tls keyfile = {key}\ntls certfile = {certificate}\ntls cafile = {authority}\n\
             # Not every file system has extended attributes.\n\
             vfs objects = dfs_samba4 acl_xattr xattr_tdb\nxattr_tdb:file = {folder}/private/xattr.tdb\n\
             [sysvol]\npath = {folder}/state/sysvol\nread only = no\n\
             [netlogon]\npath = {folder}/state/sysvol/example.org/scripts\nread only = no\n",
            folder = self.folder.display(),
            key = self.certificates.key.display(),
            certificate = self.certificates.certificate.display(),
            authority = self.certificates.authority.display(),
        )
    }

    fn samba_entries(&self, users: usize) -> Ldif {
        let mut ldif = Ldif::default();
        let domain = [
            ("minPwdAge", "0"),
            ("minPwdLength", "8"),
            ("lockoutThreshold", "5"),
        ];
        ldif.replace(BASE, &domain);
        for number in 0..users {
            self.add_samba_user(&mut ldif, &user(number), START, &[]);
        }
        for (name, attributes) in SPECIAL {
            self.add_samba_user(&mut ldif, name, START, attributes);
        }
        for name in ["service", "powerless"] {
            // Its password never expires.
            self.add_samba_user(&mut ldif, name, SERVICE, &[("userAccountControl", "66048")]);
        }
        for (name, precedence, length, days, history, threshold) in POLICIES {
            let age = (-days * 24 * 3600 * 10_000_000).to_string();
            let policy = [
                ("objectClass", "msDS-PasswordSettings"),
                ("msDS-PasswordSettingsPrecedence", &precedence.to_string()),
                ("msDS-PasswordReversibleEncryptionEnabled", "FALSE"),
                ("msDS-PasswordComplexityEnabled", "TRUE"),
                ("msDS-MinimumPasswordLength", &length.to_string()),
                ("msDS-MinimumPasswordAge", &age),
                ("msDS-MaximumPasswordAge", NEVER),
                ("msDS-PasswordHistoryLength", &history.to_string()),
                ("msDS-LockoutThreshold", &threshold.to_string()),
                ("msDS-LockoutObservationWindow", "-18000000000"),
                ("msDS-LockoutDuration", "-18000000000"),
                ("msDS-PSOAppliesTo", &self.server.user_dn(name)),
            ];
            let container = format!("CN={name},CN=Password Settings Container,CN=System,{BASE}");
            ldif.add(&container, &policy);
        }
        ldif
    }

    fn add_samba_user(&self, ldif: &mut Ldif, name: &str, password: &str, attributes: &[(&str, &str)]) {
        let password = unicode_password(password);
        let principal = format!("{name}@example.org");
        let mut entry = vec![
            ("objectClass", "user"),
            ("sAMAccountName", name),
            ("userPrincipalName", &principal),
            // A second colon announces base64.
            ("unicodePwd:", &password),
        ];
        if !attributes.iter().any(|(name, _)| *name == "userAccountControl") {
            entry.push(("userAccountControl", "512"));
        }
        entry.extend(attributes);
        ldif.add(&self.server.user_dn(name), &entry);
    }

    // Gives the service its rights, and takes one from a user.
    async fn delegate(&self) -> Result<()> {
        let service = self.read(self.server.service_dn(), &["objectSid"]).await?;
        let sid = service.get("objectsid").and_then(|values| values.first());
        let sid = sid_text(sid.ok_or("the service has no objectSid")?)?;
        let rights = [
            ("CR", RESET_PASSWORD),
            ("WP", PWD_LAST_SET),
            ("WP", LOCKOUT_TIME),
            ("WP", INFO),
        ];
        let rights = rights.map(|(right, what)| format!("(OA;CI;{right};{what};{USER_CLASS};{sid})"));
        self.grant(self.server.user_base(), &rights.concat())?;
        // For the user, and for everyone.
        let denial = ["PS", "WD"].map(|who| format!("(OD;;CR;{CHANGE_PASSWORD};;{who})"));
        self.grant(&self.server.user_dn("nochange"), &denial.concat())
    }

    fn grant(&self, dn: &str, aces: &str) -> Result<()> {
        run(Command::new("samba-tool")
            .args(["dsacl", "set", "--objectdn", dn, "--sddl", aces, "-s"])
            .arg(self.folder.join("smb.conf"))
            .arg("-H")
            .arg(self.folder.join("private/sam.ldb")))
    }

    // Over LDAP, `pwdLastSet` takes only 0 and -1, and passwords of less than a day never expire. This goes past the
    // checks, to the database.
    fn expire(&self, name: &str) -> Result<()> {
        let mut ldif = Ldif::default();
        ldif.replace(
            &self.server.user_dn(name),
            &[("pwdLastSet", "132000000000000000")],
        );
        let file = self.folder.join("expire.ldif");
        fs::write(&file, ldif.0)?;
        run(Command::new("ldbmodify")
            .arg("-H")
            .arg(self.folder.join("private/sam.ldb"))
            .arg("--controls=local_oid:1.3.6.1.4.1.7165.4.3.12:0")
            .arg(file))
    }
}

// A security identifier: revision, number of parts, authority in six bytes, the parts in four each.
fn sid_text(sid: &[u8]) -> Result<String> {
    let (head, parts) = sid.split_at_checked(8).ok_or("an objectSid is too short")?;
    let authority = head[2..]
        .iter()
        .fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
    let parts = parts.chunks_exact(4).map(|part| {
        let value = part
            .iter()
            .rev()
            .fold(0_u32, |value, byte| value << 8 | u32::from(*byte));
        format!("-{value}")
    });
    Ok(format!("S-{}-{authority}{}", head[0], parts.collect::<String>()))
}
