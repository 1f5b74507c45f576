//! OpenLDAP's slapd with the password policy overlay.

use std::fs;
use std::process::Command;

use super::ldif::{Ldif, Values};
use super::{Directory, MANAGER, SERVICE, START, user};
use crate::real_servers::servers::{Result, run};

const BASE: &str = "dc=example,dc=org";

// The policies, each with what differs from the others, and the user of the same name with what is special about it.
// `pwdCheckQuality: 2` makes the server refuse what it cannot check.
const SPECIAL: [(&str, Values, Values); 8] = [
    ("minage", &[("pwdMinAge", "86400")], &[("pwdChangedTime", "NOW")]),
    (
        "mustchange",
        &[("pwdMustChange", "TRUE")],
        &[("pwdReset", "TRUE")],
    ),
    ("safemodify", &[("pwdSafeModify", "TRUE")], &[]),
    ("nochange", &[("pwdAllowUserChange", "FALSE")], &[]),
    (
        "expired",
        &[("pwdMaxAge", "86400")],
        &[("pwdChangedTime", "20200101000000Z")],
    ),
    (
        "grace",
        &[("pwdMaxAge", "86400"), ("pwdGraceAuthnLimit", "3")],
        &[("pwdChangedTime", "20200101000000Z")],
    ),
    (
        "locked",
        &[("pwdLockout", "TRUE"), ("pwdMaxFailure", "3")],
        &[("pwdAccountLockedTime", "000001010000Z")],
    ),
    ("unchecked", &[("pwdCheckQuality", "0")], &[]),
];

impl Directory {
    pub(super) async fn start_slapd(&mut self, users: usize) -> Result<()> {
        // A module of the kind that checks more than slapd itself, as `ppm` does.
        let module = "#include <string.h>\nint check_password(char *password, char **error, void *entry) {\n  \
                      (void)entry;\n  if (!strstr(password, \"forbidden\")) return 0;\n  \
                      *error = strdup(\"Password contains a forbidden word\");\n  return 1;\n}\n";
        fs::write(self.folder.join("check.c"), module)?;
        run(Command::new("cc")
            .current_dir(&self.folder)
            .args(["-shared", "-fPIC", "-o", "check.so", "check.c"]))?;
        fs::create_dir_all(self.folder.join("data"))?;
        let conf = self.folder.join("slapd.conf");
        fs::write(&conf, self.slapd_conf())?;
        let entries = self.folder.join("entries.ldif");
        fs::write(&entries, self.slapd_entries(users).0)?;
        run(Command::new("/usr/sbin/slapadd")
            .arg("-q")
            .arg("-f")
            .arg(&conf)
            .arg("-l")
            .arg(&entries))?;
        let urls = format!(
            "ldap://127.0.0.1:{} ldaps://127.0.0.1:{}",
            self.ldap_port, self.ldaps_port
        );
        // `-d` keeps it in the foreground.
        self.spawn(
            Command::new("/usr/sbin/slapd")
                .args(["-d", "none", "-h", &urls, "-f"])
                .arg(conf),
        )?;
        self.wait().await
    }

    fn slapd_conf(&self) -> String {
        let schemas: String = ["core", "cosine", "nis", "inetorgperson", "namedobject"]
            .map(|name| format!("include /etc/ldap/schema/{name}.schema\n"))
            .concat();
        format!(
            "{schemas}modulepath /usr/lib/ldap\nmoduleload back_mdb\nmoduleload ppolicy\n\
             TLSCACertificateFile {authority}\nTLSCertificateFile {certificate}\nTLSCertificateKeyFile {key}\n\
             database mdb\nsuffix {BASE}\nrootdn cn=manager,{BASE}\nrootpw {MANAGER}\ndirectory {data}\n\
             maxsize 268435456\nindex objectClass,uid eq\n\
             # `write` keeps every rule; `manage` bypasses them.\n\
             access to attrs=userPassword by dn.exact=cn=service,{BASE} write by dn.exact=cn=bypass,{BASE} manage \
             by self =wx by anonymous auth\n\
             access to attrs=description by dn.exact=cn=service,{BASE} write by users read\n\
             access to dn.subtree=ou=hidden,{BASE} by * none\n\
             access to * by users read by anonymous auth\n\
             overlay ppolicy\nppolicy_default cn=default,ou=policies,{BASE}\nppolicy_use_lockout\n\
             # A Modify of the password is hashed, as the Password Modify operation is.\n\
             ppolicy_hash_cleartext\n",
            authority = self.certificates.authority.display(),
            certificate = self.certificates.certificate.display(),
            key = self.certificates.key.display(),
            data = self.path("data"),
        )
    }

