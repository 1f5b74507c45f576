//! 389 Directory Server.
//!
//! Its own installer needs systemd and writes below `/etc` and `/var`, so the configuration is made from the template of
//! the package.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use base64ct::{Base64, Encoding as _};
use sha2::{Digest as _, Sha512};

use super::ldif::{Ldif, Values};
use super::{Directory, MANAGER, SERVICE, START, user};
use crate::real_servers::servers::{Result, identity, run};

const BASE: &str = "dc=example,dc=org";
const TEMPLATE: &str = "/usr/share/dirsrv/data/template-dse.ldif";

// As in `slapd.rs`; the attributes of a user are set after its password.
const SPECIAL: [(&str, Values, Values); 9] = [
    (
        "minage",
        &[("passwordMinAge", "86400")],
        // The first change after an entry was added is not held back.
        &[("passwordAllowChangeTime", "20380101000000Z")],
    ),
    ("mustchange", &[("passwordMustChange", "on")], &[]),
    ("nochange", &[("passwordChange", "off")], &[]),
    (
        "expired",
        &[("passwordExp", "on"), ("passwordMaxAge", "86400")],
        &[("passwordExpirationTime", "20200101000000Z")],
    ),
    (
        "grace",
        &[
            ("passwordExp", "on"),
            ("passwordMaxAge", "86400"),
            ("passwordGraceLimit", "3"),
        ],
        &[("passwordExpirationTime", "20200101000000Z")],
    ),
    (
        "locked",
        &[
            ("passwordLockout", "on"),
            ("passwordMaxFailure", "3"),
            ("passwordUnlock", "off"),
        ],
        &[
            ("passwordRetryCount", "3"),
            ("accountUnlockTime", "19700101000000Z"),
        ],
    ),
    (
        "rules",
        &[
            ("passwordMinDigits", "1"),
            ("passwordMinUppers", "1"),
            ("passwordMinSpecials", "1"),
            ("passwordMaxRepeats", "2"),
            ("passwordPalindrome", "on"),
            ("passwordMaxSequence", "3"),
            ("passwordBadWords", "forbidden"),
        ],
        &[],
    ),
    ("categories", &[("passwordMinCategories", "4")], &[]),
    ("unchecked", &[("passwordCheckSyntax", "off")], &[]),
];

impl Directory {
    pub(super) async fn start_dirsrv(&mut self, users: usize) -> Result<()> {
        for name in ["lock", "tmp", "ldif", "bak", "run", "inst", "log", "db", "home"] {
            fs::create_dir_all(self.folder.join(name))?;
        }
        // What the package keeps in /etc/dirsrv, which only its own user can read.
        let etc = self.dirsrv_etc()?;
        fs::create_dir_all(etc.join("schema"))?;
        fs::write(
            etc.join("schema/99user.ldif"),
            "dn: cn=schema\nobjectclass: top\ncn: schema\n",
        )?;
        fs::write(etc.join("slapd-collations.conf"), "")?;
        fs::write(etc.join("certmap.conf"), "certmap default default\n")?;
        self.import_certificates()?;
        fs::write(etc.join("dse.ldif"), self.dse()?)?;
        // `-d` keeps it in the foreground.
        self.spawn(
            Command::new("/usr/sbin/ns-slapd")
                .args(["-d", "0", "-D"])
                .arg(&etc)
                .arg("-i")
                .arg(self.folder.join("pid")),
        )?;
        self.wait().await?;
        let (url, manager) = (self.ldaps_url(), self.server.manager_dn());
        backend().apply(&self.folder, &url, manager, MANAGER)?;
        self.dirsrv_entries(users)
            .apply(&self.folder, &url, manager, MANAGER)
    }

    // Into the database of NSS.
    fn import_certificates(&self) -> Result<()> {
        let database = format!("sql:{}", self.dirsrv_etc()?.display());
        let (package, no_password) = (self.path("server.p12"), self.path("no-password"));
        fs::write(&no_password, "\n")?;
        run(Command::new("certutil").args(["-N", "-d", &database, "--empty-password"]))?;
        run(Command::new("openssl")
            .args([
                "pkcs12",
                "-export",
                "-name",
                "Server-Cert",
                "-passout",
                "pass:transit",
                "-out",
                &package,
            ])
            .arg("-in")
            .arg(&self.certificates.certificate)
            .arg("-inkey")
            .arg(&self.certificates.key))?;
        run(Command::new("pk12util").args([
            "-i",
            &package,
            "-d",
            &database,
            "-W",
            "transit",
            "-k",
            &no_password,
        ]))?;
        run(Command::new("certutil")
            .args([
                "-A",
                "-d",
                &database,
                "-n",
                "authority",
                "-t",
                "CT,,",
                "-f",
                &no_password,
                "-i",
            ])
            .arg(&self.certificates.authority))
    }

    // The server names a semaphore of the whole machine after this folder, and ends without a word if that belongs to
    // another user.
    fn dirsrv_etc(&self) -> Result<PathBuf> {
        Ok(self.folder.join(format!("repass-{}", identity("-u")?)))
    }