    fn slapd_entries(&self, users: usize) -> Ldif {
        let mut ldif = Ldif::default();
        let top = [
            ("objectClass", "dcObject"),
            ("objectClass", "organization"),
            ("o", "example"),
        ];
        ldif.add(BASE, &top);
        for unit in ["people", "hidden", "policies"] {
            ldif.add(
                &format!("ou={unit},{BASE}"),
                &[("objectClass", "organizationalUnit")],
            );
        }
        let check = self.path("check.so");
        let default = [
            ("pwdMaxLength", "64"),
            ("pwdInHistory", "3"),
            ("pwdLockout", "TRUE"),
            ("pwdMaxFailure", "5"),
            ("pwdLockoutDuration", "300"),
            ("pwdCheckModule", &check),
        ];
        add_policy(&mut ldif, "default", &default);
        for number in 0..users {
            self.add_slapd_user(&mut ldif, &user(number), &[]);
        }
        for (name, policy, attributes) in SPECIAL {
            add_policy(&mut ldif, name, policy);
            let subentry = format!("cn={name},ou=policies,{BASE}");
            let attributes = [&[("pwdPolicySubentry", subentry.as_str())], attributes].concat();
            self.add_slapd_user(&mut ldif, name, &attributes);
        }
        let person = [
            ("objectClass", "inetOrgPerson"),
            ("cn", "nopassword"),
            ("sn", "nopassword"),
        ];
        ldif.add(&self.server.user_dn("nopassword"), &person);
        ldif.add(&format!("uid=hidden,ou=hidden,{BASE}"), &person);
        // An entry that cannot have a password.
        let device = [("objectClass", "account")];
        ldif.add(&self.server.user_dn("device"), &device);
        for name in ["service", "bypass", "powerless"] {
            let account = [
                ("objectClass", "organizationalRole"),
                ("objectClass", "simpleSecurityObject"),
                ("userPassword", SERVICE),
            ];
            ldif.add(&format!("cn={name},{BASE}"), &account);
        }
        ldif
    }

    fn add_slapd_user(&self, ldif: &mut Ldif, name: &str, attributes: &[(&str, &str)]) {
        let now = jiff::Timestamp::now().strftime("%Y%m%d%H%M%SZ").to_string();
        let person = [
            ("objectClass", "inetOrgPerson"),
            ("cn", name),
            ("sn", name),
            ("userPassword", START),
        ];
        let attributes: Vec<(&str, &str)> = attributes
            .iter()
            .map(|(name, value)| (*name, if *value == "NOW" { now.as_str() } else { value }))
            .collect();
        ldif.add(
            &self.server.user_dn(name),
            &[&person, attributes.as_slice()].concat(),
        );
    }
}

fn add_policy(ldif: &mut Ldif, name: &str, attributes: &[(&str, &str)]) {
    let mut policy = vec![
        ("objectClass", "namedPolicy"),
        ("objectClass", "pwdPolicy"),
        ("objectClass", "pwdPolicyChecker"),
        ("pwdAttribute", "userPassword"),
        ("pwdMinLength", "8"),
    ];
    if !attributes.iter().any(|(name, _)| *name == "pwdCheckQuality") {
        policy.push(("pwdCheckQuality", "2"));
    }
    policy.extend(attributes);
    ldif.add(&format!("cn={name},ou=policies,{BASE}"), &policy);
}