    fn dse(&self) -> Result<String> {
        let etc = self.dirsrv_etc()?.display().to_string();
        // The file must hold a hash, and `pwdhash` reads what only the package's own user can.
        let salt = *b"repass-1";
        let hash = Sha512::new().chain_update(MANAGER).chain_update(salt).finalize();
        let hash = Base64::encode_string(&[&hash[..], &salt].concat());
        let port = format!(
            "{}\nnsslapd-listenhost: 127.0.0.1\nnsslapd-securelistenhost: 127.0.0.1\nnsslapd-security: on\n\
             nsslapd-secureport: {}\nnsslapd-pwpolicy-local: on",
            self.ldap_port, self.ldaps_port
        );
        let values = [
            ("schema_dir", format!("{etc}/schema")),
            ("lock_dir", self.path("lock")),
            ("tmp_dir", self.path("tmp")),
            ("cert_dir", etc.clone()),
            ("ldif_dir", self.path("ldif")),
            ("bak_dir", self.path("bak")),
            ("run_dir", self.path("run")),
            ("inst_dir", self.path("inst")),
            ("log_dir", self.path("log")),
            ("config_dir", etc),
            ("db_dir", self.path("db")),
            ("db_home_dir", self.path("home")),
            ("db_lib", "mdb".to_owned()),
            ("fqdn", "localhost".to_owned()),
            ("ds_user", identity("-un")?),
            ("rootdn", self.server.manager_dn().to_owned()),
            ("ds_passwd", format!("{{SSHA512}}{hash}")),
            ("ldapi_enabled", "off".to_owned()),
            ("ldapi", self.path("ldapi")),
            ("ldapi_autobind", "off".to_owned()),
            ("ds_suffix", BASE.to_owned()),
            ("ds_port", port),
        ];
        let template = fs::read_to_string(TEMPLATE)?;
        Ok(values.iter().fold(template, |text, (name, value)| {
            text.replace(&format!("%{name}%"), value)
        }))
    }

    fn dirsrv_entries(&self, users: usize) -> Ldif {
        let mut ldif = Ldif::default();
        let service = self.server.service_dn();
        let aci = |targets: &str, name: &str, rights: &str, who: &str| {
            format!(
                "(targetattr {targets})(version 3.0; acl \"{name}\"; allow ({rights}) userdn = \"ldap:///{who}\";)"
            )
        };
        let top = [
            ("objectClass", "domain"),
            (
                "aci",
                &aci("= \"userPassword || description\"", "reset", "write", service),
            ),
            ("aci", &aci("= \"userPassword\"", "change", "write", "self")),
            (
                "aci",
                &aci(
                    "!= \"userPassword || passwordHistory\"",
                    "read",
                    "read, search, compare",
                    "all",
                ),
            ),
        ];
        ldif.add(BASE, &top);
        for unit in ["people", "policies"] {
            ldif.add(
                &format!("ou={unit},{BASE}"),
                &[("objectClass", "organizationalUnit")],
            );
        }
        for number in 0..users {
            self.add_dirsrv_user(&mut ldif, &user(number), &[]);
        }
        for (name, policy, attributes) in SPECIAL {
            let mut entry = vec![
                ("objectClass", "top"),
                ("objectClass", "ldapsubentry"),
                ("objectClass", "passwordPolicy"),
                ("passwordCheckSyntax", "on"),
                ("passwordMinLength", "8"),
                ("passwordDictCheck", "off"),
            ];
            entry.retain(|(known, _)| !policy.iter().any(|(name, _)| name == known));
            entry.extend(policy);
            let subentry = format!("cn={name},ou=policies,{BASE}");
            ldif.add(&subentry, &entry);
            self.add_dirsrv_user(&mut ldif, name, &[("pwdPolicySubentry", &subentry)]);
            if !attributes.is_empty() {
                ldif.replace(&self.server.user_dn(name), attributes);
            }
        }
        let person = [
            ("objectClass", "inetOrgPerson"),
            ("cn", "nopassword"),
            ("sn", "nopassword"),
        ];
        ldif.add(&self.server.user_dn("nopassword"), &person);
        for name in ["service", "powerless"] {
            let account = [
                ("objectClass", "organizationalRole"),
                ("objectClass", "simpleSecurityObject"),
                ("userPassword", SERVICE),
            ];
            ldif.add(&format!("cn={name},{BASE}"), &account);
        }
        ldif
    }

    fn add_dirsrv_user(&self, ldif: &mut Ldif, name: &str, attributes: &[(&str, &str)]) {
        let person = [
            ("objectClass", "inetOrgPerson"),
            ("cn", name),
            ("sn", name),
            ("userPassword", START),
        ];
        ldif.add(&self.server.user_dn(name), &[&person, attributes].concat());
    }
}

// The database, and the policy of the server.
fn backend() -> Ldif {
    let mut ldif = Ldif::default();
    let database = [
        ("objectClass", "extensibleObject"),
        ("objectClass", "nsBackendInstance"),
        ("nsslapd-suffix", BASE),
    ];
    ldif.add("cn=userroot,cn=ldbm database,cn=plugins,cn=config", &database);
    let mapping = [
        ("objectClass", "extensibleObject"),
        ("objectClass", "nsMappingTree"),
        ("cn", BASE),
        ("nsslapd-state", "backend"),
        ("nsslapd-backend", "userroot"),
    ];
    ldif.add(&format!("cn=\"{BASE}\",cn=mapping tree,cn=config"), &mapping);
    let policy = [
        ("passwordCheckSyntax", "on"),
        ("passwordMinLength", "8"),
        ("passwordMinCategories", "3"),
        ("passwordDictCheck", "off"),
        ("passwordHistory", "on"),
        ("passwordInHistory", "3"),
        ("passwordLockout", "on"),
        ("passwordMaxFailure", "5"),
        ("passwordLockoutDuration", "300"),
        ("passwordTrackUpdateTime", "on"),
    ];
    ldif.replace("cn=config", &policy);
    ldif
}
